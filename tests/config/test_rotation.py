"""Keys are replaced: everything sealed is sealed anew, whatever happens meanwhile."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.apps import apps
from django.core.management import call_command
from django.db import models
from django.db.models.functions import Now
from django.test import override_settings

from config import rotation
from tenants import scope, services
from tenants.keyring import KeyRing, new_key
from tenants.models import PlatformAuditEntry, Secret, Tenant
from tenants.roles import Role
from tests import factories, traces
from tests.executions.driving import in_threads
from tests.webhooks import senders
from webhooks import services as webhook_services
from webhooks import trials
from webhooks.models import Endpoint

OLD, NEW = f"old:{new_key()}", f"new:{new_key()}"


@contextmanager
def ring(*keys: str) -> Iterator[KeyRing]:
    with override_settings(SECRETS_KEYS=",".join(keys)):
        services.keyring.cache_clear()
        try:
            yield services.keyring()
        finally:
            services.keyring.cache_clear()


@pytest.fixture
def sealed(committed_db: None) -> Iterator[Tenant]:
    """Sealed with the old key: secrets, an endpoint's two after a rotation, a test address's."""
    with ring(OLD):
        tenant = factories.make_tenant("acme")
        factories.make_secret(tenant, "shop", "open sesame", ["shop.example"])
        factories.make_secret(tenant, "crm", "open poppy")
        factories.make_secret(factories.make_tenant("globex"), "shop", "theirs only")
        workflow = factories.make_workflow(tenant)
        address = senders.make_address(workflow=workflow)
        with scope.tenant(tenant.id):
            trials.listen(workflow=workflow, by="alice@acme.example")
            endpoint = Endpoint.objects.get(id=address.endpoint_id)
            webhook_services.rotate(endpoint=endpoint)
        user = factories.make_member(tenant, Role.OWNER, "alice@acme.example")
        TOTP.activate(user, "JBSWY3DPEHPK3PXP")
        RecoveryCodes.activate(user)
        yield tenant


def rows() -> list[Any]:
    with scope.operator("to look at all that is sealed"):
        return [
            bytes(value)
            for column in rotation.COLUMNS
            for value in column.model.objects.values_list(column.field, flat=True)
        ]


def keys() -> set[str]:
    return {services.keyring().key_of(value) for value in rows()}


def run(*arguments: str) -> tuple[int, str, str]:
    out, error = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command("rotate_keys", *arguments, stdout=out, stderr=error)
    except SystemExit as left:
        code = int(left.code or 0)
    return code, out.getvalue(), error.getvalue()


def counts(out: str) -> dict[str, list[int]]:
    lines = [line.rpartition(" values") for line in out.splitlines()]
    return {
        " ".join(before.split()[:-1]): [
            int(word) for word in (before.split()[-1], *after.split()) if word.isdigit()
        ]
        for before, _, after in lines
    }


def test_no_sealed_column_is_forgotten() -> None:
    known = {(column.model, column.field) for column in rotation.COLUMNS}
    there = {
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.BinaryField) and "sealed" in field.name
    }
    assert known == there


def test_everything_is_sealed_with_the_first_key_and_opens_without_the_old(sealed: Tenant) -> None:
    with scope.tenant(sealed.id):
        before = {row.name: row.updated_at for row in Secret.objects.all()}
    with ring(NEW, OLD):
        assert keys() == {"old"}
        code, out, _ = run()
        assert code == 0
        assert counts(out) == {
            "tenants_secret.sealed": [3, 3],
            "webhooks_endpoint.sealed_secret": [1, 1],
            "webhooks_endpoint.sealed_previous": [1, 1],
            "webhooks_trialaddress.sealed_secret": [1, 1],
            "mfa_authenticator.data": [2, 2],
            "key new": [8],
            "key old": [0],
        }
    with ring(NEW), scope.tenant(sealed.id):
        opened = services.open_secrets(sealed.id, ["shop", "crm"])
        assert {name: secret.value for name, secret in opened.items()} == {
            "shop": "open sesame",
            "crm": "open poppy",
        }
        assert opened["shop"].hosts.rules == ("shop.example",)
        assert {row.name: row.updated_at for row in Secret.objects.all()} == before


def test_nothing_anywhere_is_sealed_with_the_old_key_afterwards(sealed: Tenant) -> None:
    """Also in places that nobody has told this command of."""
    old = b"\x01\x03old"
    forms = (old, old.hex().encode(), base64.b64encode(old + b"\0")[:6])
    with ring(NEW, OLD):
        before = {name for name, data in traces.database() if any(form in data for form in forms)}
        run()
    assert before == {str(column) for column in rotation.COLUMNS} | {"mfa_authenticator.data"}
    left = [name for name, data in traces.database() if any(form in data for form in forms)]
    assert left == []


def test_second_factors_still_work_and_used_codes_stay_used(
    sealed: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter, codes = get_adapter(), Authenticator.objects.get(type="recovery_codes")
    opened = type(adapter).decrypt

    def decrypt(self: Any, text: str) -> str:
        Authenticator.objects.filter(pk=codes.pk).update(data={**codes.data, "used_mask": 5})
        return str(opened(self, text))

    with ring(NEW, OLD):
        monkeypatch.setattr(type(adapter), "decrypt", decrypt)
        assert run()[0] == 0
        monkeypatch.undo()
    with ring(NEW):
        totp = Authenticator.objects.get(type="totp")
        assert adapter.decrypt(totp.data["secret"]) == "JBSWY3DPEHPK3PXP"
        codes.refresh_from_db()
        assert codes.data["used_mask"] == 5
        assert len(codes.wrap().get_unused_codes()) == 8


def test_a_factor_that_cannot_be_opened_is_named(sealed: Tenant) -> None:
    totp = Authenticator.objects.get(type="totp")
    Authenticator.objects.filter(pk=totp.pk).update(data={"secret": "no base64!"})
    with ring(NEW, OLD):
        code, _, error = run()
    assert code == 1
    assert f"mfa_authenticator.data, user {totp.user_id}, row {totp.pk}: " in error


def test_the_audit_trail_tells_of_a_run_and_not_of_a_dry_one(sealed: Tenant) -> None:
    with ring(NEW, OLD):
        run("--dry-run")
        run()
    with scope.operator("to read the trail"):
        [entry] = PlatformAuditEntry.objects.filter(action="keys.rotated")
    assert entry.target_label == "new"


def test_a_dry_run_opens_and_counts_and_writes_nothing(sealed: Tenant) -> None:
    before = rows()
    with ring(NEW, OLD):
        code, out, _ = run("--dry-run")
    assert code == 0
    assert counts(out)["tenants_secret.sealed"] == [3, 0]
    assert (counts(out)["key new"], counts(out)["key old"]) == ([0], [8])
    assert rows() == before


def test_run_again_it_writes_nothing(sealed: Tenant) -> None:
    with ring(NEW, OLD):
        run()
        before = rows()
        code, out, _ = run()
        assert (code, counts(out)["tenants_secret.sealed"]) == (0, [3, 0])
        assert rows() == before


def test_more_rows_than_a_batch_are_all_sealed_anew(
    sealed: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)
    with ring(OLD):
        for number in range(5):
            factories.make_secret(sealed, f"more_{number}", "one of many")
    with ring(NEW, OLD):
        assert counts(run()[1])["tenants_secret.sealed"] == [8, 8]
        assert keys() == {"new"}


def test_what_cannot_be_opened_is_named_and_the_rest_is_sealed_anew(sealed: Tenant) -> None:
    with scope.tenant(sealed.id):
        broken, other = Secret.objects.get(name="crm"), Secret.objects.get(name="shop")
        Secret.objects.filter(name="crm").update(sealed=other.sealed)  # moved
        endpoint = Endpoint.objects.get()
        Endpoint.objects.update(sealed_secret=b"no sealed value")
    with ring(NEW, OLD):
        code, out, error = run()
        assert counts(out)["tenants_secret.sealed"] == [3, 2]
        assert counts(out)["webhooks_endpoint.sealed_secret"] == [1, 0]
    assert code == 1
    assert f"tenants_secret.sealed, tenant {sealed.id}, row {broken.id}: " in error
    assert f"webhooks_endpoint.sealed_secret, tenant {sealed.id}, row {endpoint.id}: " in error
    assert "sesame" not in out + error
    assert "no sealed" not in error.replace("is not a sealed one", "")


def test_a_key_that_is_missing_is_named(sealed: Tenant) -> None:
    before = rows()
    with ring(NEW):
        code, _, error = run()
    assert code == 1
    assert error.count("sealed with the key 'old'") == 8
    assert rows() == before


def test_a_value_written_meanwhile_is_not_lost(
    sealed: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading and writing somebody replaces one secret, deletes another."""
    opened = services.unseal

    def unseal(tenant_id: Any, purpose: str, value: bytes) -> str:
        plain = opened(tenant_id, purpose, value)
        if plain == "open sesame":
            Secret.objects.filter(name="shop").update(
                sealed=services.seal(tenant_id, purpose, "written meanwhile")
            )
        if plain == "open poppy":
            Secret.objects.filter(name="crm").delete()
        return plain

    with ring(NEW, OLD):
        monkeypatch.setattr(services, "unseal", unseal)
        code, out, _ = run()
        monkeypatch.undo()
    with ring(NEW), scope.tenant(sealed.id):
        assert factories.secret_values(sealed.id, ["shop", "crm"]) == {"shop": "written meanwhile"}
    assert (code, counts(out)["tenants_secret.sealed"]) == (0, [2, 1])


def test_beside_writers_and_a_second_copy_nothing_is_lost(sealed: Tenant) -> None:
    written: dict[str, str] = {}

    def act(number: int) -> None:
        if number < 2:
            rotation.rotate()
            return
        for turn in range(20):
            value = f"value {number} {turn}"
            factories.make_secret(sealed, f"live_{number}", value)
            written[f"live_{number}"] = value

    with ring(NEW, OLD):
        in_threads(4, act)
        rotation.rotate()
        assert keys() == {"new"}
        with scope.tenant(sealed.id):
            assert factories.secret_values(sealed.id, written) == written


def test_a_previous_secret_that_is_over_is_sealed_anew_too(sealed: Tenant) -> None:
    with scope.tenant(sealed.id):
        Endpoint.objects.update(previous_expires_at=Now() - timedelta(days=1))
    with ring(NEW, OLD):
        run()
        assert keys() == {"new"}
