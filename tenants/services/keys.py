"""API keys: issue one, revoke it, find its holder."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models.functions import Now

from tenants import scope
from tenants.actions import Action
from tenants.models import ApiKey
from tenants.principals import Principal
from tenants.roles import Role
from tenants.services import audit

KEY_PREFIX = "sw"


@dataclass(frozen=True)
class IssuedKey:
    """A new API key; `token` is shown once and not kept."""

    key: ApiKey
    token: str


def issue_key(
    *, tenant_id: UUID, name: str, role: Role, expires_at: datetime | None = None
) -> IssuedKey:
    """Create an API key `sw_<public id>_<secret>` in the open tenant scope."""
    public_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        tenant_id=tenant_id,
        name=name,
        public_id=public_id,
        digest=_digest(secret),
        role=role,
        expires_at=expires_at,
    )
    after = {"name": name, "role": str(role), "expires_at": expires_at}
    audit.record(Action.API_KEY_ISSUED, key, after=after)
    return IssuedKey(key, f"{KEY_PREFIX}_{public_id}_{secret}")


def revoke_key(*, key: ApiKey) -> None:
    """Let a key open nothing from now on, in the open scope; its row still says who did what."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now()):
        audit.record(Action.API_KEY_REVOKED, key, before={"name": key.name, "role": key.role})


def find_key_holder(token: str) -> Principal | None:
    """The principal of an API key; None when it is malformed, unknown, expired or revoked."""
    prefix, _, rest = token.partition("_")
    public_id, _, secret = rest.partition("_")
    if prefix != KEY_PREFIX or not secret or not public_id.isalnum():
        return None
    with scope.operator("an API key names its tenant"):
        key = (
            ApiKey.objects.select_related("tenant")
            .filter(public_id=public_id, revoked_at=None)
            .exclude(expires_at__lte=Now())
            .first()
        )
        if key is None or not hmac.compare_digest(bytes(key.digest), _digest(secret)):
            return None
    return Principal(
        kind="api_key",
        id=key.id,
        tenant_id=key.tenant_id,
        tenant_slug=key.tenant.slug,
        role=Role(key.role),
        label=f"{key} ({key.name})",
    )


def _digest(secret: str) -> bytes:
    # The secret has 256 random bits: a slow password hash would only cost the server.
    return hashlib.sha256(secret.encode()).digest()
