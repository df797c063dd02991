"""API keys: issue one, narrow it, revoke it, find its holder."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from uuid import UUID

import structlog
from cachetools import TTLCache
from django.db import Error as DatabaseFault
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from tenants import scope
from tenants.actions import Action
from tenants.models import ApiKey
from tenants.principals import Principal
from tenants.problems import Problem
from tenants.roles import PERMISSIONS, Permission, Role, may_grant, narrowed
from tenants.services import audit
from tenants.signals import announce_access

log = structlog.get_logger(__name__)

KEY_PREFIX = "sw"
USED_SECONDS = 60  # how exact "last used" is; each time costs a write

_noted: TTLCache[UUID, bool] = TTLCache(maxsize=10_000, ttl=USED_SECONDS)
_noting = Lock()


@dataclass(frozen=True)
class IssuedKey:
    """A new API key; `token` is shown once and not kept."""

    key: ApiKey
    token: str


def keys_of(tenant_id: UUID) -> QuerySet[ApiKey]:
    """The tenant's keys that are not revoked, the newest first; expired ones too."""
    return ApiKey.objects.filter(tenant_id=tenant_id, revoked_at=None).order_by("-id")


def usable_keys() -> QuerySet[ApiKey]:
    """The keys that open something now, of the open scope."""
    return ApiKey.objects.filter(revoked_at=None).exclude(expires_at__lte=Now())


def scopes_of(key: ApiKey) -> frozenset[Permission] | None:
    """To what the key is narrowed; None: it may all that its role may."""
    return None if key.scopes is None else frozenset(map(Permission, key.scopes))


def grant_key(
    *,
    by: Principal,
    name: str,
    role: Role,
    scopes: Collection[Permission] | None = None,
    expires_at: datetime | None = None,
) -> IssuedKey:
    """Create a key that somebody of the tenant asks for.

    Raises Problem 403 when it could do what they may not, 422 for scopes beyond the role and for a
    time that has passed.
    """
    _refuse_unfit(role, scopes, expires_at)
    _refuse_above(by.permissions, narrowed(role, scopes))
    return issue_key(
        tenant_id=by.tenant_id, name=name, role=role, scopes=scopes, expires_at=expires_at
    )


def issue_key(
    *,
    tenant_id: UUID,
    name: str,
    role: Role,
    scopes: Collection[Permission] | None = None,
    expires_at: datetime | None = None,
) -> IssuedKey:
    """Create an API key `sw_<public id>_<secret>` in the open tenant scope, whoever asks."""
    public_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        tenant_id=tenant_id,
        name=name,
        public_id=public_id,
        digest=_digest(secret),
        role=role,
        scopes=None if scopes is None else sorted(set(scopes)),
        expires_at=expires_at,
    )
    after = {"name": name, "role": str(role), "scopes": key.scopes, "expires_at": expires_at}
    audit.record(Action.API_KEY_ISSUED, key, after=after)
    return IssuedKey(key, f"{KEY_PREFIX}_{public_id}_{secret}")


def rename_key(*, key: ApiKey, name: str) -> ApiKey:
    """Call a key by another name, in the open scope."""
    before, key.name = key.name, name
    key.save(update_fields=["name"])
    audit.record(Action.API_KEY_CHANGED, key, before={"name": before}, after={"name": name})
    return key


def revoke_key(*, key: ApiKey, by: frozenset[Permission]) -> None:
    """Let a key open nothing from now on, in the open scope; its row still says who did what.

    What is open with it closes at once. Raises Problem 403 when it may more than the permissions
    `by`.
    """
    _refuse_above(by, narrowed(Role(key.role), scopes_of(key)))
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now()):
        audit.record(Action.API_KEY_REVOKED, key, before={"name": key.name, "role": key.role})
        scope.on_commit(partial(announce_access, key.id))


def find_key_holder(token: str) -> Principal | None:
    """The principal of an API key; None when it is malformed, unknown, expired or revoked."""
    prefix, _, rest = token.partition("_")
    public_id, _, secret = rest.partition("_")
    if prefix != KEY_PREFIX or not secret or not public_id.isalnum():
        return None
    with scope.operator("an API key names its tenant"):
        key = usable_keys().select_related("tenant").filter(public_id=public_id).first()
        if key is None or not hmac.compare_digest(bytes(key.digest), _digest(secret)):
            return None
    return Principal(
        kind="api_key",
        id=key.id,
        tenant_id=key.tenant_id,
        tenant_slug=key.tenant.slug,
        role=Role(key.role),
        label=f"{key} ({key.name})",
        scopes=scopes_of(key),
    )


def note_used(principal: Principal) -> None:
    """Keep when an API key was last used, to within USED_SECONDS. Not for inside a scope.

    Each process writes once in that time. A database that refuses is a line in the log.
    """
    with _noting:
        if principal.kind != "api_key" or principal.id in _noted:
            return
        _noted[principal.id] = True
    old = Q(last_used_at=None) | Q(last_used_at__lte=Now() - timedelta(seconds=USED_SECONDS))
    try:
        with scope.tenant(principal.tenant_id):
            ApiKey.objects.filter(old, id=principal.id).update(last_used_at=Now())
    except DatabaseFault as fault:
        log.warning("the use of an API key was not noted", error=str(fault))


def _refuse_unfit(
    role: Role, scopes: Collection[Permission] | None, expires_at: datetime | None
) -> None:
    beyond = sorted(set(scopes or ()) - PERMISSIONS[role])
    errors = []
    if beyond:
        known = ", ".join(each for each in Permission if each in PERMISSIONS[role])
        said = f"The role {role} has no {', '.join(beyond)}. It has: {known}."
        errors.append({"field": "scopes", "message": said})
    elif scopes is not None and not scopes:
        errors.append({"field": "scopes", "message": "Name one at least, or leave them out."})
    if expires_at is not None and expires_at <= timezone.now():
        errors.append({"field": "expires_at", "message": "This time has passed."})
    if errors:
        raise Problem(422, "invalid", "An API key can not be like this.", errors=errors)


def _refuse_above(held: frozenset[Permission], given: frozenset[Permission]) -> None:
    if not may_grant(held, given):
        above = ", ".join(sorted(given - held)) or "administer"
        raise Problem(403, "forbidden", f"You may not give or take what you have not: {above}.")


def _digest(secret: str) -> bytes:
    # The secret has 256 random bits: a slow password hash would only cost the server.
    return hashlib.sha256(secret.encode()).digest()
