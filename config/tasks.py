"""The Celery door of what concerns every app."""

from __future__ import annotations

import structlog
from celery import shared_task

from config import retention

log = structlog.get_logger(__name__)


@shared_task(name="config.retain")
def retain() -> None:
    """Beat's hourly tick: forget what is old."""
    log.info("forgot what was old", **retention.forget())
