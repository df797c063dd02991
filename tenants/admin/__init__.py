"""The admin of tenants, their people and their keys."""

from __future__ import annotations

from tenants.admin import audit, keys, limits, people

__all__ = ["audit", "keys", "limits", "people"]
