"""What is done with tenants: register, invite, issue and find keys, keep secrets."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.text import slugify

from tenants import scope
from tenants.keyring import KeyRing
from tenants.models import ApiKey, Membership, Secret, Tenant, User, Variable
from tenants.principals import Principal
from tenants.problems import Problem
from tenants.roles import Role

KEY_PREFIX = "sw"
MIN_SECRET_LENGTH = 8  # characters


@dataclass(frozen=True)
class IssuedKey:
    """A new API key; `token` is shown once and not kept."""

    key: ApiKey
    token: str


@dataclass(frozen=True)
class Registration:
    """What a registration made."""

    tenant: Tenant
    user: User
    key: IssuedKey


@cache
def keyring() -> KeyRing:
    """The keys that seal secrets, from STEPWELL_SECRETS_KEYS."""
    return KeyRing.from_env(settings.SECRETS_KEYS)


# --- People ------------------------------------------------------------------------------------


def register(*, tenant: str, email: str, password: str) -> Registration:
    """Create a tenant with its owner and the owner's API key.

    Raises Problem 409 when the tenant's slug or the address is taken, 422 when no slug can be made.
    """
    slug = slugify(tenant)[:63].strip("-")
    if not slug:
        raise Problem(422, "invalid", f"The name {tenant!r} needs letters (a-z) or digits in it.")
    user = User.objects.prepared(email, password)  # no transaction waits while it is hashed
    try:
        with scope.operator("registration creates a tenant"):
            return _register(slug, tenant, user)
    except IntegrityError:  # somebody was faster, after we had looked
        raise Problem(409, "taken", "The name or the e-mail address is taken.") from None


def _register(slug: str, name: str, user: User) -> Registration:
    if Tenant.objects.filter(slug=slug).exists():
        raise Problem(409, "taken", f"The name {name!r} is taken.")
    if User.objects.filter(email=user.email).exists():
        raise Problem(409, "taken", "This e-mail address is registered already.")
    tenant = Tenant.objects.create(slug=slug, name=name)
    user.save(force_insert=True)
    with scope.tenant(tenant.id):
        Membership.objects.create(tenant=tenant, user=user, role=Role.OWNER)
        key = issue_key(tenant_id=tenant.id, name="registration", role=Role.OWNER)
    return Registration(tenant, user, key)


def find_member(user: User | AnonymousUser, tenant_slug: str) -> Principal | None:
    """The user as a member of the tenant with this slug; None where there is no such membership."""
    if not user.is_authenticated:
        return None
    with scope.operator("a page's tenant is found by its slug and the user's membership"):
        membership = (
            Membership.objects.select_related("tenant", "user")
            .filter(user_id=user.pk, tenant__slug=tenant_slug, user__is_active=True)
            .first()
        )
    if membership is None:
        return None
    return Principal(
        kind="user",
        id=membership.user_id,
        tenant_id=membership.tenant_id,
        tenant_slug=membership.tenant.slug,
        role=Role(membership.role),
        label=membership.user.email,
    )


def tenants_of(user: User | AnonymousUser) -> list[Tenant]:
    """The tenants that the user is a member of, by slug."""
    if not user.is_authenticated:
        return []
    with scope.operator("a user's own memberships span tenants"):
        return list(
            Tenant.objects.filter(
                id__in=Membership.objects.filter(user_id=user.pk).values("tenant_id")
            )
        )


# --- API keys ----------------------------------------------------------------------------------


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
    return IssuedKey(key, f"{KEY_PREFIX}_{public_id}_{secret}")


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


# --- Secrets and variables ---------------------------------------------------------------------


def seal(tenant_id: UUID, purpose: str, value: str) -> bytes:
    """Encrypt a value so that it opens only for this tenant and purpose."""
    return keyring().seal(value.encode(), _context(tenant_id, purpose))


def unseal(tenant_id: UUID, purpose: str, sealed: bytes | memoryview) -> str:
    """Decrypt what `seal` made. Raises KeyRingError when it was moved or tampered with."""
    return keyring().open(bytes(sealed), _context(tenant_id, purpose)).decode()


def put_secret(*, tenant_id: UUID, name: str, value: str) -> tuple[Secret, bool]:
    """Create or replace a secret; says whether it is new.

    Raises Problem 422 for a value that is too short to be masked: it occurs by chance elsewhere.
    """
    if len(value) < MIN_SECRET_LENGTH:
        message = f"Give at least {MIN_SECRET_LENGTH} characters: fewer cannot be masked in a run."
        error = {"field": "value", "code": "min_length", "message": message}
        raise Problem(422, "invalid", message, errors=[error])
    return Secret.objects.update_or_create(
        tenant_id=tenant_id,
        name=name,
        defaults={"sealed": seal(tenant_id, f"secret:{name}", value)},
    )


def secrets_of(tenant_id: UUID) -> QuerySet[Secret]:
    """A tenant's secrets, without their values."""
    return Secret.objects.filter(tenant_id=tenant_id).defer("sealed")


def secret_values(tenant_id: UUID, names: Iterable[str]) -> dict[str, str]:
    """The named secrets in clear, for the one step that uses them."""
    rows = Secret.objects.filter(tenant_id=tenant_id, name__in=list(names))
    return {row.name: unseal(tenant_id, f"secret:{row.name}", row.sealed) for row in rows}


def secret_names(tenant_id: UUID) -> set[str]:
    """The names of a tenant's secrets."""
    return set(Secret.objects.filter(tenant_id=tenant_id).values_list("name", flat=True))


def put_variable(*, tenant_id: UUID, name: str, value: object) -> tuple[Variable, bool]:
    """Create or replace a variable; says whether it is new."""
    return Variable.objects.update_or_create(
        tenant_id=tenant_id, name=name, defaults={"value": value}
    )


def variables_of(tenant_id: UUID) -> QuerySet[Variable]:
    """A tenant's plain settings as rows."""
    return Variable.objects.filter(tenant_id=tenant_id)


def variable_values(tenant_id: UUID) -> dict[str, object]:
    """A tenant's plain settings."""
    return dict(variables_of(tenant_id).values_list("name", "value"))


def _context(tenant_id: UUID, purpose: str) -> bytes:
    return f"{tenant_id}|{purpose}".encode()
