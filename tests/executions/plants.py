"""Breaches, one for each way in which an invariant can be broken."""

from __future__ import annotations

from dataclasses import dataclass

from executions.invariants import Repair
from tests.executions.planting import (
    EVENT,
    EXPIRED,
    RUN,
    STEP,
    STEP_B,
    TOLD,
)

# A step `b` that was queued although nothing let it.
QUEUED_B = """
INSERT INTO executions_steprun (id, tenant_id, execution_id, key, type, status, timeout, attempt,
  claims, fence, due_at, attempts, queued_at)
SELECT uuidv7(), tenant_id, id, 'b', 'log', 'queued', 5, 0, 0, 0, now(), '[]', now()
FROM executions_execution WHERE id = %(run)s
"""
# Another tenant's step in the run: nothing but a key that is gone could have let it in.
FOREIGN = """
INSERT INTO executions_steprun
SELECT other.* FROM executions_steprun s CROSS JOIN LATERAL jsonb_populate_record(s,
  jsonb_build_object('id', uuidv7(), 'tenant_id', uuidv7(), 'key', 'foreign')) AS other
WHERE s.execution_id = %(run)s AND s.key = 'a'
"""
CALLED_OFF = (
    STEP.format("status = 'cancelled', finished_at = now(), lease_until = NULL, worker_id = NULL"),
    TOLD.format("'step.cancelled'", "'a'", "NULL"),
)
PARKED = (
    RUN.format("status = 'waiting', active_since = NULL, deadline_at = NULL"),
    TOLD.format("'execution.waiting'", "NULL", "NULL"),
)
WAITS_FOR_ITEMS = STEP.format(
    "status = 'waiting', lease_until = NULL, worker_id = NULL, wait = '{\"for\": \"items\"}'"
)
ANY_EVENT = "UPDATE executions_event SET {} WHERE execution_id = %(run)s AND kind = {}"
UNENDED = "status = {}, outcome = NULL, finished_at = NULL"


@dataclass(frozen=True)
class Plant:
    """A breach: the run that it is planted in, how, and what is to be said of it."""

    name: str
    number: str
    run: str  # queued, running, one (of one step, running), finished, single (of one step)
    statements: tuple[str, ...]
    message: str
    step: str | None = "a"
    repair: Repair | None = None


IDLE = "and none of its steps is open: nothing will ever move it."
PLANTS = (
    Plant(
        "overdue",
        "I1",
        "running",
        (RUN.format("deadline_at = now() - interval '1 hour'"),),
        "It used up its active time an hour ago and still runs.",
        None,
        Repair.TIME_OUT,
    ),
    Plant("running-idle", "I1", "one", CALLED_OFF, f"It is running {IDLE}", None, Repair.SETTLE),
    Plant(
        "waiting-idle",
        "I1",
        "one",
        (*CALLED_OFF, *PARKED),
        f"It is waiting {IDLE}",
        None,
        Repair.SETTLE,
    ),
    Plant(
        "unclaimed",
        "I1",
        "half",
        (STEP_B.format("due_at = now() - interval '2 minutes'"),),
        "It has been ready for 2 minutes and no worker is at work.",
        "b",
        Repair.WAKE,
    ),
    Plant(
        "unbegun",
        "I1",
        "queued",
        (RUN.format("due_at = now() - interval '2 minutes'"),),
        "It may begin since 2 minutes and no worker is at work.",
        None,
        Repair.WAKE,
    ),
    Plant(
        "not-followed-up",
        "I1",
        "single",
        (RUN.format("follow_up = true, finished_at = now() - interval '1 hour'"),),
        "It ended an hour ago, and other executions that are to know of it do not.",
        None,
        Repair.FOLLOW_UP,
    ),
    Plant(
        "children-unheard",
        "I1",
        "one",
        (WAITS_FOR_ITEMS, TOLD.format("'step.waiting'", "'a'", "NULL"), *PARKED),
        "It waits for items, and none of its runs is open any more.",
    ),
    Plant(
        "ended-twice",
        "I2",
        "half",
        (TOLD.format("'step.succeeded'", "'a'", """'{"outcome": "success"}'"""),),
        "It ended 2 times.",
    ),
    Plant(
        "illegal-move",
        "I2",
        "single",
        (ANY_EVENT.format("kind = 'execution.waiting'", "'execution.running'"),),
        "Its event 2 says that it went from queued to waiting, which is no legal move.",
        None,
    ),
    Plant(
        "history-differs",
        "I2",
        "single",
        (EVENT.format("kind = 'step.failed'", "'step.succeeded'"),),
        "Its row says succeeded, the last move of its history failed.",
    ),
    Plant(
        "run-contradicts",
        "I2",
        "finished",
        (RUN.format("finished_at = NULL"),),
        "Its times, output or error do not fit its status, succeeded.",
        None,
    ),
    Plant(
        "step-contradicts",
        "I2",
        "finished",
        (STEP.format("outcome = NULL"),),
        "Its lease, times, outcome or error do not fit its status, succeeded.",
    ),
    Plant(
        "failure-unhandled",
        "I2",
        "single",
        (
            STEP.format("status = 'failed', outcome = 'failure', error = '{}'"),
            EVENT.format("kind = 'step.failed'", "'step.succeeded'"),
        ),
        "The run succeeded although this step was failed and nothing handles that.",
    ),
    Plant(
        "begun-early",
        "I3",
        "running",
        (QUEUED_B, TOLD.format("'step.queued'", "'b'", "NULL")),
        "It began before its edges let it.",
        "b",
    ),
    Plant(
        "never-settled",
        "I4",
        "finished",
        ("DELETE FROM executions_steprun WHERE execution_id = %(run)s AND key = 'a'",),
        "The run has ended, and whether this step was to run was never decided.",
    ),
    Plant(
        "started-otherwise",
        "I4",
        "finished",
        (STEP.format("claims = 2, fence = 2, attempts = attempts || '[{}]'"),),
        "It was started 1 times on 2 leases.",
    ),
    Plant(
        "tries-unleased",
        "I5",
        "finished",
        (STEP.format("attempts = attempts || '[{}]'"),),
        "It has records of 2 tries on 1 leases.",
    ),
    Plant(
        "after-end",
        "I6",
        "single",
        (TOLD.format("'step.log'", "'a'", "NULL"),),
        "The run had ended, and then came event 7, step.log.",
    ),
    Plant(
        "history-gap",
        "I6",
        "single",
        ("DELETE FROM executions_event WHERE execution_id = %(run)s AND kind = 'step.log'",),
        "Its history has 5 events, and the newest is number 6.",
        None,
    ),
    Plant(
        "claimable-after-end",
        "I6",
        "single",
        (
            STEP.format(UNENDED.format("'queued'") + ", due_at = now()"),
            EVENT.format("kind = 'step.queued'", "'step.succeeded'"),
        ),
        "It is queued, and its run has ended: succeeded.",
    ),
    Plant(
        "waits-after-end",
        "I6",
        "single",
        (
            STEP.format(UNENDED.format("'unknown'")),
            EVENT.format("kind = 'step.unknown'", "'step.succeeded'"),
        ),
        "It is unknown, and its run has ended: succeeded.",
    ),
    Plant(
        "other-tenant",
        "I7",
        "finished",
        (FOREIGN,),
        "It is part of a run of another tenant",
        "foreign",
    ),
    Plant(
        "other-tenants-version",
        "I7",
        "finished",
        ("UPDATE workflows_workflowversion SET tenant_id = uuidv7()",),
        "It runs a version of another tenant",
        None,
    ),
    Plant(
        "lease-over",
        "I8",
        "running",
        (EXPIRED,),
        "Its lease ended an hour ago and it is still running.",
        repair=Repair.RELEASE,
    ),
    Plant(
        "worker-gone",
        "I8",
        "running",
        ("DELETE FROM executions_worker",),
        "It is still running, and its worker ",
        repair=Repair.RELEASE,
    ),
)
