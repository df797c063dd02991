"""Slots that come late, or while a run is open."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from executions import sweeper
from tenants.models import Tenant
from tests import factories
from tests.executions.driving import in_threads
from tests.executions.ticking import (
    HOURLY,
    behind,
    end,
    executions,
    fresh,
    outcomes,
    scheduled,
    slots,
    tick,
)

pytestmark = pytest.mark.usefixtures("committed_db")


# --- Late ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"misfire": "skip"}, ["missed"] * 10),
        ({"misfire": "once"}, ["missed"] * 9 + ["started"]),
        ({"misfire": "all", "misfire_max": 4}, ["missed"] * 6 + ["started"] * 4),
        ({"misfire": "all", "misfire_max": 100}, ["started"] * 10),
    ],
)
def test_what_becomes_of_late_slots(
    tenant: Tenant, policy: dict[str, Any], expected: list[str]
) -> None:
    schedule = scheduled(tenant, **policy)
    behind(schedule, 10)
    tick()
    assert outcomes() == expected
    assert len(executions()) == expected.count("started")
    assert ("missed" in fresh(schedule).problem) == ("missed" in expected)


def test_years_of_late_slots_are_all_noted(tenant: Tenant) -> None:
    """More than are decided on at once (timetable.LOOK)."""
    schedule = scheduled(tenant, misfire="once")
    behind(schedule, 4100, days=200)
    tick()
    assert Counter(outcomes()) == {"missed": 4099, "started": 1}
    assert outcomes()[-1] == "started"


# --- Overlap -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        ("allow", ["started", "started", "started"]),
        ("skip", ["started", "skipped_overlap", "skipped_overlap"]),
        ("queue", ["started", "waiting", "skipped_overlap"]),
    ],
)
def test_what_a_slot_does_while_a_run_is_open(
    tenant: Tenant, overlap: str, expected: list[str]
) -> None:
    behind(scheduled(tenant, overlap=overlap), 3)
    tick()
    assert outcomes() == expected
    assert len(executions()) == expected.count("started")


def test_a_slot_that_waits_starts_once_the_run_before_it_has_ended(tenant: Tenant) -> None:
    schedule = scheduled(tenant, overlap="queue")
    behind(schedule, 2)
    tick()
    sweeper.sweep()
    assert outcomes() == ["started", "waiting"]
    end(executions()[0])
    in_threads(3, lambda _: sweeper.sweep())
    assert outcomes() == ["started", "started"]
    assert [slot.execution_id for slot in slots()] == [run.id for run in executions()]


def test_runs_of_others_do_not_count(tenant: Tenant) -> None:
    workflow = factories.make_workflow(tenant)
    factories.start_execution(workflow)
    behind(factories.make_schedule(workflow, HOURLY, overlap="skip"))
    tick()
    assert outcomes() == ["started"]
