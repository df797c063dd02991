"""Firing schedules: each slot once, whatever happens to tickers and clocks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from config.local.home import PROJECT
from executions import failpoints, services, sweeper
from tenants import scope
from tenants.models import Tenant
from tests import factories
from tests.executions.driving import in_threads
from tests.executions.ticking import (
    HOURLY,
    behind,
    executions,
    fresh,
    now,
    outcomes,
    put,
    scheduled,
    slots,
    tick,
)
from tests.workflows.definitions import document, step
from workflows import schedules
from workflows import services as workflow_services

pytestmark = pytest.mark.usefixtures("committed_db")


# --- A slot's run --------------------------------------------------------------------------------


def test_a_slot_starts_a_run_of_the_workflow(tenant: Tenant) -> None:
    schedule = scheduled(tenant, name="Nightly", zone="Asia/Tokyo", input={"region": "eu"})
    (at,) = behind(schedule)
    sweeper.sweep()
    (slot,), (execution,) = slots(), executions()
    assert (slot.slot, slot.outcome, slot.execution_id) == (at, "started", execution.id)
    assert execution.trigger_kind == "schedule"
    assert execution.trigger["body"] == {"region": "eu"}
    assert execution.trigger["headers"] == {
        "schedule": "Nightly",
        "scheduled_for": at.astimezone(schedule.timetable.cron.zone).isoformat(),
    }
    assert slot.fired_at == execution.created_at


def test_the_schedule_moves_on_with_its_slots(tenant: Tenant) -> None:
    schedule = scheduled(tenant)
    behind(schedule, 3)
    put(schedule, ends_at=None, handled_until=now(schedule) - timedelta(hours=3))
    tick()
    moved = fresh(schedule)
    assert moved.handled_until == slots()[-1].slot <= now(schedule)
    assert moved.next_at == moved.handled_until + timedelta(hours=1) > now(schedule)
    assert services.due_schedules() == []


def test_a_schedule_that_is_not_due_does_nothing(tenant: Tenant) -> None:
    schedule = scheduled(tenant, starts_at=datetime.now(UTC) + timedelta(days=1))
    services.fire(tenant.id, schedule.id)
    assert (slots(), services.due_schedules()) == ([], [])


# --- Once ----------------------------------------------------------------------------------------


def test_a_thousand_slots_and_five_tickers_make_a_thousand_executions(tenant: Tenant) -> None:
    for _ in range(10):
        behind(scheduled(tenant), 100)
    in_threads(5, lambda _: tick())
    tick()
    assert Counter(outcomes()) == {"started": 1000}
    begun = {execution.id for execution in executions()}
    assert len(begun) == 1000
    assert {slot.execution_id for slot in slots()} == begun


def test_slots_that_all_tickers_want_are_started_in_their_order(
    tenant: Tenant,
) -> None:
    expected = behind(scheduled(tenant), 300)
    in_threads(5, lambda _: tick())
    tick()
    assert [slot.slot for slot in slots()] == expected
    assert len(executions()) == 300


def test_a_ticker_that_is_killed_before_its_commit_has_done_nothing(tenant: Tenant) -> None:
    schedule = scheduled(tenant)
    behind(schedule, 3)
    before = fresh(schedule).next_at
    assert swept_by_a_process_that_dies() == -signal.SIGKILL
    assert (slots(), executions()) == ([], [])
    assert fresh(schedule).next_at == before
    tick()
    assert outcomes() == ["started"] * 3
    assert len(executions()) == 3


def swept_by_a_process_that_dies() -> int:
    """Its exit status; it dies when slots and runs are written and nothing is committed."""
    code = "import django; django.setup(); from executions import sweeper; sweeper.sweep()"
    armed = {failpoints.VARIABLE: "in_firing:kill@1", failpoints.PERMISSION: "tests"}
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **armed}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=environment, check=False, timeout=60
    )
    return done.returncode


def test_a_clock_that_is_set_back_starts_no_slot_again(tenant: Tenant) -> None:
    schedule = scheduled(tenant)
    before = behind(schedule, 3)
    tick()
    put(schedule, handled_until=before[0] - timedelta(hours=1), next_at=before[0])
    tick()
    assert [slot.slot for slot in slots()] == before
    assert len(executions()) == 3


def test_a_clock_that_is_set_back_behind_what_was_dealt_with_fires_nothing(tenant: Tenant) -> None:
    """Its slots of an hour and more ahead are dealt with, as far as anybody knows."""
    schedule = scheduled(tenant)
    ahead = now(schedule) + timedelta(hours=2)
    put(schedule, handled_until=ahead, next_at=schedule.timetable.next_at(ahead))
    tick()
    assert slots() == []


# --- What is not taken ---------------------------------------------------------------------------


def test_a_workflow_that_was_never_published_refuses_its_slot(tenant: Tenant) -> None:
    schedule = factories.make_schedule(factories.make_draft(tenant, slug="raw"), HOURLY)
    behind(schedule)
    tick()
    (slot,) = slots()
    assert (slot.outcome, slot.execution_id, executions()) == ("refused", None, [])
    assert slot.reason == fresh(schedule).problem == "The workflow 'raw' has no live version."


def test_an_archived_workflow_refuses_its_slot(tenant: Tenant) -> None:
    schedule = scheduled(tenant)
    with scope.tenant(tenant.id):
        workflow_services.archive(workflow=schedule.workflow)
    behind(schedule)
    tick()
    assert (outcomes(), executions()) == (["refused"], [])


def test_an_input_that_a_new_version_does_not_take_is_refused_and_says_why(tenant: Tenant) -> None:
    workflow = factories.make_workflow(tenant)
    schedule = factories.make_schedule(workflow, HOURLY, input={})
    factories.publish(workflow, document(step("a"), input={"required": ["region"]}))
    behind(schedule)
    tick()
    (slot,) = slots()
    assert slot.outcome == "refused"
    assert "region" in slot.reason
    assert fresh(schedule).problem == slot.reason


def test_a_slot_that_starts_takes_the_problem_back(tenant: Tenant) -> None:
    schedule = scheduled(tenant)
    put(schedule, problem="It was refused.")
    behind(schedule)
    tick()
    assert fresh(schedule).problem == ""


# --- Paused and ended ----------------------------------------------------------------------------


def test_a_paused_schedule_does_not_fire(tenant: Tenant) -> None:
    schedule = scheduled(tenant)
    behind(schedule, 3)
    schedules.change(tenant_id=tenant.id, schedule_id=schedule.id, values={"paused": True})
    put(schedule, next_at=now(schedule))  # even if it seemed due
    services.fire(tenant.id, schedule.id)
    assert slots() == []


def test_what_was_not_fired_in_a_pause_is_not_caught_up_with(tenant: Tenant) -> None:
    schedule = scheduled(tenant)
    behind(schedule, 3)
    for paused in (True, False):
        schedules.change(tenant_id=tenant.id, schedule_id=schedule.id, values={"paused": paused})
    tick()
    assert slots() == []


def test_an_ended_schedule_does_not_fire(tenant: Tenant) -> None:
    schedule = scheduled(tenant)
    behind(schedule)
    tick()
    assert fresh(schedule).next_at is None
    put(schedule, next_at=now(schedule))  # even if it seemed due
    services.fire(tenant.id, schedule.id)
    assert outcomes() == ["started"]


def test_one_tenants_schedule_is_nothing_in_anothers_scope(tenant: Tenant) -> None:
    schedule = scheduled(tenant)
    behind(schedule)
    services.fire(factories.make_tenant().id, schedule.id)
    assert slots() == []
