"""The admin of endpoints and deliveries."""

from __future__ import annotations

from webhooks.admin import deliveries, endpoints

__all__ = ["deliveries", "endpoints"]
