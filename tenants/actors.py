"""Who acts, and from where: set by each door, so that services need not be handed a request. Pure.

Where no door has set anybody (a command, a worker) it is this process.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

Kind = Literal["user", "api_key", "staff", "system", "anonymous"]
Door = Literal["page", "api", "admin", "command", "worker"]


@dataclass(frozen=True)
class Actor:
    """Who does something, by which door, and what is known of where they are."""

    kind: Kind
    id: UUID | None
    label: str  # an e-mail address, a key's public part and name, an account@host
    door: Door
    ip: str = ""
    agent: str = ""
    request_id: str = ""


# Of the request that is answered; for the log. Empty elsewhere.
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
_current: ContextVar[Actor | None] = ContextVar("actor", default=None)


def current() -> Actor:
    """Whoever acts now."""
    return _current.get() or _process


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """What is done meanwhile, this actor does."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)


def named(kind: Kind, ident: UUID | None, label: str) -> Actor:
    """Somebody who acts from where the current actor does: it is known by now who that is."""
    return replace(current(), kind=kind, id=ident, label=label)


def serve_as(door: Door) -> None:
    """Say what this process is; until then it is a command."""
    global _process
    _process = replace(_process, door=door)


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())


_process = Actor("system", None, f"{_account()}@{socket.gethostname()}", "command")
