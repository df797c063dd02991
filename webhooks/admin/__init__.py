"""Webhooks for staff: endpoints and deliveries, test addresses."""

from __future__ import annotations

from webhooks.admin import deliveries, endpoints, trials

__all__ = ["deliveries", "endpoints", "trials"]
