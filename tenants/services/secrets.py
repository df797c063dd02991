"""Secrets: sealed values that can be written and used, and never read back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404

from tenants.actions import Action
from tenants.hosts import MAX_HOSTS, Hosts
from tenants.keyring import KeyRing
from tenants.limits import Quota
from tenants.models import Secret
from tenants.services import audit
from tenants.services.host_lists import flaw, read_hosts, refusal
from tenants.services.quotas import check_quota

MIN_SECRET_LENGTH = 8  # characters
WIDENS = "To allow further hosts, or any, give the value too."


@dataclass(frozen=True)
class OpenSecret:
    """A secret in clear, for the one step that uses it, and where it may go."""

    value: str = field(repr=False)
    hosts: Hosts


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


def put_secret(
    *, tenant_id: UUID, name: str, value: str, hosts: Sequence[str] | None = None
) -> tuple[Secret, bool]:
    """Create or replace a secret; says whether it is new. Without `hosts` its list stays.

    Raises Problem 422 for a value that is too short to be masked (it occurs by chance elsewhere),
    or for hosts that are none; 409 when it would be one more than the tenant may have.
    """
    if len(value) < MIN_SECRET_LENGTH:
        message = f"Give at least {MIN_SECRET_LENGTH} characters: fewer cannot be masked in a run."
        raise refusal([flaw("value", "min_length", message)])
    changes: dict[str, object] = {"sealed": seal(tenant_id, secret_purpose(name), value)}
    if hosts is not None:
        changes["hosts"] = read_hosts("hosts", hosts, most=MAX_HOSTS)
    rows = Secret.objects.filter(tenant_id=tenant_id)
    if not rows.filter(name=name).exists():
        check_quota(tenant_id, Quota.SECRETS, rows)
    secret, created = Secret.objects.update_or_create(
        tenant_id=tenant_id, name=name, defaults=changes
    )
    audit.record(Action.SECRET_WRITTEN, secret, after={"new": created, "hosts": secret.hosts})
    return secret, created


def narrow_hosts(*, tenant_id: UUID, name: str, hosts: Sequence[str]) -> Secret:
    """Take hosts from a secret's list, or give it a list if it has none.

    Who does not know the value cannot have it sent elsewhere: to add a host takes `put_secret`.
    Raises Problem 422 for hosts that are none or were not allowed before; Http404.
    """
    chosen = read_hosts("hosts", hosts, most=MAX_HOSTS)
    secret = secrets_of(tenant_id).select_for_update().filter(name=name).first()
    if secret is None:
        raise Http404
    if widens(secret, chosen):
        raise refusal([flaw("hosts", "widens", WIDENS)])
    if chosen != secret.hosts:
        before, after = {"hosts": secret.hosts}, {"hosts": chosen}
        audit.record(Action.SECRET_NARROWED, secret, before=before, after=after)
        secret.hosts = chosen
        secret.save(update_fields=["hosts", "updated_at"])
    return secret


def widens(secret: Secret, hosts: Sequence[str]) -> bool:
    """Whether with this list, read already, the secret could go where it may not go now."""
    return not Hosts(tuple(secret.hosts)).cover(hosts)


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


def open_secrets(tenant_id: UUID, names: Iterable[str]) -> dict[str, OpenSecret]:
    """The named secrets in clear. Raises KeyRingError."""
    rows = Secret.objects.filter(tenant_id=tenant_id, name__in=list(names))
    return {
        row.name: OpenSecret(
            unseal(tenant_id, secret_purpose(row.name), row.sealed), Hosts(tuple(row.hosts))
        )
        for row in rows
    }


def secret_hosts(tenant_id: UUID) -> dict[str, Hosts]:
    """The names of a tenant's secrets, each with where it may go."""
    rows = secrets_of(tenant_id).values_list("name", "hosts")
    return {name: Hosts(tuple(hosts)) for name, hosts in rows}


def secret_purpose(name: str) -> str:
    """What a secret's value is sealed for."""
    return f"secret:{name}"


def _context(tenant_id: UUID, purpose: str) -> bytes:
    return f"{tenant_id}|{purpose}".encode()
