"""Whose endpoint a token is: looked up once, and then remembered as long as its rows stay the same.

Nothing is decided on what is remembered alone: what is stored on the strength of it is stored by a
statement that writes nothing unless the rows are still those that were read (`Target.revision`),
and nobody is refused before they are read again.
"""

from __future__ import annotations

import re
from threading import Lock

from cachetools import TTLCache

from tenants.scope import Prepared
from webhooks import statements
from webhooks.incoming import Target
from webhooks.refusals import UNKNOWN

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
ENTRIES = 1024
SECONDS = 60

_targets: TTLCache[str, Target] = TTLCache(ENTRIES, SECONDS)
_lock = Lock()


class ChangedError(Exception):
    """The endpoint or its workflow is not what it was when it was looked up."""


def find(db: Prepared, token: str) -> Target:
    """Look an endpoint up, as the operator, and remember it. Raises Problem 404."""
    if not TOKEN.fullmatch(token):
        raise UNKNOWN.problem()
    db.enter_operator()  # the token says whose endpoint it is
    row = db.first(statements.FIND, {"token": token})
    if row is None:
        raise UNKNOWN.problem()
    target = Target(*row)
    with _lock:
        if target.previous is None:
            _targets[token] = target
        else:  # a secret that is good for a while only, and ends without a change
            _targets.pop(token, None)
    return target


def known(token: str) -> Target | None:
    """What was looked up within the last minute, in this process."""
    with _lock:
        return _targets.get(token)
