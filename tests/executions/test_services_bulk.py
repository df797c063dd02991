"""One verb for many runs."""

from __future__ import annotations

from typing import Any

import pytest

from executions import services
from executions.models import Execution
from executions.services import bulk
from executions.services.bulk import Outcome, Verb
from tenants import scope
from tenants.models import Tenant
from tests import factories
from tests.executions import invariants
from tests.executions.driving import POST, claimed, drained, fresh, new_worker, started
from tests.executions.families import children, for_each
from tests.workflows.definitions import document, step
from workflows.models import Workflow

pytestmark = pytest.mark.usefixtures("committed_db")

PAUSE = step("pause", kind="delay")


def failing(tenant: Tenant) -> Workflow:
    return factories.make_workflow(tenant, document(step("a", kind="fail")), slug="failing")


def uncertain(tenant: Tenant) -> Execution:
    """A run that was cancelled while nobody knew whether its call was made."""
    execution = started(tenant, document(step("call", kind="http", config=POST)))
    assert services.mark_sending(claimed(new_worker()), {})
    with scope.tenant(tenant.id):
        services.cancel(tenant.id, execution.id, "Called off.")
    return execution


def perform(tenant: Tenant, verb: Verb, *, dry_run: bool = False, **more: Any) -> Outcome:
    """The verb for all runs of the tenant, or those that match."""
    lookups = more.pop("lookups", {})
    with scope.tenant(tenant.id):
        chosen = Execution.objects.filter(**lookups)
        return services.perform(verb, chosen, by="otto", dry_run=dry_run, **more)


def count(tenant: Tenant) -> int:
    with scope.tenant(tenant.id):
        return Execution.objects.count()


def test_all_that_match_are_cancelled_with_their_children() -> None:
    tenant = factories.make_tenant()
    waits = drained(started(tenant, document(for_each("each", [1, 2], PAUSE))))
    queued = started(tenant, document(step("a")))
    done = perform(tenant, "cancel")
    assert (done.matched, set(done.done), done.refused) == (2, {waits.id, queued.id}, [])
    assert {child.status for child in children(waits)} == {"cancelled"}
    invariants.check_family(waits.id)
    invariants.check_ended(queued.id)


@pytest.mark.parametrize("verb", ["cancel", "resume", "replay"])
def test_a_dry_run_says_the_same_and_changes_nothing(verb: Verb) -> None:
    tenant = factories.make_tenant()
    failed = drained(factories.start_execution(failing(tenant)))
    waits = drained(started(tenant, document(PAUSE)))
    before = [(fresh(run).status, run.last_seq) for run in (failed, waits)]
    dry = perform(tenant, verb, dry_run=True)
    assert [(fresh(run).status, run.last_seq) for run in (failed, waits)] == before
    assert count(tenant) == 2
    assert services.claim(new_worker()) is None
    real = perform(tenant, verb)
    assert (dry.matched, len(dry.done), dry.refused) == (
        *(real.matched, len(real.done), real.refused),
    )
    assert set(dry.done) <= {failed.id, waits.id}


def test_what_cannot_be_done_is_refused_one_by_one_and_the_rest_is_done() -> None:
    tenant = factories.make_tenant()
    workflow = failing(tenant)
    failed = [drained(factories.start_execution(workflow)) for _ in range(2)]
    unsure = uncertain(tenant)
    drained(started(tenant, document(step("a"))))
    started(tenant, document(step("a")))
    outcome = perform(tenant, "resume")
    assert outcome.matched == 3  # what succeeded or goes on does not match
    assert len(outcome.done) == 2
    assert [refused.id for refused in outcome.refused] == [unsure.id]
    with scope.tenant(tenant.id):
        made = Execution.objects.filter(id__in=outcome.done)
        assert {run.origin_id for run in made} == {run.id for run in failed}


def test_only_what_matches_is_touched() -> None:
    tenant = factories.make_tenant()
    failed = drained(factories.start_execution(failing(tenant)))
    queued = started(tenant, document(step("a")))
    outcome = perform(tenant, "cancel", lookups={"status": "queued"})
    assert (outcome.matched, outcome.done) == (1, [queued.id])
    assert fresh(failed).status == "failed"


def test_items_are_left_to_the_run_around_them() -> None:
    tenant = factories.make_tenant()
    drained(started(tenant, document(for_each("each", [1, 2], step("no", kind="fail")))))
    assert perform(tenant, "replay", dry_run=True).matched == 1


def test_a_rate_spreads_the_new_runs() -> None:
    tenant = factories.make_tenant()
    workflow = failing(tenant)
    for _ in range(4):
        drained(factories.start_execution(workflow))
    outcome = perform(tenant, "replay", rate=2.0)
    with scope.tenant(tenant.id):
        made = Execution.objects.filter(id__in=outcome.done).order_by("id")
        delays = [(run.due_at - run.created_at).total_seconds() for run in made]
    assert delays == pytest.approx([0, 0.5, 1, 1.5], abs=0.001)


def test_a_call_takes_so_many_and_says_that_there_are_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk, "MOST", 2)
    tenant = factories.make_tenant()
    runs = [started(tenant, document(step("a"))) for _ in range(3)]
    first = perform(tenant, "cancel", lookups={"status": "queued"})
    assert (first.done, first.more) == ([run.id for run in runs[:2]], True)
    second = perform(tenant, "cancel", lookups={"status": "queued"})
    assert (second.done, second.more) == ([runs[2].id], False)


def test_the_current_version_may_be_asked_for() -> None:
    tenant = factories.make_tenant()
    workflow = failing(tenant)
    drained(factories.start_execution(workflow))
    factories.publish(workflow, document(step("a")))
    [again] = perform(tenant, "resume", version="current").done
    with scope.tenant(tenant.id):
        made = Execution.objects.get(id=again)
    assert drained(made).status == "succeeded"
