"""What a reader of the pages may do: with an execution, and with steps that need somebody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.utils import timezone

from executions import reasons
from executions.models import Execution, StepRun
from executions.services import attention, may_decide
from executions.states import EXECUTION_ENDED, ExecutionStatus, StepStatus
from tenants.principals import Principal
from tenants.roles import Permission

Answer = Literal["decide", "resolve", ""]
TO_MEND = (ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT)  # perhaps in the definition


def verbs_of(execution: Execution, by: Principal | None) -> tuple[str, ...]:
    """What this reader may do with the execution as it stands."""
    if by is None or not by.may(Permission.RUN):
        return ()
    if execution.status not in EXECUTION_ENDED:
        return ("cancel",)
    if execution.item_index is not None:
        return ()
    is_to_mend = execution.status in TO_MEND and by.may(Permission.EDIT)
    return ("resume", "replay", *(("edit",) if is_to_mend else ()))


def answer_of(run: StepRun, by: Principal | None) -> Answer:
    """Which answer of this reader the step waits for, if any."""
    if by is None:
        return ""
    if run.status == StepStatus.UNKNOWN and by.may(Permission.RUN):
        return "resolve"
    if run.status == StepStatus.WAITING and run.waits.get("for") == "approval":
        return "decide" if may_decide(run.waits.get("ask") or {}, by) else ""
    return ""


@dataclass(frozen=True)
class Need:
    """A step that needs somebody, and what this reader may do about it."""

    run: StepRun
    title: str
    reason: str
    answer: Answer


def needs(by: Principal, most: int) -> list[Need]:
    """The newest of them, in the open tenant scope."""
    rows = attention(by).select_related("execution__workflow")
    fields = ("key", "status", "due_at", "sent_at", "wait")
    shown = ("execution__workflow__slug", "execution__workflow__name")
    now = timezone.now()
    return [_need(row, by, now) for row in rows.only(*fields, *shown)[:most]]


def _need(run: StepRun, by: Principal, now: datetime) -> Need:
    if run.status == StepStatus.UNKNOWN:
        title, reason = "Was it done?", reasons.unknown(run.sent_at, now)
    else:
        ask = run.waits.get("ask") or {}
        title, reason = str(ask.get("title")), reasons.approval(ask, run.due_at, now)
    return Need(run, title, reason, answer_of(run, by))
