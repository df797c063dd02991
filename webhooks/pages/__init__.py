"""A tenant's pages of endpoints and deliveries, and of test addresses."""

from __future__ import annotations

from webhooks.pages.deliveries import delivery, of_execution, resend, waiting
from webhooks.pages.endpoints import change, create, delete, endpoint, listing, rotate
from webhooks.pages.trials import test

__all__ = [
    "change",
    "create",
    "delete",
    "delivery",
    "endpoint",
    "listing",
    "of_execution",
    "resend",
    "rotate",
    "test",
    "waiting",
]
