"""Which account of the operating system the servers run as."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass

from config.local.errors import RunnerError


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int
    name: str


def ours() -> Account:
    """The account this process runs as."""
    return _account(os.geteuid(), "Postgres needs a name for its user")


def for_postgres() -> Account | None:
    """The account Postgres must change to, or None where it can run as ours.

    Postgres refuses to run as root. `nobody` is on every machine; an account of our own would
    stay behind on it.
    """
    if os.geteuid() != 0:
        return None
    return _account("nobody", "Postgres refuses to run as root; run Stepwell as an ordinary user")


def _account(key: int | str, why: str) -> Account:
    try:
        entry = pwd.getpwuid(key) if isinstance(key, int) else pwd.getpwnam(key)
    except KeyError:
        raise RunnerError(f"This machine has no user {key} in /etc/passwd. {why}.") from None
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)
