"""The admin of tenants, their people and their keys."""

from __future__ import annotations

from tenants.admin import keys, limits, people

__all__ = ["keys", "limits", "people"]
