"""People's sessions: where somebody is logged in, by which factors, and how that ends."""

from __future__ import annotations

import time
from functools import partial
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from tenants import scope
from tenants.access import client_of
from tenants.models import User
from tenants.signals import announce_access

SEEN_SECONDS = 300  # how exact "last seen" is; each time costs a write
NOWHERE = "::"  # stands for an address that cannot be told
_SEEN = "seen"


def address_of(request: HttpRequest) -> str:
    """As `client_of`, where there must be one."""
    return client_of(request) or NOWHERE


def sessions_of(user: User) -> list[UserSession]:
    """Where the user is logged in, the newest first."""
    found: list[UserSession] = UserSession.objects.purge_and_list(user)
    return sorted(found, key=lambda session: session.last_seen_at, reverse=True)


def note_seen(request: HttpRequest) -> None:
    """Keep when a session was last used, to within SEEN_SECONDS."""
    now = int(time.time())
    if now - request.session.get(_SEEN, 0) >= SEEN_SECONDS:
        request.session[_SEEN] = now
        rows = UserSession.objects.filter(session_key=request.session.session_key)
        rows.update(last_seen_at=Now(), ip=address_of(request))


def end_session(user: User, session_id: int) -> bool:
    """End one of the user's sessions; whether there was such a one."""
    return _end(UserSession.objects.filter(user=user, pk=session_id), user.id)


def end_sessions(user: User, *, but: str | None = None) -> None:
    """End all sessions of the user, except the one with the key `but`."""
    _end(UserSession.objects.filter(user=user).exclude(session_key=but or ""), user.id)


def has_second_factor(user: User | AnonymousUser) -> bool:
    """Whether whoever logs in as the user needs more than the password."""
    factors = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    return Authenticator.objects.filter(user_id=user.pk, type__in=factors).exists()


def remove_second_factors(user: User) -> None:
    """Let the user in by the password alone again: they have lost what they had."""
    Authenticator.objects.filter(user=user).delete()
    end_sessions(user)


def session_lives(session_key: str | None) -> bool:
    """Whether the session has neither ended nor expired."""
    alive = Session.objects.filter(session_key=session_key, expire_date__gt=Now())
    return session_key is not None and alive.exists()


def _end(rows: QuerySet[UserSession], user_id: UUID) -> bool:
    ended = list(rows)
    for row in ended:
        row.end()
    if ended:
        scope.on_commit(partial(announce_access, user_id))
    return bool(ended)
