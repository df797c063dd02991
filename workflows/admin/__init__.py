"""The admin of workflows and their versions."""

from __future__ import annotations

from workflows.admin import versions, workflows

__all__ = ["versions", "workflows"]
