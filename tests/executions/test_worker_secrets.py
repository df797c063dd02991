"""Secrets in whole runs: where they go, and where nothing of them is left."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from executions.models import Event, Execution, StepRun
from tenants import scope
from tenants.models import Secret
from tests import factories
from tests.bad_servers import answer, serving
from tests.executions import invariants
from tests.executions.driving import drained, started, step_run
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db", "loopback")

TOKEN = 'p4ssw0rd/+ "x!'


def test_a_secret_that_cannot_be_opened_fails_its_step() -> None:
    tenant = factories.make_tenant()
    factories.make_secret(tenant, "token", TOKEN)
    with_secret = {"url": "http://127.0.0.1:9/", "headers": {"X": "{{ secrets.token }}"}}
    execution = started(tenant, document(step("a", kind="http", config=with_secret)))
    with scope.tenant(tenant.id):
        Secret.objects.update(sealed=b"moved or garbled")
    assert drained(execution).error == {
        "step": "a",
        "kind": "config",
        "message": "A secret of this step cannot be opened. Store it anew.",
    }
    invariants.check_ended(execution.id)


def everything_stored(execution: Execution) -> str:
    """All rows of a run as text, without the escapes of JSON."""
    with scope.tenant(execution.tenant_id):
        rows = [
            *Execution.objects.filter(id=execution.id).values(),
            *StepRun.objects.filter(execution=execution).values(),
            *Event.objects.filter(execution=execution).values(),
        ]
    return json.dumps(rows, default=str, ensure_ascii=False)


def test_no_secret_is_stored_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    encoded = base64.b64encode(TOKEN.encode()).decode()

    def echo(sock: Any, request: bytes) -> None:
        body = request + f" {TOKEN} {encoded} {quote(TOKEN)}".encode()
        answer(body, "500 No", ("Content-Type: text/plain", f"X-Echo: {encoded}"))(sock, request)

    tenant = factories.make_tenant()
    factories.make_secret(tenant, "token", TOKEN)
    with serving(echo) as server:
        config = {
            "method": "POST",
            "url": server.url("/{{ secrets.token }}"),
            "headers": {"Authorization": "Bearer {{ secrets.token | trim }}"},
            "json": {"deep": ["{{ secrets.token }}"]},
        }
        made = document(
            step(
                "a", kind="http", config=config, retry={"attempts": 2, "on": [500]}, idempotent=True
            ),
            step("b", "a.failure", config={"message": "It failed.", "data": "{{ steps.a.error }}"}),
            output="{{ steps.a.error }}",
        )
        execution = drained(started(tenant, made))
    assert invariants.check_ended(execution.id) == "succeeded"
    assert len(server.requests) == 2
    assert b'{"deep":["p4ssw0rd' in server.requests[1], "the other side gets it"
    kept = everything_stored(execution) + caplog.text
    assert "[secret token]" in kept
    core = encoded[:-4]
    for spelling in (TOKEN, quote(TOKEN), quote(TOKEN, safe=""), core, "p4ssw0rd"):
        assert spelling not in kept


def test_an_address_that_is_a_secret_is_called_and_not_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As a chat's incoming webhook: who knows the address may write there."""
    tenant = factories.make_tenant()
    with serving(answer()) as server:
        factories.make_secret(tenant, "hook", server.url("/services/T0/B0?key=s3cr3t"))
        config = {"method": "POST", "url": "{{ secrets.hook }}", "query": {"thread": 7}}
        execution = drained(started(tenant, document(step("a", kind="http", config=config))))
    assert invariants.check_ended(execution.id) == "succeeded"
    assert server.requests[0].startswith(b"POST /services/T0/B0?key=s3cr3t&thread=7 HTTP/1.1")
    kept = everything_stored(execution) + caplog.text
    assert "[secret hook]" in kept
    assert "s3cr3t" not in kept


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("hooks.chat.example/T0/s3cr3t", "The URL must start with http:// or https://."),
        ("https://ada:s3cr3t@chat.example/", "The URL contains a user name"),
        ("https://chat.example:s3cr3t/", "The URL has no valid host"),
        ("file:///etc/s3cr3t", "The URL must start with http:// or https://."),
    ],
)
def test_a_secret_that_is_no_address_fails_its_step_and_is_not_told(value: str, says: str) -> None:
    tenant = factories.make_tenant()
    factories.make_secret(tenant, "hook", value)
    config = {"url": "{{ secrets.hook }}"}
    execution = drained(started(tenant, document(step("a", kind="http", config=config))))
    run = step_run(execution, "a")
    assert run.error is not None
    assert (run.error["kind"], says in run.error["message"]) == ("invalid", True)
    assert "s3cr3t" not in everything_stored(execution)
