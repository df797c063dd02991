"""The admin of workflows and their versions."""

from __future__ import annotations

from workflows.admin import schedules, subscriptions, versions, workflows

__all__ = ["schedules", "subscriptions", "versions", "workflows"]
