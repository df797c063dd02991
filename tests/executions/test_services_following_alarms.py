"""Workflows that are started by the failure of another's run: once, whatever dies."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from executions import services, sweeper
from executions.models import Execution
from tenants import scope
from tests import factories
from tests.executions import hearing, invariants
from tests.executions.driving import (
    WRONG,
    claimed,
    drained,
    finish_and_die,
    fresh,
    in_threads,
    new_worker,
    started,
    step_run,
)
from tests.executions.families import begun_by, children, for_each
from tests.executions.hearing import with_alarm
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")


def test_a_failed_run_starts_the_workflow_that_it_names_with_the_facts() -> None:
    execution = drained(with_alarm(factories.make_tenant(), hearing.FAIL))
    [alarm] = begun_by(execution)
    with scope.tenant(execution.tenant_id):
        slug = execution.workflow.slug
    assert (alarm.trigger_kind, alarm.depth, alarm.status) == ("failure", 1, "succeeded")
    assert step_run(alarm, "keep").output == {
        "execution": {
            "id": str(execution.id),
            "workflow": slug,
            "version": 1,
            "status": "failed",
            "url": f"http://127.0.0.1:8000/api/v1/executions/{execution.id}/",
        },
        "step": "wrong",
        "error": {"step": "wrong", "kind": "fail", "message": "Out of stock."},
    }
    invariants.check_ended(alarm.id)
    assert hearing.marks() == 0


def test_a_run_out_of_time_raises_the_alarm_too() -> None:
    execution = with_alarm(factories.make_tenant(), step("a"), limits={"timeout": 7})
    claimed(new_worker())
    with scope.tenant(execution.tenant_id):
        past = Now() - timedelta(seconds=1)
        Execution.objects.filter(id=execution.id).update(deadline_at=past)
    sweeper.sweep()
    [alarm] = begun_by(execution)
    assert alarm.trigger["body"]["execution"]["status"] == "timed_out"
    assert alarm.trigger["body"]["error"]["kind"] == "timed_out"


@pytest.mark.parametrize("how", ["succeeds", "is cancelled", "handles its failure"])
def test_a_run_that_did_not_fail_raises_none(how: str) -> None:
    steps = {
        "succeeds": [step("a")],
        "is cancelled": [step("a", kind="delay")],
        "handles its failure": [hearing.FAIL, step("repair", "wrong.failure")],
    }[how]
    execution = drained(with_alarm(factories.make_tenant(), *steps))
    if how == "is cancelled":
        with scope.tenant(execution.tenant_id):
            services.cancel(execution.tenant_id, execution.id, "Cancelled by otto.")
    sweeper.sweep()
    assert begun_by(execution) == []
    assert hearing.marks() == 0


def test_the_failure_of_an_alarm_raises_no_further_one() -> None:
    tenant = factories.make_tenant()
    factories.make_workflow(tenant, hearing.KEEP, slug="second")
    factories.make_workflow(tenant, document(hearing.FAIL, on_failure="second"), slug="first")
    execution = drained(started(tenant, document(hearing.FAIL, on_failure="first")))
    [alarm] = begun_by(execution)
    assert fresh(alarm).status == "failed"
    assert begun_by(alarm) == []
    assert hearing.marks() == 0


def test_workflows_that_name_each_other_raise_one_alarm() -> None:
    tenant = factories.make_tenant()
    ping = factories.make_workflow(tenant, document(hearing.FAIL), slug="ping")
    factories.make_workflow(tenant, document(hearing.FAIL, on_failure="ping"), slug="pong")
    factories.publish(ping, document(hearing.FAIL, on_failure="pong"))
    execution = drained(factories.start_execution(ping))
    [alarm] = begun_by(execution)
    assert begun_by(alarm) == []


def test_an_item_raises_no_alarm_and_its_run_one() -> None:
    each = for_each("each", [1, 2], hearing.FAIL, on_item_failure="fail", parallel=2)
    execution = drained(with_alarm(factories.make_tenant(), each))
    assert [alarm.trigger_kind for alarm in begun_by(execution)] == ["failure"]
    assert all(begun_by(child) == [] for child in children(execution))


@pytest.mark.parametrize("handler", ["missing", "unpublished", "archived"])
def test_an_alarm_that_cannot_be_raised_leaves_nothing_to_follow(handler: str) -> None:
    tenant = factories.make_tenant()
    if handler != "missing":
        alarm = factories.make_draft(tenant, hearing.KEEP, slug="alarm")
        if handler == "archived":
            factories.publish(alarm)
            with scope.tenant(tenant.id):
                type(alarm).objects.filter(id=alarm.id).update(archived_at=Now())
    execution = drained(started(tenant, document(hearing.FAIL, on_failure="alarm")))
    assert begun_by(execution) == []
    assert hearing.marks() == 0


def test_an_alarm_is_raised_although_the_worker_died_before_it_could_be() -> None:
    execution = with_alarm(factories.make_tenant(), step("a"))
    finish_and_die(claimed(new_worker()), WRONG)
    assert fresh(execution).status == "failed"
    assert begun_by(execution) == []
    hearing.let_the_sweeper_see(execution)
    sweeper.sweep()
    assert len(begun_by(execution)) == 1
    assert hearing.marks() == 0


def test_the_sweeper_leaves_what_has_just_ended_to_whoever_ended_it() -> None:
    execution = with_alarm(factories.make_tenant(), step("a"))
    finish_and_die(claimed(new_worker()), WRONG)
    assert services.left_to_follow() == []
    hearing.let_the_sweeper_see(execution)
    assert services.left_to_follow() == [(execution.tenant_id, execution.id)]


def test_sweepers_at_once_raise_one_alarm() -> None:
    execution = with_alarm(factories.make_tenant(), step("a"))
    finish_and_die(claimed(new_worker()), WRONG)
    hearing.let_the_sweeper_see(execution)
    in_threads(4, lambda _: sweeper.sweep())
    assert len(begun_by(execution)) == 1
    assert hearing.marks() == 0


def test_an_alarm_that_was_raised_before_the_mark_could_be_taken_off_is_not_raised_again() -> None:
    execution = drained(with_alarm(factories.make_tenant(), hearing.FAIL))
    hearing.mark_again(execution)
    sweeper.sweep()
    assert len(begun_by(execution)) == 1
    assert hearing.marks() == 0
