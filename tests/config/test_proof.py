"""The proof of isolation as the command and the staff's page give it, and what it must find.

The whole proof takes seconds. It is made once as things are, and once beside planted holes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.contrib.auth.decorators import login_required
from django.core.management import call_command
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import household, knocking, listening, proof
from config.doors import PUBLIC
from config.knocking import STATE
from config.management.commands.prove_isolation import text
from config.urls import urlpatterns as real
from executions.consumers import ExecutionSocket
from tenants import strangers
from tenants.access import needs
from tenants.gcra import Rate
from tenants.models import User
from tenants.problems import Problem
from tenants.roles import Permission
from tests import environment, servers
from tests.callers import PASSWORD

pytestmark = pytest.mark.xdist_group("proof")  # or each process would make it

# --- Holes -------------------------------------------------------------------------------------


def leaky(request: HttpRequest, **named: object) -> HttpResponse:
    """What whoever forgets a guard writes."""
    return HttpResponse("everybody's rows")


@needs(Permission.VIEW)
def too_wide(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """Guarded, but what it shows is looked for past the tenant."""
    return HttpResponse("anybody's row")


class ChecksFirst(APIView):
    """Looks at the body before it looks for the row, and no valid body of it is known."""

    permissions = {"post": Permission.EDIT}

    def post(self, request: Request, id: UUID) -> Response:  # noqa: A002
        if "colour" not in request.data:
            raise Problem(422, "invalid", "Give a colour.")
        return Response({"id": str(id)})


EXECUTION = "api/v1/executions/<uuid:id>/"
PAGE = "t/<slug:tenant_slug>/executions/<uuid:execution_id>/raw/"
urlpatterns = [
    path("forgotten/", leaky),
    path(f"{EXECUTION}raw/", leaky),
    path(f"{EXECUTION}paint/", ChecksFirst.as_view()),
    path("api/v1/gadgets/<uuid:id>/", ChecksFirst.as_view()),
    path(PAGE, too_wide),
    path("account/keyrings/<int:pk>/", login_required(leaky)),
    *real,
]


# --- As things are -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    """The staff's page after they asked for the proof."""
    with django_db_blocker.unblock():
        client = Client()
        client.force_login(User.objects.create_superuser("staff@stepwell.example", PASSWORD))
        assert b"Prove it now" in client.get("/admin/isolation/").content
        yield client.post("/admin/isolation/")
        connections.close_all()
    servers.delete_rows()
    servers.flush_valkey()


@pytest.fixture(scope="module")
def kept(page: Any) -> proof.Proof:
    made = page.context["proof"]
    assert isinstance(made, proof.Proof)
    return made


def test_the_page_tells_what_was_proved(page: Any) -> None:
    assert b"Tenants are kept apart" in page.content
    assert b"tenants_secret" in page.content


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


def test_every_socket_is_tried(kept: proof.Proof) -> None:
    tried = {line.place for line in kept.lines if line.kind == "socket" and line.tries}
    assert set(listening.sockets()) == tried


def test_every_route_that_is_not_public_is_knocked_at(kept: proof.Proof) -> None:
    silent = [line.place for line in kept.lines if line.kind == "route" and not line.tries]
    assert [place for place in silent if place[1:] not in PUBLIC] == []


def test_the_routes_that_need_a_state_are_ones_there_are(kept: proof.Proof) -> None:
    assert {f"/{pattern}" for pattern in STATE} <= {line.place for line in kept.lines}


def test_nothing_of_it_stays(kept: proof.Proof) -> None:
    with servers.superuser(environment.DATABASE) as connection:
        counted = (
            "SELECT (SELECT count(*) FROM tenants_tenant), (SELECT count(*) FROM tenants_user)"
        )
        assert connection.execute(counted).fetchone() == (0, 1)  # the staff's own


def test_it_is_told_place_by_place(kept: proof.Proof) -> None:
    told = text(kept)
    assert "holds  table   tenants_secret " in told
    assert told.endswith(f"Tenants are kept apart: {len(kept.lines)} places, {kept.tries} tries.")


# --- Beside holes ------------------------------------------------------------------------------


@pytest.fixture
def view_with_owners_rights(committed_db: None) -> Iterator[None]:
    """Planted for good, since the command looks from a connection of its own."""
    with servers.superuser(environment.DATABASE) as connection:
        connection.execute("CREATE VIEW planted AS SELECT * FROM tenants_secret")
        yield
        connection.execute("DROP VIEW planted")


@override_settings(ROOT_URLCONF="tests.config.test_proof")
def test_the_command_finds_each_hole_and_fails(
    view_with_owners_rights: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("prove_isolation", "--json")
    assert ended.value.code == 1
    document = json.loads(capsys.readouterr().out)
    assert document["holds"] is False
    assert {line["kind"] for line in document["lines"]} == {"table", "route", "socket", "task"}
    assert sorted(document["failures"]) == sorted(
        [
            "planted: the view reads with its owner's rights: set security_invoker (view)",
            "/forgotten/: nothing guards this route",
            "/forgotten/: nobody: GET: 200",
            "/forgotten/: nobody: POST: 200",
            f"/{EXECUTION}raw/: nothing guards this route",
            f"/{EXECUTION}paint/: the owner: POST: 422",
            f"/{EXECUTION}paint/: another tenant's owner: POST: 422",
            "/api/v1/gadgets/<uuid:id>/: it is not known what ['id'] names: ",
            "/account/keyrings/<int:pk>/: it is not known what ['pk'] names: ",
            f"/{PAGE}: another tenant's owner, their ids under its own tenant: GET: 200",
            f"/{PAGE}: another tenant's owner, their ids under its own tenant: POST: 200",
        ]
    )


def test_a_socket_that_takes_anybody_is_found(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(self: ExecutionSocket) -> None:
        await self.accept()
        await self.send("everything")

    monkeypatch.setattr(ExecutionSocket, "connect", connect)
    ours, theirs = household.settle(), household.settle()
    household.furnish(theirs)
    found = listening.listeners(ours, theirs)
    socket = "/ws/executions/<uuid:execution_id>/"
    assert [str(one) for one in found if not one.held] == [
        f"{socket}: nobody opens it: events",
        f"{socket}: another tenant's owner opens it: events",
    ]


def test_the_page_is_for_the_staff(db: None) -> None:
    client = Client()
    client.force_login(User.objects.create_user("alice@acme.example", PASSWORD))
    assert client.post("/admin/isolation/").status_code in (302, 403)
