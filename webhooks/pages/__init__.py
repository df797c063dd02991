"""A tenant's pages of endpoints and deliveries."""

from __future__ import annotations

from webhooks.pages.deliveries import delivery, resend, waiting
from webhooks.pages.endpoints import change, create, endpoint, listing, rotate

__all__ = ["change", "create", "delivery", "endpoint", "listing", "resend", "rotate", "waiting"]
