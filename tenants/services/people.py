"""People and the tenants they belong to: register, find a member."""

from __future__ import annotations

from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError
from django.utils.text import slugify

from tenants import actors, limits, scope
from tenants.actions import Action
from tenants.models import Membership, Tenant, User
from tenants.principals import Principal
from tenants.problems import Problem
from tenants.roles import Role
from tenants.services import audit
from tenants.services.keys import IssuedKey, issue_key


@dataclass(frozen=True)
class Registration:
    """What a registration made."""

    tenant: Tenant
    user: User
    key: IssuedKey


def admit_registration(address: str) -> dict[str, str]:
    """Let whoever asks from this network address register; the headers that say how often more.

    The one place where registrations are refused before anything is done for them. Raises Problem
    403 where there are none, 429 for too many, 503 while they cannot be counted.
    """
    if not settings.REGISTRATION_OPEN:
        detail = "Registration is closed here. Ask somebody to invite you."
        raise Problem(403, "registration-closed", detail)
    counted = limits.count_registration(address)
    counted.check("This address's")
    return counted.headers


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
    set_address(user, verified=False)
    themselves = actors.named("user", user.pk, user.email)
    with scope.tenant(tenant.id), actors.acting(themselves):
        audit.record(Action.TENANT_REGISTERED, tenant, after={"slug": slug, "name": name})
        member = Membership.objects.create(tenant=tenant, user=user, role=Role.OWNER)
        audit.record_member(Action.MEMBER_ADDED, member, after={"role": member.role})
        key = issue_key(tenant_id=tenant.id, name="registration", role=Role.OWNER)
    return Registration(tenant, user, key)


def set_address(user: User, *, verified: bool) -> None:
    """Make the user's e-mail address the only one they log in with.

    Others that they had count no more; one that was verified stays so.
    """
    EmailAddress.objects.filter(user=user).exclude(email=user.email).delete()
    row, _ = EmailAddress.objects.get_or_create(
        user=user, email=user.email, defaults={"primary": True, "verified": verified}
    )
    if verified and not row.verified:
        row.set_verified()


def is_verified(user: User) -> bool:
    """Whether the user has shown that mail to their address reaches them."""
    return EmailAddress.objects.filter(user=user, email=user.email, verified=True).exists()


def memberships_of(user: User | AnonymousUser) -> list[Membership]:
    """Where the user belongs, with tenants, by slug; of a closed account nowhere."""
    if not user.is_authenticated:
        return []
    with scope.operator("a user's own memberships span tenants"):
        rows = Membership.objects.filter(user_id=user.pk, user__is_active=True)
        return list(rows.select_related("tenant", "user").order_by("tenant__slug"))


def find_member(user: User | AnonymousUser, tenant_slug: str) -> Principal | None:
    """The user as a member of the tenant with this slug; None where there is no such membership."""
    return member_at(memberships_of(user), tenant_slug)


def member_at(memberships: list[Membership], tenant_slug: str) -> Principal | None:
    """Whoever has these memberships, in the tenant with this slug; None if it is none of theirs."""
    for membership in memberships:
        if membership.tenant.slug == tenant_slug:
            return Principal(
                kind="user",
                id=membership.user_id,
                tenant_id=membership.tenant_id,
                tenant_slug=tenant_slug,
                role=Role(membership.role),
                label=membership.user.email,
            )
    return None


def tenants_of(user: User | AnonymousUser) -> list[Tenant]:
    """The tenants that the user is a member of, by slug."""
    return [membership.tenant for membership in memberships_of(user)]
