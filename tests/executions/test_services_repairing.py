"""What the doctor mends, by which verb, and what it writes down about it."""

from __future__ import annotations

import pytest

from executions import services
from executions.invariants import Violation, violations
from executions.models import Execution
from tenants import scope
from tenants.models import AuditEntry
from tests.executions import invariants
from tests.executions.driving import drained, events, fresh, in_threads, kinds, statuses
from tests.executions.planting import EXPIRED, RUN, STEP, STEP_B, TOLD, make, plant, rounded

pytestmark = pytest.mark.usefixtures("committed_db")

# As if the worker had died between its two statements, if there were two.
SUCCEEDED = (
    STEP.format(
        "status = 'succeeded', outcome = 'success', finished_at = now(), lease_until = NULL, "
        "worker_id = NULL, attempts = '[{}]'"
    ),
    TOLD.format("'step.succeeded'", "'a'", """'{"outcome": "success"}'"""),
)
LATE = RUN.format("deadline_at = now() - interval '1 hour'")


def broken(run: Execution, *statements: str) -> Violation:
    plant(run.id, *statements)
    [found] = violations()
    return found


@pytest.mark.parametrize("how", [EXPIRED, "DELETE FROM executions_worker"])
def test_a_step_that_nobody_runs_is_released(how: str) -> None:
    run = make("running")
    assert services.repair(broken(run, how))
    assert statuses(run) == {"a": "queued"}
    assert violations() == []


def test_what_is_mended_is_in_the_audit_trail_of_the_tenant() -> None:
    run = make("running")
    assert services.repair(broken(run, EXPIRED))
    with scope.tenant(run.tenant_id):
        entry = AuditEntry.objects.get(action="execution.repaired")
    assert (entry.target_id, entry.actor_kind, entry.door) == (str(run.id), "system", "command")
    assert entry.changes == [
        ("breach", None, "lease-over"),
        ("repair", None, "release"),
        ("step", None, "a"),
    ]


def test_a_run_over_its_time_ends() -> None:
    run = make("running")
    assert services.repair(broken(run, LATE))
    assert kinds(run)[-1] == "execution.timed_out"
    assert invariants.check_ended(run.id) == "timed_out"


def test_a_run_that_nobody_took_further_goes_on() -> None:
    run = make("running")
    assert services.repair(broken(run, *SUCCEEDED))
    assert statuses(run) == {"a": "succeeded", "b": "queued"}
    drained(run)
    assert invariants.check_ended(run.id) == "succeeded"


def test_a_run_whose_last_step_was_its_end_ends() -> None:
    run = make("one")
    assert services.repair(broken(run, *SUCCEEDED))
    assert invariants.check_ended(run.id) == "succeeded"


def test_workers_are_woken_for_a_step_that_nobody_claims() -> None:
    run = make("half")
    breach = broken(run, STEP_B.format("due_at = now() - interval '2 minutes'"))
    assert services.repair(breach)
    assert statuses(run) == {"a": "succeeded", "b": "queued"}
    assert kinds(run)[-1] == "doctor.repaired"


def test_what_was_and_what_became_of_it_is_written_in_the_history() -> None:
    run = make("running")
    assert services.repair(broken(run, EXPIRED))
    [told] = [event for event in events(run) if event.kind == "doctor.repaired"]
    assert told.level == "warning"
    assert told.step == "a"
    assert rounded(told.message) == (
        "The doctor mended this: Its lease ended an hour ago and it is still running."
    )
    assert told.data == {
        "invariant": "I8",
        "breach": "lease-over",
        "repair": "release",
        "before": {"status": "running", "steps": {"a": "running"}},
        "after": {"status": "running", "steps": {"a": "queued"}},
    }


@pytest.mark.parametrize("how", [(EXPIRED,), (LATE,), SUCCEEDED], ids=["lease", "time", "idle"])
def test_many_doctors_mend_a_breach_once(how: tuple[str, ...]) -> None:
    run = make("running")
    breach = broken(run, *how)
    assert in_threads(4, lambda _: services.repair(breach)).count(True) == 1
    assert kinds(run).count("doctor.repaired") == 1
    assert violations() == []


def test_what_has_been_mended_meanwhile_is_left_alone() -> None:
    run = make("running")
    breach = broken(run, EXPIRED)
    plant(run.id, STEP.format("lease_until = now() + interval '1 minute'"))
    seq = fresh(run).last_seq
    assert not services.repair(breach)
    assert fresh(run).last_seq == seq
    assert "doctor.repaired" not in kinds(run)


def test_what_needs_a_person_is_left_to_one() -> None:
    run = make("single")
    assert not services.repair(broken(run, RUN.format("finished_at = NULL")))
    assert "doctor.repaired" not in kinds(run)
