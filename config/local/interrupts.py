"""Ctrl-C, SIGTERM and a closed terminal: all three end the runner, once and in order."""

from __future__ import annotations

import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def raise_on_signals() -> None:
    """From now on the first of them raises KeyboardInterrupt; later ones can not break the stop."""
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def ignore() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:
    ignore()
    raise KeyboardInterrupt
