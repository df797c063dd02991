"""Who is in the demo: the tenant `acme` with one of each role, a stranger, and the staff."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

from tenants import scope, services
from tenants.actions import Action
from tenants.models import Membership, Tenant, User
from tenants.roles import Role
from tenants.services import audit


@dataclass(frozen=True)
class Person:
    """`role` is what the terminal calls them; `tenant` is a slug, None for the staff."""

    role: str
    email: str
    tenant: str | None = None
    member_as: Role = Role.OWNER


PEOPLE = (
    Person("owner", "owner@acme.example", "acme", Role.OWNER),
    Person("editor", "editor@acme.example", "acme", Role.EDITOR),
    Person("operator", "operator@acme.example", "acme", Role.OPERATOR),
    Person("viewer", "viewer@acme.example", "acme", Role.VIEWER),
    Person("stranger", "mallory@globex.example", "globex", Role.OWNER),
    Person("staff", "staff@stepwell.example"),
)
NAMES = {"acme": "Acme Ltd", "globex": "Globex Ltd"}


def ensure(passwords: Mapping[str, str], hashes: MutableMapping[str, str]) -> Tenant:
    """Make whoever is missing and give each their password back. Returns the tenant `acme`.

    Who has the hash that is known has the password; `hashes` knows them all afterwards.
    """
    with scope.operator("the demo makes two tenants"):
        tenants = {
            slug: Tenant.objects.get_or_create(slug=slug, defaults={"name": name})[0]
            for slug, name in NAMES.items()
        }
        for person in PEOPLE:
            user = _user(person)
            if user.password != hashes.get(person.email):
                user.set_password(passwords[person.email])
                user.save(update_fields=["password"])
                hashes[person.email] = user.password
            services.set_address(user, verified=True)
            if person.tenant:
                _join(tenants[person.tenant], user, person.member_as)
    return tenants["acme"]


def _user(person: Person) -> User:
    try:
        return User.objects.get(email=person.email)
    except User.DoesNotExist:
        make = User.objects.create_user if person.tenant else User.objects.create_superuser
        return make(person.email)


def _join(tenant: Tenant, user: User, role: Role) -> None:
    with scope.tenant(tenant.id):
        member, is_new = Membership.objects.get_or_create(
            tenant=tenant, user=user, defaults={"role": role}
        )
        if is_new:
            audit.record_member(Action.MEMBER_ADDED, member, after={"role": role})
