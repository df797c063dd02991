"""What a worker process does beside running steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Event, Thread
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.models.functions import Now

from executions import dispatch, hands, services, worker
from executions import process as process_module
from executions.hands import Hands
from executions.models import Worker
from executions.process import WorkerProcess
from tests import factories
from tests.bad_servers import answer, serving
from tests.executions import invariants
from tests.executions.driving import claimed, drained, finish, fresh, new_worker, started, statuses
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")

PATIENCE = 30  # seconds; against hanging


@pytest.fixture
def process(settings: LazySettings) -> Iterator[WorkerProcess]:
    """A process that beats and sweeps often; nobody is there to hear wake-ups."""
    settings.WORKER_BEAT_SECONDS = settings.SWEEP_SECONDS = 0.05
    made = WorkerProcess()
    yield made
    made.stop()
    # With its queue full the next test's process would never be woken.
    dispatch._queue.cache_clear()
    dispatch._waker.cache_clear()


def until(so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_it_enters_itself_and_says_that_it_lives(process: WorkerProcess) -> None:
    process.start()
    until(lambda: Worker.objects.exists())
    first = Worker.objects.get().seen_at
    until(lambda: Worker.objects.get().seen_at > first)


def test_it_enters_itself_again_when_it_was_forgotten(process: WorkerProcess) -> None:
    process.start()
    until(lambda: Worker.objects.exists())
    before = Worker.objects.get().id
    services.unregister(before)
    until(lambda: Worker.objects.exclude(id=before).exists())
    until(lambda: process.id != before)


def test_it_leaves_no_row_behind(process: WorkerProcess) -> None:
    process.start()
    until(lambda: Worker.objects.exists())
    process.stop()
    assert not Worker.objects.exists()


def test_work_that_nobody_is_woken_for_is_done(process: WorkerProcess) -> None:
    wide = document(*(step(f"s{n}") for n in range(6)), step("z", *(f"s{n}" for n in range(6))))
    execution = started(factories.make_tenant(), wide)
    process.start()
    until(lambda: fresh(execution).status == "succeeded")
    invariants.check_ended(execution.id)


def test_the_steps_of_a_dead_worker_are_taken_over(process: WorkerProcess) -> None:
    execution = started(factories.make_tenant(), document(step("a"), step("b", "a")))
    dead = new_worker("dead")
    claimed(dead)
    process.start()
    services.unregister(dead)
    until(lambda: fresh(execution).status == "succeeded")
    assert invariants.check_ended(execution.id) == "succeeded"


def test_before_it_is_entered_it_claims_nothing(process: WorkerProcess) -> None:
    execution = started(factories.make_tenant(), document(step("a")))
    process.wake()
    assert fresh(execution).status == "queued"


def test_once_it_winds_down_it_takes_no_step_and_still_says_that_it_lives(
    process: WorkerProcess,
) -> None:
    process.wind_down()
    process.start()
    until(lambda: Worker.objects.exists())
    execution = started(factories.make_tenant(), document(step("a")))
    process.wake()
    assert fresh(execution).status == "queued"
    before = Worker.objects.get().seen_at
    until(lambda: Worker.objects.filter(seen_at__gt=before, seen_at__lte=Now()).exists())
    assert drained(execution).status == "succeeded"


def test_after_an_outage_live_workers_are_given_time_to_be_heard(process: WorkerProcess) -> None:
    execution = started(factories.make_tenant(), document(step("a")))
    other = new_worker()
    claimed(other)
    process._beat()
    assert process._last_beat is not None
    process._last_beat -= 60  # as if Postgres had not answered for a minute
    process._beat()
    Worker.objects.filter(id=other).update(seen_at=Now() - timedelta(seconds=60))
    process.sweep()
    assert statuses(execution) == {"a": "running"}
    process._doubt_until = 0.0
    process.sweep()
    assert statuses(execution) == {"a": "queued"}


# --- Claiming for other threads ------------------------------------------------------------------


def test_threads_are_kept_free_for_what_is_claimed_for_them(
    process: WorkerProcess, settings: LazySettings
) -> None:
    settings.WORKER_THREADS = 5
    process.start()
    until(lambda: process.id is not None)
    assert [process.claiming(), process.claiming(), process.claiming()] == [3, 2, 0]
    assert process.share([], 3) == []
    assert process.claiming() == 3


def test_what_waits_for_its_thread_is_not_astray(process: WorkerProcess) -> None:
    for _ in range(4):
        started(factories.make_tenant(), document(step("a")))
    process._beat()
    assert process.id is not None
    claims = services.claim_several(process.id, most=2)
    process._pool.shutdown()  # the process ends: the thread runs them itself
    assert process.share(claims, process.claiming()) == claims
    assert set(process._in_hand) == {claim.step_id for claim in claims}


def test_what_follows_a_step_that_a_thread_has_is_astray_only_without_it(
    process: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the commit that leases the next step and the word of the thread that has it."""
    monkeypatch.setattr(process_module, "ASTRAY_SECONDS", 0.0)
    execution = started(factories.make_tenant(), document(step("a"), step("b", "a")))
    process._beat()
    assert process.id is not None
    claim = claimed(process.id)
    process.took(claim)
    assert finish(claim, process.id) is not None
    for _ in range(2):
        process.give_back_strays()
    assert statuses(execution) == {"a": "succeeded", "b": "running"}
    process.gave_back(claim)
    for _ in range(2):
        process.give_back_strays()
    assert statuses(execution) == {"a": "succeeded", "b": "queued"}


def test_a_step_whose_thread_waits_for_its_turn_is_not_astray(
    process: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps of a chain change hands between two of them, the second leased already."""
    turns = Hands(1)
    monkeypatch.setattr(worker, "_hands", turns)
    monkeypatch.setattr(hands, "SLICE_SECONDS", 0)
    started(factories.make_tenant(), document(step("a"), step("b", "a")))
    process._beat()
    assert process.id is not None
    seen: list[tuple[set[UUID], set[UUID]]] = []

    def look(worker_id: UUID) -> None:
        with turns.held():
            leased = {step.step_id for step in services.leased_to(worker_id)}
            seen.append((leased, set(process._in_hand)))
        connection.close()

    looker = Thread(target=look, args=[process.id], daemon=True)
    with turns.held():
        process.wake()
        until(lambda: len(turns._waiting) == 1)
        looker.start()
        until(lambda: len(turns._waiting) == 2)
    looker.join(PATIENCE)
    [(leased, in_hand)] = seen
    assert len(leased) == 1
    assert in_hand == leased
    until(lambda: not process._in_hand)


# --- Wake-ups that nobody needs ------------------------------------------------------------------


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("ends", ["a thread is free", "it winds down"])
def test_a_wake_up_waits_while_all_threads_are_at_work(
    process: WorkerProcess, settings: LazySettings, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    """What is not taken from the queue shows who would send more that there are enough."""
    monkeypatch.setattr(process_module, "ROOM_SECONDS", PATIENCE)
    settings.WORKER_THREADS = 1
    asked, may_answer = Event(), Event()

    def answer_late(sock: Any, request: bytes) -> None:
        asked.set()
        may_answer.wait(PATIENCE)
        answer()(sock, request)

    process.start()
    until(lambda: process.id is not None)
    with serving(answer_late) as server:
        call = step("a", kind="http", config={"method": "GET", "url": server.url()})
        execution = started(factories.make_tenant(), document(call))
        asked.wait(PATIENCE)
        waiting = Thread(target=process.wait_for_room, daemon=True)
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        if ends == "it winds down":
            process.wind_down()
            waiting.join(PATIENCE)
            assert not waiting.is_alive()
        may_answer.set()
        waiting.join(PATIENCE)
        assert not waiting.is_alive()
        until(lambda: fresh(execution).status == "succeeded")


def test_a_wake_up_does_not_wait_for_ever(
    process: WorkerProcess, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "ROOM_SECONDS", 0.05)
    settings.WORKER_THREADS = 0
    process.wait_for_room()
