"""Waiting for what must come; only hanging is an error."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 60.0  # seconds
LOOK_SECONDS = 0.05


def wait(what: str, until: Callable[[], bool], patience: float = PATIENCE) -> float:
    """Wait until it is so; returns the seconds that it took. Raises TimeoutError."""
    started = time.monotonic()
    while not until():
        if time.monotonic() - started > patience:
            raise TimeoutError(f"waited {patience:g} s for {what}")
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - started
