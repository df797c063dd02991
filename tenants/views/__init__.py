"""The pages of people: coming in, their account, who belongs to a tenant, its settings."""

from __future__ import annotations

from tenants.views import account, coming_in, joining, keys, members, settings, trail

__all__ = ["account", "coming_in", "joining", "keys", "members", "settings", "trail"]
