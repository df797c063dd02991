"""What a run does: executions with their steps and events, why each was started, the workers."""

from __future__ import annotations

from executions.models.runs import Event, Execution, Signal, StepRun, Worker
from executions.models.starts import IdempotencyKey, Reaction, Slot

__all__ = [
    "Event",
    "Execution",
    "IdempotencyKey",
    "Reaction",
    "Signal",
    "Slot",
    "StepRun",
    "Worker",
]
