"""Logging: one JSON object a line on stderr; readable lines when DEBUG is on."""

from __future__ import annotations

import re
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from tenants.actors import REQUEST_ID

# The address of a webhook; eight characters of its token tell which one (`str(Endpoint)`).
_HOOK = re.compile(r"(/hooks/+[^/\s]{8})[^/\s]+")


def settings(*, debug: bool) -> dict[str, Any]:
    """Django's LOGGING, and structlog configured to go through it."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        with_request_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer = structlog.dev.ConsoleRenderer() if debug else structlog.processors.JSONRenderer()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    without_tokens,
                    renderer,
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "django.server": {"level": "WARNING"},
            "daphne": {"level": "WARNING"},
            "celery": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
        },
    }


def with_request_id(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Say which request a line is about; Django has some to tell when it is answered already."""
    request = getattr(event.get("_record"), "request", None)
    if ident := REQUEST_ID.get() or getattr(request, "id", ""):
        event["request_id"] = ident
    return event


def without_tokens(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Shorten the tokens in webhooks' addresses: who knows one may be able to start runs."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _HOOK.sub(r"\1…", value)
    return event
