"""Whole runs by a worker in this process, on the real database, to real servers on loopback."""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Event as Flag
from typing import Any

import pytest
from django.db import connection

from executions import services, worker
from tests import environment, factories, servers
from tests.bad_servers import Behaviour, answer, hang_up, serving
from tests.executions import invariants
from tests.executions.driving import (
    claimed,
    drained,
    fresh,
    hurry,
    in_threads,
    kinds,
    new_worker,
    started,
    statuses,
    step_run,
)
from tests.workflows.definitions import definition, document, step
from workflows import graph
from workflows.services import errors, limits

pytestmark = pytest.mark.usefixtures("committed_db", "loopback")


def call(key: str, url: str, *needs: str, method: str = "GET", **more: Any) -> dict[str, Any]:
    return step(key, *needs, kind="http", config={"method": method, "url": url}, **more)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Each request gets the next behaviour; the last one stays."""
    left = list(behaviours)

    def behave(sock: Any, request: bytes) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(sock, request)

    return behave


def test_a_session_that_is_cut_before_a_post_delays_it_and_no_more() -> None:
    worker_id = new_worker()
    with serving(answer()) as server:
        execution = started(
            factories.make_tenant(), document(call("a", server.url(), method="POST"))
        )
        claim = claimed(worker_id)
        assert connection.connection is not None
        pid = connection.connection.info.backend_pid
        with servers.superuser(environment.DATABASE) as db:
            db.execute("SELECT pg_terminate_backend(%s)", [pid])
        with worker._hands.held():
            worker._step(claim, worker_id, worker.Watch())
    assert len(server.requests) == 1
    assert invariants.check_ended(execution.id) == "succeeded"


def test_a_linear_run_from_body_to_output() -> None:
    reply = answer(b'{"total": 40}', headers=("Content-Type: application/json",))
    with serving(reply) as server:
        made = document(
            call("fetch", server.url("/{{ trigger.body.id }}")),
            step(
                "big",
                "fetch",
                kind="condition",
                config={"if": "{{ steps.fetch.output.body.total > 30 }}"},
            ),
            step(
                "sum",
                "big.true",
                kind="transform",
                config={"value": "{{ steps.fetch.output.body.total + 2 }}"},
            ),
            step("small", "big.false"),
            call("tell", server.url("/done"), "sum", method="POST"),
            output={"sum": "{{ steps.sum.output }}", "status": "{{ steps.tell.output.status }}"},
        )
        execution = drained(started(factories.make_tenant(), made, {"id": "o-1"}))
    assert execution.output == {"sum": 42, "status": 200}
    assert statuses(execution)["small"] == "skipped"
    assert [request.split()[1] for request in server.requests] == [b"/o-1", b"/done"]
    assert invariants.check_ended(execution.id) == "succeeded"


def test_retries_keep_every_attempt() -> None:
    with serving(in_turn(hang_up, answer(status="503 Busy"), answer(b"ok"))) as server:
        execution = drained(started(factories.make_tenant(), document(call("a", server.url()))))
    assert invariants.check_ended(execution.id) == "succeeded"
    attempts = step_run(execution, "a").attempts
    assert [(each["attempt"], each["status"]) for each in attempts] == [
        *((1, "retrying"), (2, "retrying"), (3, "succeeded")),
    ]
    assert attempts[0]["error"]["kind"] == "broken"
    assert attempts[1]["error"]["kind"] == "status"
    assert all(each["why"] and each["input"] for each in attempts[:2])
    assert len(server.requests) == 3


def test_a_post_that_breaks_off_is_made_once_and_parked() -> None:
    with serving(hang_up) as server:
        post = call("a", server.url(), method="POST")
        execution = drained(started(factories.make_tenant(), document(post)))
    assert len(server.requests) == 1
    row = step_run(execution, "a")
    assert row.status == "unknown"
    assert row.sent_at is not None
    assert execution.status == "waiting"
    invariants.check(execution.id)


@pytest.mark.parametrize(
    ("url", "kind"),
    [("http://169.254.169.254/latest/", "blocked"), ("file:///etc/passwd", "config")],
)
def test_a_forbidden_address_fails_the_run_clearly(url: str, kind: str) -> None:
    made = document(call("a", "{{ trigger.body }}"))
    execution = drained(started(factories.make_tenant(), made, url))
    assert execution.error is not None
    assert (execution.error["step"], execution.error["kind"]) == ("a", kind)
    assert len(step_run(execution, "a").attempts) == 1
    assert invariants.check_ended(execution.id) == "failed"


def test_threads_finish_many_runs_of_many_tenants() -> None:
    branches = [f"s{n}" for n in range(4)]
    made = document(
        step("begin"), *(step(key, "begin") for key in branches), step("end", *branches)
    )
    tenants = [factories.make_tenant() for _ in range(3)]
    workflows = [factories.make_workflow(tenant, made) for tenant in tenants]
    runs = [factories.start_execution(workflow) for workflow in workflows for _ in range(5)]
    worker_id = new_worker()
    in_threads(6, lambda _: worker.drain(worker_id))
    for execution in runs:
        assert invariants.check_ended(execution.id) == "succeeded"


def random_definition(chance: random.Random, url: str) -> dict[str, Any]:
    """Calls with joins of all kinds, as far as publishing allows; some pass over their failure."""
    while True:
        steps: list[dict[str, Any]] = []
        for number in range(9):
            sources = chance.sample([each["key"] for each in steps], min(len(steps), 2))
            needs = [f"{key}{chance.choice(['', '', '.always', '.failure'])}" for key in sources]
            steps.append(
                call(
                    f"s{number}",
                    url,
                    *needs,
                    method=chance.choice(["GET", "GET", "POST"]),
                    join=chance.choice(["settled", "first", "every"]),
                    continue_on_failure=chance.random() < 0.5,
                    on_unknown=chance.choice(["fail", "retry"]),
                    retry={"attempts": 2, "delay": 0},
                )
            )
        made = document(*steps, limits={"parallel": 3})
        found = graph.problems(definition(*steps), limits=limits(), secrets=None, variables=None)
        if not errors(found):
            return made


@pytest.mark.parametrize("seed", range(8))
def test_random_runs_under_threads_keep_every_invariant(seed: int) -> None:
    """The servers fail at random too."""
    chance = random.Random(seed)
    replies = [answer(b"ok"), answer(b"no", "503 Busy"), hang_up]

    def behave(sock: Any, request: bytes) -> None:
        chance.choice(replies)(sock, request)

    with serving(behave) as server:
        made = random_definition(chance, server.url())
        execution = started(factories.make_tenant(), made)
        worker_id = new_worker()
        while fresh(execution).status not in invariants.ENDS:
            in_threads(3, lambda _: worker.drain(worker_id))
            hurry(execution)
            invariants.check(execution.id)
    invariants.check_ended(execution.id)


class LeavingWhen(worker.Watch):
    """A watch that leaves when it is told so."""

    def __init__(self, told: Callable[[], bool]) -> None:
        self._told = told

    def leaving(self) -> bool:
        return self._told()


def test_a_worker_that_is_leaving_finishes_what_it_has_and_takes_no_more() -> None:
    leaving = Flag()

    def ask_to_leave(sock: Any, request: bytes) -> None:
        leaving.set()
        answer()(sock, request)

    tenant = factories.make_tenant()
    with serving(ask_to_leave) as server:
        first = started(tenant, document(call("a", server.url()), call("b", server.url(), "a")))
        second = started(tenant, document(step("a")))
        worker.drain(new_worker(), LeavingWhen(leaving.is_set))
    assert statuses(first) == {"a": "succeeded", "b": "queued"}
    assert fresh(second).status == "queued"
    invariants.check(first.id)
    assert services.claim(new_worker()) is not None


def test_a_worker_that_has_left_claims_nothing() -> None:
    execution = started(factories.make_tenant(), document(step("a")))
    worker.drain(new_worker(), LeavingWhen(lambda: True))
    assert kinds(execution) == ["execution.created"]
