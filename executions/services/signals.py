"""Answers to steps that wait for a call. One may come before its step waits for it."""

from __future__ import annotations

from dataclasses import replace

from executions.engine import StepState
from executions.models import Signal
from executions.moves import NewEvent
from executions.runs import Claim
from executions.services.endings import Ending
from executions.states import StepStatus


def answered(claim: Claim, ending: Ending) -> Ending:
    """The end of a step that is about to wait for a call, if the call has come already.

    In the transaction that writes it: an answer that comes later finds the step waiting.
    """
    signal = Signal.objects.filter(
        tenant_id=claim.run.tenant_id, execution_id=claim.run.execution_id, step=claim.key
    ).first()
    if signal is None:
        return ending
    step = replace(
        ending.step,
        status=StepStatus.SUCCEEDED,
        outcome="success",
        output=signal.content,
        wait=None,
        due_at=None,
        restarts=False,
    )
    event = NewEvent("step.succeeded", "Its call had come.", claim.key, data={"outcome": "success"})
    return Ending(step, StepState(StepStatus.SUCCEEDED, "success"), [*ending.events[:-1], event])
