"""Executions in the API's JSON: requests.py comes in, answers.py and outcomes.py go out."""

from __future__ import annotations

from executions.serializers.answers import ExecutionDetail, ExecutionItem, Link, detail, url
from executions.serializers.outcomes import BulkOutcome, EventPage, Preview, Started
from executions.serializers.requests import (
    EXECUTION_STATUSES,
    STEP_STATUSES,
    BulkBody,
    DecisionBody,
    DraftRunBody,
    EventsQuery,
    ListQuery,
    ReplayBody,
    ResolutionBody,
    ResumeBody,
    RunBody,
    RunQuery,
    lookups,
)

__all__ = [
    "EXECUTION_STATUSES",
    "STEP_STATUSES",
    "BulkBody",
    "BulkOutcome",
    "DecisionBody",
    "DraftRunBody",
    "EventPage",
    "EventsQuery",
    "ExecutionDetail",
    "ExecutionItem",
    "Link",
    "ListQuery",
    "Preview",
    "ReplayBody",
    "ResolutionBody",
    "ResumeBody",
    "RunBody",
    "RunQuery",
    "Started",
    "detail",
    "lookups",
    "url",
]
