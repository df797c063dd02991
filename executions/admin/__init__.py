"""The admin of executions and workers."""

from __future__ import annotations

from executions.admin import executions

__all__ = ["executions"]
