"""The pages of people: coming in, and a tenant's settings."""

from __future__ import annotations

from tenants.views import coming_in, settings

__all__ = ["coming_in", "settings"]
