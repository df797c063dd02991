"""What is done with runs: the verbs that every door shares."""

from __future__ import annotations

from executions.services.answering import answer, decide, may_decide
from executions.services.attention import attention
from executions.services.bulk import perform
from executions.services.cancelling import cancel
from executions.services.claiming import claim, claim_several
from executions.services.explaining import explain
from executions.services.facts import gather
from executions.services.following import after_commit, follow_up, left_to_follow
from executions.services.idempotency import (
    expired_keys,
    forget_keys,
    form_wish,
    once,
    wish,
)
from executions.services.measuring import LastHour, State, last_hour, state
from executions.services.outcomes import Outcome, outcome, responds, response
from executions.services.plans import known, plan_of, plan_of_run
from executions.services.recording import record
from executions.services.recovery import end_overdue, leased_to, lost_steps, overdue, release
from executions.services.repairing import repair
from executions.services.resolving import resolve
from executions.services.resuming import preview, replay, resume
from executions.services.retention import expired_runs, forget_runs, in_batches
from executions.services.scheduling import due_schedules, fire
from executions.services.sending import mark_sending
from executions.services.starting import (
    Begun,
    begin,
    begin_if,
    check_input,
    live_version,
    refuse_paused,
    start,
    trigger,
)
from executions.services.stopping import stop
from executions.services.trying import run_draft
from executions.services.working import beat, is_work_ready, register, unregister

__all__ = [
    "Begun",
    "LastHour",
    "Outcome",
    "State",
    "after_commit",
    "answer",
    "attention",
    "beat",
    "begin",
    "begin_if",
    "cancel",
    "check_input",
    "claim",
    "claim_several",
    "decide",
    "due_schedules",
    "end_overdue",
    "expired_keys",
    "expired_runs",
    "explain",
    "fire",
    "follow_up",
    "forget_keys",
    "forget_runs",
    "form_wish",
    "gather",
    "in_batches",
    "is_work_ready",
    "known",
    "last_hour",
    "leased_to",
    "left_to_follow",
    "live_version",
    "lost_steps",
    "mark_sending",
    "may_decide",
    "once",
    "outcome",
    "overdue",
    "perform",
    "plan_of",
    "plan_of_run",
    "preview",
    "record",
    "refuse_paused",
    "register",
    "release",
    "repair",
    "replay",
    "resolve",
    "responds",
    "response",
    "resume",
    "run_draft",
    "start",
    "state",
    "stop",
    "trigger",
    "unregister",
    "wish",
]
