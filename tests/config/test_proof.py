"""The proof of isolation as the command and the staff's page give it, and what it must find."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from config import knocking, proof
from config.doors import PUBLIC
from config.urls import urlpatterns as real
from executions.consumers import ExecutionSocket
from tenants import strangers
from tenants.attempts import Tried
from tenants.gcra import Rate
from tenants.models import Tenant, User
from tests import environment, servers
from tests.callers import PASSWORD


def leaky(request: HttpRequest, **named: object) -> HttpResponse:
    """What whoever forgets a guard writes."""
    return HttpResponse("everybody's rows")


urlpatterns = [path("forgotten/", leaky), path("api/v1/executions/<uuid:id>/raw/", leaky), *real]


@pytest.fixture(scope="module")
def kept(django_db_setup: None, django_db_blocker: Any) -> proof.Proof:
    with django_db_blocker.unblock():
        return proof.prove_aside()


@pytest.fixture
def view_with_owners_rights(committed_db: None) -> Iterator[None]:
    """Planted for good, since the command looks from a connection of its own."""
    with servers.superuser(environment.DATABASE) as connection:
        connection.execute("CREATE VIEW planted AS SELECT * FROM tenants_secret")
        yield
        connection.execute("DROP VIEW planted")


def test_tenants_are_kept_apart(kept: proof.Proof) -> None:
    assert kept.failures == []
    assert kept.holds


def test_knocking_is_not_turned_away_for_its_number(db: None, settings: LazySettings) -> None:
    settings.RATE_UNKNOWN_KEYS = Rate(1, 3600)
    strangers.forget()
    assert [one for one in knocking.nobody() if not one.held] == []
    strangers.forget()


@pytest.mark.parametrize("kind", ["table", "route", "socket"])
def test_every_kind_of_place_is_tried(kept: proof.Proof, kind: str) -> None:
    assert sum(line.tries for line in kept.lines if line.kind == kind) > 0


def test_every_route_that_is_not_public_is_knocked_at(kept: proof.Proof) -> None:
    silent = [line.place for line in kept.lines if line.kind == "route" and not line.tries]
    assert [place for place in silent if place[1:] not in PUBLIC] == []


def test_nothing_of_it_stays(db: None) -> None:
    call_command("prove_isolation", verbosity=0)
    assert not User.objects.exists()
    with servers.superuser(environment.DATABASE) as connection:
        assert connection.execute("SELECT count(*) FROM tenants_tenant").fetchone() == (0,)


def test_the_command_gives_one_document(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("prove_isolation", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["holds"] is True
    assert document["failures"] == []
    assert {line["kind"] for line in document["lines"]} == {"table", "route", "socket", "task"}


def test_the_command_fails_for_a_hole(
    view_with_owners_rights: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("prove_isolation")
    assert ended.value.code == 1
    assert "FAILS  planted: the view reads with its owner's rights" in capsys.readouterr().out


@override_settings(ROOT_URLCONF="tests.config.test_proof")
def test_a_route_that_lets_anybody_in_is_found_by_knocking(db: None) -> None:
    assert Tried("/forgotten/", "nobody: GET", 200, held=False) in knocking.nobody()


@override_settings(ROOT_URLCONF="tests.config.test_proof")
def test_a_route_that_shows_another_tenants_rows_is_found(db: None) -> None:
    failures = proof.prove().failures
    place = "/api/v1/executions/<uuid:id>/raw/"
    assert f"{place}: another tenant's key: GET: 200" in failures
    assert f"{place}: nothing guards this route" in failures


def test_a_socket_that_takes_anybody_is_found(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(self: ExecutionSocket) -> None:
        await self.accept()
        await self.send("everything")

    monkeypatch.setattr(ExecutionSocket, "connect", connect)
    failed = [str(knock) for knock in knocking.sockets() if not knock.held]
    assert failed == ["/ws/executions/<uuid:execution_id>/: nobody opens it: websocket.send"]


# --- The staff's page --------------------------------------------------------------------------


@pytest.fixture
def staff(committed_db: None) -> Client:
    user = User.objects.create_superuser("staff@stepwell.example", PASSWORD)
    client = Client()
    client.force_login(user)
    return client


def test_the_page_proves_it_when_asked(staff: Client) -> None:
    assert b"Prove it now" in staff.get("/admin/isolation/").content
    answer = staff.post("/admin/isolation/")
    assert b"Tenants are kept apart" in answer.content
    assert b"tenants_secret" in answer.content
    assert not Tenant.objects.exists()


def test_the_page_is_for_the_staff(db: None) -> None:
    client = Client()
    client.force_login(User.objects.create_user("alice@acme.example", PASSWORD))
    assert client.post("/admin/isolation/").status_code in (302, 403)
