"""Secrets: sealed values that can be written and used, and never read back."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from tenants.actions import Action
from tenants.keyring import KeyRing
from tenants.limits import Quota
from tenants.models import Secret
from tenants.problems import Problem
from tenants.services import audit
from tenants.services.quotas import check_quota

MIN_SECRET_LENGTH = 8  # characters


@cache
def keyring() -> KeyRing:
    """The keys that seal secrets, from STEPWELL_SECRETS_KEYS."""
    return KeyRing.from_env(settings.SECRETS_KEYS)


def seal(tenant_id: UUID, purpose: str, value: str) -> bytes:
    """Encrypt a value so that it opens only for this tenant and purpose."""
    return keyring().seal(value.encode(), _context(tenant_id, purpose))


def unseal(tenant_id: UUID, purpose: str, sealed: bytes | memoryview) -> str:
    """Decrypt what `seal` made. Raises KeyRingError when it was moved or tampered with."""
    return keyring().open(bytes(sealed), _context(tenant_id, purpose)).decode()


def put_secret(*, tenant_id: UUID, name: str, value: str) -> tuple[Secret, bool]:
    """Create or replace a secret; says whether it is new.

    Raises Problem 422 for a value that is too short to be masked: it occurs by chance elsewhere,
    409 when it would be one more than the tenant may have.
    """
    if len(value) < MIN_SECRET_LENGTH:
        message = f"Give at least {MIN_SECRET_LENGTH} characters: fewer cannot be masked in a run."
        error = {"field": "value", "code": "min_length", "message": message}
        raise Problem(422, "invalid", message, errors=[error])
    rows = Secret.objects.filter(tenant_id=tenant_id)
    if not rows.filter(name=name).exists():
        check_quota(tenant_id, Quota.SECRETS, rows)
    secret, created = Secret.objects.update_or_create(
        tenant_id=tenant_id,
        name=name,
        defaults={"sealed": seal(tenant_id, f"secret:{name}", value)},
    )
    audit.record(Action.SECRET_WRITTEN, secret, after={"new": created})
    return secret, created


def delete_secret(*, tenant_id: UUID, name: str) -> bool:
    """Delete a secret; False: there is none of that name."""
    secret = secrets_of(tenant_id).filter(name=name).first()
    if secret is None:
        return False
    audit.record(Action.SECRET_DELETED, secret)
    secret.delete()
    return True


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


def _context(tenant_id: UUID, purpose: str) -> bytes:
    return f"{tenant_id}|{purpose}".encode()
