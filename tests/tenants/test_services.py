"""Registration, members, API keys, secrets: what services promise to every door."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import ClassVar

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from tenants import scope, services
from tenants.keyring import KeyRingError
from tenants.models import ApiKey, Membership, Secret, Tenant, User
from tenants.problems import Problem
from tenants.roles import Role
from tenants.services import IssuedKey, Registration
from tests import factories

PASSWORD = "correct horse battery"


def register(tenant: str = "Acme, Inc.", email: str = "Ann@Acme.example") -> Registration:
    return services.register(tenant=tenant, email=email, password=PASSWORD)


@pytest.fixture
def acme(db: None) -> Registration:
    return register()


@pytest.fixture
def globex(db: None) -> Registration:
    return register("Globex", "bob@globex.example")


def issue(tenant: Tenant, role: Role = Role.VIEWER, **fields: timedelta) -> IssuedKey:
    expires_in = fields.get("expires_in")
    with scope.tenant(tenant.id):
        return services.issue_key(
            tenant_id=tenant.id,
            name="a test's",
            role=role,
            expires_at=timezone.now() + expires_in if expires_in is not None else None,
        )


# --- Registration ------------------------------------------------------------------------------


def test_a_registration_makes_a_tenant_its_owner_and_a_key(acme: Registration) -> None:
    assert (acme.tenant.slug, acme.tenant.name) == ("acme-inc", "Acme, Inc.")
    assert acme.user.email == "ann@acme.example"
    assert acme.user.check_password(PASSWORD)
    assert not acme.user.is_staff
    with scope.tenant(acme.tenant.id):
        membership = Membership.objects.get()
    assert (membership.user_id, membership.role) == (acme.user.id, Role.OWNER)
    principal = services.find_key_holder(acme.key.token)
    assert principal is not None
    assert (principal.tenant_slug, principal.role) == ("acme-inc", Role.OWNER)


@pytest.mark.parametrize(
    ("tenant", "email", "status", "detail"),
    [
        ("ACME inc", "new@acme.example", 409, "'ACME inc' is taken"),
        ("Other", "ANN@acme.EXAMPLE", 409, "registered already"),
        ("!?", "new@acme.example", 422, "needs letters"),
    ],
)
def test_a_registration_that_can_not_be_is_a_problem(
    acme: Registration, tenant: str, email: str, status: int, detail: str
) -> None:
    with pytest.raises(Problem, match=detail) as raised:
        register(tenant, email)
    assert raised.value.status == status


class SlowHasher(MD5PasswordHasher):
    """Notes which scope is open while it hashes."""

    seen: ClassVar[list[scope.Scope | None]] = []

    def encode(self, password: str, salt: str) -> str:
        self.seen.append(scope.current())
        encoded: str = super().encode(password, salt)
        return encoded


def test_no_transaction_waits_while_a_registration_hashes(db: None) -> None:
    with override_settings(PASSWORD_HASHERS=[f"{__name__}.SlowHasher"]):
        register()
    assert SlowHasher.seen == [None]


def test_a_refused_registration_leaves_nothing_behind(acme: Registration) -> None:
    with pytest.raises(Problem):
        register("Other", acme.user.email)
    with scope.operator("a test"):
        assert Tenant.objects.count() == 1
        assert User.objects.count() == 1


def test_of_registrations_at_the_same_time_one_wins(committed_db: None) -> None:
    barrier, answers = threading.Barrier(4), []

    def race() -> None:
        barrier.wait(timeout=30)
        try:
            answers.append(register().tenant.slug)
        except Problem as problem:
            answers.append(str(problem.status))
        finally:
            connection.close()

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["409", "409", "409", "acme-inc"]


# --- Members -----------------------------------------------------------------------------------


def test_a_member_is_found_by_the_tenants_slug(acme: Registration, globex: Registration) -> None:
    principal = services.find_member(acme.user, "acme-inc")
    assert principal is not None
    assert (principal.id, principal.tenant_id) == (acme.user.id, acme.tenant.id)
    assert services.tenants_of(acme.user) == [acme.tenant]


def test_somebody_else_is_no_member(acme: Registration, globex: Registration) -> None:
    assert services.find_member(globex.user, "acme-inc") is None
    assert services.find_member(acme.user, "nothing") is None
    assert services.find_member(AnonymousUser(), "acme-inc") is None
    assert services.tenants_of(AnonymousUser()) == []


def test_a_deactivated_member_is_none(acme: Registration) -> None:
    User.objects.update(is_active=False)
    assert services.find_member(acme.user, "acme-inc") is None


# --- API keys ----------------------------------------------------------------------------------


def test_a_key_is_bound_to_its_tenant_and_role(acme: Registration, globex: Registration) -> None:
    issued = issue(globex.tenant, Role.OPERATOR, expires_in=timedelta(hours=1))
    principal = services.find_key_holder(issued.token)
    assert principal is not None
    assert (principal.kind, principal.id) == ("api_key", issued.key.id)
    assert (principal.tenant_id, principal.role) == (globex.tenant.id, Role.OPERATOR)


def test_only_the_hash_of_a_key_is_kept(acme: Registration) -> None:
    secret = acme.key.token.split("_", 2)[2]
    with scope.tenant(acme.tenant.id):
        kept = repr(ApiKey.objects.values_list().get())
    assert secret not in kept
    assert len(secret) >= 43  # 256 bits in base64


def test_an_expired_key_is_nobodys(acme: Registration) -> None:
    issued = issue(acme.tenant, expires_in=timedelta(0))
    assert services.find_key_holder(issued.token) is None


def test_a_revoked_key_is_nobodys(acme: Registration) -> None:
    with scope.tenant(acme.tenant.id):
        ApiKey.objects.update(revoked_at=timezone.now())
    assert services.find_key_holder(acme.key.token) is None


def test_a_key_with_another_keys_secret_is_nobodys(
    acme: Registration, globex: Registration
) -> None:
    ours, theirs = (made.key.token.split("_", 2) for made in (acme, globex))
    assert services.find_key_holder("_".join([*ours[:2], theirs[2]])) is None


def test_a_key_with_a_wrong_last_character_is_nobodys(acme: Registration) -> None:
    token = acme.key.token
    wrong = "A" if token[-1] != "A" else "B"
    assert services.find_key_holder(token[:-1] + wrong) is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        "_",
        "__",
        "sw",
        "sw_",
        "sw__",
        "sw_x",
        "sw_x_",
        "xx_{id}_{secret}",
        "sw_{id}",
        "{id}",
        "sw_%_{secret}",
        "sw_{id}\x00_{secret}",
        "sw_{id}_\xe9",
        "sw_{id}_" + "x" * 10_000,
    ],
)
def test_a_malformed_key_is_nobodys(acme: Registration, token: str) -> None:
    _, public_id, secret = acme.key.token.split("_", 2)
    assert services.find_key_holder(token.format(id=public_id, secret=secret)) is None


# --- Secrets and variables ---------------------------------------------------------------------


def test_a_secret_comes_back_as_it_was(acme: Registration) -> None:
    ident = acme.tenant.id
    with scope.tenant(ident):
        _, created = services.put_secret(tenant_id=ident, name="token", value="gehëim ja\n")
        assert created
        assert factories.secret_values(ident, ["token", "none"]) == {"token": "gehëim ja\n"}
        _, created = services.put_secret(tenant_id=ident, name="token", value="new value")
        assert not created
        assert factories.secret_values(ident, ["token"]) == {"token": "new value"}
        assert services.secret_hosts(ident).keys() == {"token"}


def test_a_secret_too_short_to_be_masked_is_refused(acme: Registration) -> None:
    ident = acme.tenant.id
    with scope.tenant(ident):
        with pytest.raises(Problem, match="at least 8 characters") as raised:
            services.put_secret(tenant_id=ident, name="token", value="1234567")
        assert raised.value.status == 422
        assert services.secret_hosts(ident).keys() == set()
        assert services.put_secret(tenant_id=ident, name="token", value="12345678")[1]


def test_a_secret_is_sealed_in_the_database(acme: Registration) -> None:
    with scope.tenant(acme.tenant.id):
        services.put_secret(tenant_id=acme.tenant.id, name="token", value="open sesame")
        assert b"sesame" not in bytes(Secret.objects.get().sealed)


def test_a_value_moved_to_another_tenants_row_does_not_open(
    acme: Registration, globex: Registration
) -> None:
    with scope.tenant(acme.tenant.id):
        ours, _ = services.put_secret(tenant_id=acme.tenant.id, name="token", value="ours only")
    with scope.tenant(globex.tenant.id):
        services.put_secret(tenant_id=globex.tenant.id, name="token", value="theirs only")
        Secret.objects.update(sealed=ours.sealed)
        with pytest.raises(KeyRingError, match="moved"):
            factories.secret_values(globex.tenant.id, ["token"])


def test_a_value_moved_to_another_name_does_not_open(acme: Registration) -> None:
    with scope.tenant(acme.tenant.id):
        services.put_secret(tenant_id=acme.tenant.id, name="token", value="ours only")
        Secret.objects.update(name="shown_elsewhere")
        with pytest.raises(KeyRingError, match="moved"):
            factories.secret_values(acme.tenant.id, ["shown_elsewhere"])


def test_the_same_name_is_a_secret_of_each_tenant(acme: Registration, globex: Registration) -> None:
    for made in (acme, globex):
        with scope.tenant(made.tenant.id):
            services.put_secret(
                tenant_id=made.tenant.id, name="token", value=f"of {made.tenant.slug}"
            )
    with scope.tenant(globex.tenant.id):
        assert factories.secret_values(globex.tenant.id, ["token"]) == {"token": "of globex"}
        assert factories.secret_values(acme.tenant.id, ["token"]) == {}


def test_variables_are_plain_json(acme: Registration) -> None:
    ident = acme.tenant.id
    with scope.tenant(ident):
        assert services.put_variable(tenant_id=ident, name="shops", value=[1, None])[1]
        assert not services.put_variable(tenant_id=ident, name="shops", value={"a": 1.5})[1]
        assert services.variable_values(ident) == {"shops": {"a": 1.5}}
