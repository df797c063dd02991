"""The proof of isolation by trying: at what belongs to a person rather than to a tenant.

Another person knocks who knows the numbers of somebody's rows; as a control they do it themselves.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession

from config.callers import Ask, asking, by_session
from config.doors import ADMIN, API, PUBLIC, Route, walk
from config.household import Household
from tenants.attempts import Tried

PERSONAL: Mapping[str, Any] = {"sessions": UserSession, "passkeys": Authenticator}
"""What stands behind these parts of an address."""
CONFIRMED = frozenset({Authenticator})  # their person has to say anew who they are: no control


def belongings(ours: Household, theirs: Household) -> list[Tried]:
    """Every address that names a row of a person, asked to do away with it."""
    own, foreign = asking(by_session(theirs)), asking(by_session(ours))
    return [tried for route in _personal() for tried in _knocked(route, theirs, own, foreign)]


def _personal() -> list[Route]:
    return [
        route
        for route in walk()
        if route.parameters
        and "tenant_slug" not in route.parameters
        and route.pattern not in PUBLIC
        and not route.pattern.startswith((API, ADMIN))
    ]


def _knocked(route: Route, theirs: Household, own: Ask, foreign: Ask) -> Iterator[Tried]:
    place, [parameter] = f"/{route.pattern}", route.parameters
    before, _ = route.pattern.split("<", 1)
    model = PERSONAL.get(before.rstrip("/").rpartition("/")[2])
    if model is None:
        yield Tried(place, f"it is not known what [{parameter!r}] names", "", held=False)
        return
    row = _row(model, theirs)
    path = route.path({parameter: row.pk})
    if model not in CONFIRMED:
        gone, status = _gone_after(own, path, row)
        yield Tried(place, "the person: POST", status, held=gone and status < 400)
    gone, status = _gone_after(foreign, path, row)
    yield Tried(place, "another person: POST", status, held=not gone and status in (403, 404))


def _row(model: Any, home: Household) -> Any:
    """A new one of the owner's."""
    if model is UserSession:
        return UserSession.objects.create(
            user=home.owner, session_key=secrets.token_hex(16), ip="::", user_agent="", data={}
        )
    passkey = Authenticator.Type.WEBAUTHN
    return Authenticator.objects.create(user=home.owner, type=passkey, data={"name": home.word})


def _gone_after(ask: Ask, path: str, row: Any) -> tuple[bool, int]:
    kept: list[bool] = []
    rows = type(row).objects.filter(pk=row.pk)
    answer = ask("POST", path, then=lambda: kept.append(rows.exists()))
    return kept == [False], answer.status_code
