"""The Celery door of what concerns every app."""

from __future__ import annotations

import structlog
from celery import shared_task

from config import retention, storage

log = structlog.get_logger(__name__)


@shared_task(name="config.retain")
def retain() -> None:
    """Beat's hourly tick: forget what is old, then see what is left."""
    log.info("forgot what was old", **retention.forget())
    log.info("estimated what is stored", bytes=storage.measure().total())
