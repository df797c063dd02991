"""People and the tenants they belong to: register, find a member."""

from __future__ import annotations

from dataclasses import dataclass

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
    429, or 503 while they cannot be counted.
    """
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
    themselves = actors.named("user", user.pk, user.email)
    with scope.tenant(tenant.id), actors.acting(themselves):
        audit.record(Action.TENANT_REGISTERED, tenant, after={"slug": slug, "name": name})
        member = Membership.objects.create(tenant=tenant, user=user, role=Role.OWNER)
        audit.record_member(Action.MEMBER_ADDED, member, after={"role": member.role})
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
