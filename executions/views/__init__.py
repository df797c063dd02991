"""The pages of executions, and the door for other systems' calls."""

from __future__ import annotations

from executions.views.bulk import bulk
from executions.views.calls import callback
from executions.views.drafts import run_draft
from executions.views.reading import attention, detail, listing
from executions.views.running import cancel, replay, resume, run
from executions.views.steps import decide, resolve

__all__ = [
    "attention",
    "bulk",
    "callback",
    "cancel",
    "decide",
    "detail",
    "listing",
    "replay",
    "resolve",
    "resume",
    "run",
    "run_draft",
]
