"""Executions in the API's JSON: what comes in (requests.py) and what goes out (answers.py)."""

from __future__ import annotations

from executions.serializers.answers import (
    BulkOutcome,
    EventPage,
    ExecutionDetail,
    ExecutionItem,
    Link,
    Preview,
    Started,
    detail,
    url,
)
from executions.serializers.requests import (
    EXECUTION_STATUSES,
    STEP_STATUSES,
    BulkBody,
    DecisionBody,
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
