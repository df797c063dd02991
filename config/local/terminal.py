"""What the runner says while it works: one line a phase, with the time it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO


def say(line: str = "", end: str = "\n") -> None:
    _write(sys.stdout, line + end)


def complain(line: str) -> None:
    _write(sys.stderr, f"{line}\n")


@contextmanager
def phase(title: str) -> Iterator[None]:
    """Say what is being done, then how long it took."""
    say(f"{title} ...", end=" ")
    started = time.monotonic()
    try:
        yield
    except BaseException:
        say()
        raise
    say(f"{time.monotonic() - started:.1f} s")


def _write(stream: TextIO, text: str) -> None:
    """A terminal that was closed must not keep the runner from stopping its children."""
    with suppress(OSError):
        stream.write(text)
        stream.flush()
