"""The admin of workflows and their versions."""

from __future__ import annotations

from workflows.admin import schedules, versions, workflows

__all__ = ["schedules", "versions", "workflows"]
