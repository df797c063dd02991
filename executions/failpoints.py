"""Named places at which a test makes a process die, hang or fail. In production they do nothing.

The variable STEPWELL_FAILPOINTS arms them: `after_claim:kill@0.05,before_http:sleep=2@1` means one
time in twenty at the one, two seconds each time at the other. A process that is given it without
STEPWELL_FAILPOINTS_ALLOWED=tests does not start, so that none is armed by accident.
"""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial

from django.core.exceptions import ImproperlyConfigured

VARIABLE, PERMISSION = "STEPWELL_FAILPOINTS", "STEPWELL_FAILPOINTS_ALLOWED"
POINTS = (
    "after_claim",  # a step is leased; nothing of it is done
    "before_http",  # the sending mark, where one is needed, is committed; nothing is sent
    "after_http_before_commit",  # the step was tried; nothing of that is recorded
    "before_join",  # the execution is locked; what follows is not decided
    "in_commit",  # everything is written and nothing committed
    "after_commit_before_wake",  # committed; nobody has heard of it
    "before_follow_up",  # other executions are to know of a move; none has heard of it
    "sweeper_mid",  # a lost lease is released, others are not
    "in_firing",  # a schedule's slots and runs are written, not that it has moved on
    "in_reaction",  # a subscription's reaction and its run are written and not committed
    "after_begin_before_wake",  # a run is accepted and committed; no worker has heard of it
)
_ENTRY = re.compile(
    r"(?P<point>\w+):(?P<action>kill|exit|raise|sleep=(?P<seconds>[\d.]+))@(?P<share>[\d.]+)"
)


class FailpointError(RuntimeError):
    """What the action `raise` raises."""


def hit(point: str) -> None:
    """Here a process may fail, if a test says so."""
    if _ARMED:
        _act(point)


def read(environment: Mapping[str, str]) -> dict[str, tuple[Callable[[], None], float]]:
    """What is to happen at which point, and how often. Raises ImproperlyConfigured."""
    text = environment.get(VARIABLE, "")
    if text and environment.get(PERMISSION) != "tests":
        raise ImproperlyConfigured(
            f"{VARIABLE} makes this process fail on purpose. Remove it; a test that means it sets "
            f"{PERMISSION}=tests as well."
        )
    return dict(_entry(part.strip()) for part in text.split(",") if part.strip())


def _entry(text: str) -> tuple[str, tuple[Callable[[], None], float]]:
    match = _ENTRY.fullmatch(text)
    if match is None or match["point"] not in POINTS:
        raise ImproperlyConfigured(
            f"{VARIABLE}: {text!r} is no failpoint. Give point:action@probability, the action one "
            f"of kill, exit, raise, sleep=<seconds>, the point one of {', '.join(POINTS)}."
        )
    try:
        return match["point"], (_action(match), float(match["share"]))
    except ValueError:
        raise ImproperlyConfigured(f"{VARIABLE}: {text!r} has a number that is none.") from None


def _action(match: re.Match[str]) -> Callable[[], None]:
    if match["seconds"] is not None:
        return partial(time.sleep, float(match["seconds"]))
    return {"kill": _kill, "exit": _exit, "raise": _raise}[match["action"]]


def _act(point: str) -> None:
    action, share = _ARMED.get(point, (None, 0.0))
    if action is not None and random.random() < share:  # noqa: S311 - no secret
        action()


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _exit() -> None:
    os._exit(1)


def _raise() -> None:
    raise FailpointError("a test asked for this")


_ARMED = read(os.environ)
