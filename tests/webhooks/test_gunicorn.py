"""Answers by the real processes: gunicorn as in production, and a worker, if there is one."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID

import pytest
import requests

from executions.models import Execution
from tenants import scope
from tests import factories
from tests.faults.processes import workers
from tests.faults.waiting import wait
from tests.webhooks import gunicorn
from tests.webhooks.gunicorn import Web
from tests.webhooks.senders import Address, make_address, standard
from tests.workflows.definitions import document, step
from webhooks.models import Delivery

pytestmark = pytest.mark.usefixtures("committed_db")

ECHO = document(
    step("a", kind="transform", config={"value": "{{ trigger.body }}"}),
    output="{{ steps.a.output }}",
)
SAYING = {"status": 201, "headers": {"X-Order": "7"}, "json": {"text": "{{ trigger.body.text }}"}}
RESPONDING = document(step("r", kind="respond", config=SAYING), step("later", "r"))
FACTS = {"delivery_id", "execution_id", "status_url"}
WAITERS = 2  # in each process; the default


def signed(web: Web, address: Address, body: bytes, **headers: str) -> requests.Response:
    return web.post(address.path, body, **standard(address, body), **headers)


def test_each_answer(committed_db: None, tmp_path: Path) -> None:
    failing = document(step("a", kind="fail", config={"message": "a secret of the workflow"}))
    sent = '{"text": "ü"}'.encode()
    form = {"content-type": "application/x-www-form-urlencoded"}
    slash_command = urlencode({"command": "/echo", "text": "94070 & more"}).encode()
    slack = make_address("none", answer="respond", definition=RESPONDING)
    with gunicorn.serving(tmp_path) as web, workers(tmp_path) as crew:
        crew.start()
        acked = signed(web, make_address(definition=ECHO), sent)
        result = signed(web, make_address(definition=ECHO, answer="result"), sent)
        failed = signed(web, make_address(definition=failing, answer="result"), sent)
        said = signed(web, make_address(definition=RESPONDING, answer="respond"), sent)
        in_place = web.post(slack.path, slash_command, **form)

    assert (acked.status_code, set(acked.json())) == (202, FACTS)
    assert result.status_code == 200
    assert result.json().items() >= {"status": "succeeded", "output": {"text": "ü"}}.items()
    assert (failed.status_code, failed.json()["execution_status"]) == (500, "failed")
    assert "a secret of the workflow" not in failed.text
    assert (said.status_code, said.json(), said.headers["X-Order"]) == (201, {"text": "ü"}, "7")
    assert said.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert (in_place.status_code, in_place.json()) == (201, {"text": "94070 & more"})


def test_without_a_worker_the_address_comes_and_later_the_answer(
    committed_db: None, tmp_path: Path
) -> None:
    address = make_address(answer="respond", definition=RESPONDING)
    with gunicorn.serving(tmp_path, MAX_WAIT_SECONDS=0.5) as web:
        first = signed(web, address, b'{"text": "x"}')
        assert first.status_code == 202
        assert UUID(first.json()["execution_id"])
        with workers(tmp_path) as crew:
            crew.start()
            wait("the run's end", lambda: _ended(address))
        again = signed(web, address, b'{"text": "x"}')
    assert (again.status_code, again.json()) == (201, {"text": "x"})


def _ended(address: Address) -> bool:
    with scope.tenant(address.tenant.id):
        return Execution.objects.filter(status="succeeded").exists()


def test_however_many_wait_webhooks_are_still_taken_in(committed_db: None, tmp_path: Path) -> None:
    """32 callers who would wait a minute, over both doors, at eight threads."""
    workflow = factories.make_workflow(factories.make_tenant(), ECHO)
    waiting = make_address("none", workflow=workflow, answer="result")
    plain = make_address("none", workflow=workflow)
    bearer = {"authorization": f"Bearer {factories.make_key(waiting.tenant)}"}
    run = f"/api/v1/workflows/{workflow.slug}/run/?wait=60"
    with (
        gunicorn.serving(tmp_path, MAX_WAIT_SECONDS=60) as web,
        ThreadPoolExecutor(32) as callers,
    ):
        asked = [callers.submit(web.post, waiting.path) for _ in range(16)]
        asked += [callers.submit(web.post, run, b'{"input": {}}', **bearer) for _ in range(16)]
        most = gunicorn.PROCESSES * WAITERS
        wait("all but those who may wait to be answered", lambda: len(_open(asked)) <= most)
        held = _open(asked)
        assert held, "nobody waits, so this shows nothing"
        assert {each.result().status_code for each in asked if each not in held} == {202}

        taken = [web.post(plain.path).status_code for _ in range(50)]

        assert taken == [202] * 50
        assert _open(held) == held, "they did not wait any more, so this shows nothing"
        with workers(tmp_path) as crew:
            crew.start()
            assert {each.result(gunicorn.PATIENCE).status_code for each in held} == {200}
    with scope.tenant(waiting.tenant.id):
        assert Execution.objects.count() == 32 + 50
        assert Delivery.objects.count() == 16 + 50


def _open(asked: list[Future[requests.Response]]) -> list[Future[requests.Response]]:
    return [each for each in asked if not each.done()]
