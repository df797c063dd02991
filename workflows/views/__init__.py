"""The pages of workflows."""

from __future__ import annotations

from workflows.views.drafts import draft, new, publish, restore
from workflows.views.reading import detail, listing, version
from workflows.views.schedules import schedule, schedules
from workflows.views.standing import archive, pause, resume
from workflows.views.subscriptions import subscription, subscriptions

__all__ = [
    "archive",
    "detail",
    "draft",
    "listing",
    "new",
    "pause",
    "publish",
    "restore",
    "resume",
    "schedule",
    "schedules",
    "subscription",
    "subscriptions",
    "version",
]
