"""An end of a run is heard once by each subscriber, whatever dies."""

from __future__ import annotations

import pytest

from executions import failpoints, services, sweeper
from executions.invariants import violations
from executions.models import Execution
from tenants import scope
from tenants.models import Tenant
from tests import factories
from tests.executions.driving import (
    WRONG,
    claimed,
    finish_and_die,
    fresh,
    in_threads,
    new_worker,
)
from tests.executions.families import begun_by
from tests.executions.hearing import KEEP, let_the_sweeper_see, marks, reactions, source_of
from workflows import filters
from workflows.models import Workflow
from workflows.steps.base import Done

pytestmark = pytest.mark.usefixtures("committed_db")


def ended_unheard(tenant: Tenant, listener: Workflow) -> Execution:
    """A run that has ended, and whose worker died right after the commit."""
    source = source_of(tenant)
    factories.subscribe(listener, source, *filters.ENDS)
    execution = factories.start_execution(source)
    finish_and_die(claimed(new_worker()), Done())
    assert reactions(fresh(execution)) == []
    let_the_sweeper_see(execution)
    return execution


def test_a_worker_that_dies_after_the_commit_loses_no_event(
    tenant: Tenant, listener: Workflow
) -> None:
    execution = ended_unheard(tenant, listener)
    sweeper.sweep()
    assert len(begun_by(execution)) == 1
    assert marks() == 0


def test_sweepers_at_once_start_one_run(tenant: Tenant, listener: Workflow) -> None:
    execution = ended_unheard(tenant, listener)
    in_threads(4, lambda _: sweeper.sweep())
    assert len(begun_by(execution)) == 1
    assert reactions(execution) == [("started", "")]
    assert marks() == 0


def test_an_event_that_is_followed_up_again_starts_nothing_more(
    tenant: Tenant, listener: Workflow
) -> None:
    execution = ended_unheard(tenant, listener)
    sweeper.sweep()
    with scope.tenant(tenant.id):
        Execution.objects.filter(id=execution.id).update(follow_up=True)
    sweeper.sweep()
    assert len(begun_by(execution)) == 1
    assert marks() == 0


def test_a_death_between_the_reaction_and_its_commit_leaves_nothing_and_is_made_up_for(
    tenant: Tenant, listener: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = ended_unheard(tenant, listener)
    armed = {"in_reaction": (failpoints._raise, 1.0)}
    monkeypatch.setattr(failpoints, "_ARMED", armed)
    sweeper.sweep()
    assert (begun_by(execution), reactions(execution), marks()) == ([], [], 1)
    monkeypatch.setattr(failpoints, "_ARMED", {})
    sweeper.sweep()
    assert (len(begun_by(execution)), marks()) == (1, 0)


def test_what_fails_for_one_subscription_is_made_up_for_and_others_react_once(
    tenant: Tenant, listener: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = ended_unheard(tenant, listener)
    with scope.tenant(tenant.id):
        source = execution.workflow
    factories.subscribe(factories.make_workflow(tenant, KEEP), source)
    shares = iter([0.0, 1.0])
    monkeypatch.setattr(failpoints, "_ARMED", {"in_reaction": (failpoints._raise, 0.5)})
    monkeypatch.setattr("random.random", lambda: 1.0 - next(shares))
    sweeper.sweep()
    assert (len(begun_by(execution)), marks()) == (1, 1)
    monkeypatch.setattr(failpoints, "_ARMED", {})
    sweeper.sweep()
    assert (len(begun_by(execution)), marks()) == (2, 0)


def test_the_doctor_finds_an_event_that_nobody_heard_and_mends_it(
    tenant: Tenant, listener: Workflow
) -> None:
    execution = ended_unheard(tenant, listener)
    [found] = [one for one in violations() if one.execution_id == execution.id]
    assert found.name == "not-followed-up"
    assert services.repair(found)
    assert reactions(execution) == [("started", "")]
    assert violations() == []


def test_failed_runs_of_a_dead_worker_are_heard_as_failed(
    tenant: Tenant, listener: Workflow
) -> None:
    source = source_of(tenant)
    factories.subscribe(listener, source, "failed")
    execution = factories.start_execution(source)
    finish_and_die(claimed(new_worker()), WRONG)
    let_the_sweeper_see(execution)
    sweeper.sweep()
    [begun] = begun_by(execution)
    assert begun.trigger["body"]["execution"]["status"] == "failed"
