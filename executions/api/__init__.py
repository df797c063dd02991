"""Executions over the API."""

from __future__ import annotations

from executions.api.drafts import RunDraft
from executions.api.reading import Children, Events, ExecutionViews
from executions.api.running import Bulk, ExecutionVerbs, StepVerbs
from executions.api.starting import Run

__all__ = [
    "Bulk",
    "Children",
    "Events",
    "ExecutionVerbs",
    "ExecutionViews",
    "Run",
    "RunDraft",
    "StepVerbs",
]
