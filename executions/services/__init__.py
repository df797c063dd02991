"""What is done with runs: the verbs that every door shares."""

from __future__ import annotations

from executions.services.claiming import claim, gather
from executions.services.plans import plan_of
from executions.services.recording import record
from executions.services.recovery import lost_steps, overdue, release, time_out
from executions.services.repairing import repair
from executions.services.retention import expired_runs, forget_runs, in_batches
from executions.services.sending import mark_sending
from executions.services.starting import begin, check_input, start, trigger
from executions.services.working import beat, forget_workers, is_work_ready, register, unregister

__all__ = [
    "beat",
    "begin",
    "check_input",
    "claim",
    "expired_runs",
    "forget_runs",
    "forget_workers",
    "gather",
    "in_batches",
    "is_work_ready",
    "lost_steps",
    "mark_sending",
    "overdue",
    "plan_of",
    "record",
    "register",
    "release",
    "repair",
    "start",
    "time_out",
    "trigger",
    "unregister",
]
