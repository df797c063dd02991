"""The audit trail over the API and on its page: filters, pages, files, and who may."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from tenants import actors, scope
from tenants.actions import Action
from tenants.actors import Actor
from tenants.roles import Role
from tenants.services import audit, trail
from tenants.services.audit import Target
from tests import factories
from tests.callers import Caller, owner_of


@pytest.fixture
def acme(db: None) -> Caller:
    """Registered (3 entries), then two variables and a secret."""
    caller = owner_of("acme")
    caller.post("variables/", {"name": "region", "value": "eu"})
    caller.put("variables/region/", {"value": "us"})
    caller.post("secrets/", {"name": "shop", "value": "open sesame"})
    return caller


def results(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def body_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return b"".join(answer.streaming_content).decode()


def test_the_newest_act_comes_first_and_says_everything(acme: Caller) -> None:
    first, second, *_ = results(acme.get("audit/", user_agent="curl/8"))
    assert (first["action"], first["target_type"], first["target_label"]) == (
        "secret.written",
        "secret",
        "shop",
    )
    assert (second["before"], second["after"]) == ({"region": "eu"}, {"region": "us"})
    assert (second["actor_kind"], second["door"], second["ip"]) == ("api_key", "api", "127.0.0.1")
    assert second["actor_label"].endswith("(registration)")
    assert first["prev_hash"] == second["hash"]
    assert "sesame" not in acme.get("audit/").content.decode()


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [6, 5, 4, 3, 2, 1]),
        ("action=variable", [5, 4]),
        ("action=variable.written", [5, 4]),
        ("action=variab", []),
        ("target=secret", [6]),
        ("target=shop", [6]),
        ("target=region", [5, 4]),
        ("actor=owner@acme.example", [3, 2, 1]),
        ("actor=nobody", []),
        ("since=2020-01-01T00:00:00Z&action=tenant", [1]),
        ("until=2020-01-01T00:00:00Z", []),
    ],
)
def test_filters_choose(acme: Caller, query: str, numbers: list[int]) -> None:
    assert [one["seq"] for one in results(acme.get(f"audit/?{query}"))] == numbers


def test_an_actor_is_found_by_its_id(acme: Caller) -> None:
    ident = results(acme.get("audit/?action=secret"))[0]["actor_id"]
    assert [one["seq"] for one in results(acme.get(f"audit/?actor={ident}"))] == [6, 5, 4]


def test_pages_follow_one_another_without_a_gap(acme: Caller) -> None:
    path, seen = "audit/?limit=4", []
    while path:
        answer = acme.get(path)
        seen += [one["seq"] for one in results(answer)]
        path = answer.json()["next"]
    assert seen == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("actoin=x", 422),
        ("since=yesterday", 422),
        ("cursor=nonsense", 404),
        ("cursor=cD14", 404),  # p=x
        ("actor=" + "x" * 301, 422),
        ("actor=%00", 422),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(acme: Caller, query: str, status: int) -> None:
    answer = acme.get(f"audit/?{query}")
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("role", [Role.EDITOR, Role.OPERATOR, Role.VIEWER])
def test_only_owners_may(acme: Caller, role: Role) -> None:
    other = acme.with_role(role)
    assert other.get("audit/").status_code == 403
    assert other.get("audit/export/").status_code == 403


# --- Files -------------------------------------------------------------------------------------


def test_a_line_holds_what_was_hashed_as_it_was(acme: Caller) -> None:
    answer = acme.get("audit/export/")
    assert answer["Content-Type"] == "application/x-ndjson"
    assert answer["Content-Disposition"] == 'attachment; filename="audit-acme.jsonl"'
    lines = body_of(answer).splitlines()
    assert [json.loads(line)["entry"]["seq"] for line in lines] == [1, 2, 3, 4, 5, 6]
    for line in lines:
        text = line.split(',"entry":', 1)[1][:-1]
        assert hashlib.sha256(text.encode()).hexdigest() == json.loads(line)["hash"]


def test_the_same_as_a_table(acme: Caller) -> None:
    answer = acme.get("audit/export/?format=csv&action=variable")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    head, *rows = csv.reader(io.StringIO(body_of(answer)))
    assert head == list(trail.COLUMNS)
    assert [row[head.index("after")] for row in rows] == ['{"region":"eu"}', '{"region":"us"}']


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(acme: Caller, start: str) -> None:
    label = f'{start}HYPERLINK("http://x.example")'
    evil = Actor("user", None, f"{start}cmd", "page", agent=f"{start}agent")
    with scope.tenant(acme.tenant_id), actors.acting(evil):
        audit.record(Action.VARIABLE_WRITTEN, Target(label, label, label))
    rows = list(csv.reader(io.StringIO(body_of(acme.get("audit/export/?format=csv")))))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_a_file_is_written_in_parts(acme: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail, "BATCH", 4)
    pieces = list(acme.get("audit/export/").streaming_content)
    assert [piece.count(b"\n") for piece in pieces] == [4, 2]


@pytest.mark.parametrize("query", ["format=xml", "format=json", "fromat=csv", "since=x"])
def test_a_file_that_nobody_writes_is_refused(acme: Caller, query: str) -> None:
    answer = acme.get(f"audit/export/?{query}")
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")


async def _through_asgi(token: str) -> str:
    answer: Any = await AsyncClient().get(
        "/api/v1/audit/export/", headers={"Authorization": f"Bearer {token}"}
    )
    return b"".join([piece async for piece in answer.streaming_content]).decode()


def test_daphne_sends_a_file_in_parts_too(committed_db: None) -> None:
    caller = owner_of("acme")
    text = async_to_sync(_through_asgi)(str(caller.token))
    assert text.count("\n") == 3


# --- The page ----------------------------------------------------------------------------------


@pytest.fixture
def people(db: None) -> factories.People:
    made = factories.make_people()
    factories.make_secret(made.acme, "shop", "open sesame")
    factories.make_draft(made.acme, slug="nightly")
    return made


def browser(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_an_owner_sees_what_was_done_and_takes_it_away(people: factories.People) -> None:
    client = browser(people.alice)
    text = client.get("/t/acme/audit/").content.decode()
    assert "workflow.created" in text
    assert "sesame" not in text
    chosen = client.get("/t/acme/audit/?target=shop").content.decode()
    assert "nightly" in text
    assert "nightly" not in chosen
    assert body_of(client.get("/t/acme/audit/export/?format=csv&target=nightly")).count("\n") == 2


@pytest.mark.parametrize("name", ["ed", "otto", "vera"])
def test_others_are_neither_shown_nor_offered_it(people: factories.People, name: str) -> None:
    client = browser(getattr(people, name))
    assert client.get("/t/acme/audit/").status_code == 403
    assert client.get("/t/acme/audit/export/?format=csv").status_code == 403
    assert "/t/acme/audit/" not in client.get("/t/acme/workflows/").content.decode()


def test_the_page_has_pages(people: factories.People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenants.views.trail.PAGE", 1)
    client = browser(people.alice)
    first = client.get("/t/acme/audit/").content.decode()
    assert "secret.written" not in first.split("<tbody>")[1]
    second = client.get("/t/acme/audit/?below=2").content.decode()
    assert "secret.written" in second.split("<tbody>")[1]
    assert "Newest" in second


@pytest.mark.parametrize("query", ["since=x", "below=-1", "below=x", "actor=" + "x" * 400])
def test_a_filter_that_makes_no_sense_shows_all(people: factories.People, query: str) -> None:
    answer = browser(people.alice).get(f"/t/acme/audit/?{query}")
    assert answer.status_code == 200
    assert browser(people.alice).get("/t/acme/audit/export/?format=xml").status_code == 400


# --- Ids of requests ---------------------------------------------------------------------------


def test_a_request_has_an_id_in_its_answer_and_in_the_trail(acme: Caller) -> None:
    answer = acme.put("variables/region/", {"value": "x"}, x_request_id="from.the-proxy_1")
    assert answer["X-Request-ID"] == "from.the-proxy_1"
    assert results(acme.get("audit/"))[0]["request_id"] == "from.the-proxy_1"


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with space", "a\nb-cdefgh", "é" * 9])
def test_an_id_that_is_none_is_replaced(acme: Caller, given: str) -> None:
    answers = [acme.get("audit/", x_request_id=given) for _ in range(2)]
    first, second = (answer["X-Request-ID"] for answer in answers)
    assert given not in (first, second)
    assert len(first) == 32
    assert first != second


def test_a_webhook_has_one_too(db: None) -> None:
    assert len(Client().post("/hooks/nobody/")["X-Request-ID"]) == 32


@pytest.mark.parametrize(
    ("behind", "forwarded", "ip"),
    [
        (False, "203.0.113.9", "127.0.0.1"),
        (True, "203.0.113.9", "203.0.113.9"),
        (True, "10.0.0.1, 203.0.113.9", "203.0.113.9"),
        (True, "2001:DB8::1", "2001:db8::1"),
        (True, "nonsense", ""),
    ],
)
def test_the_address_is_what_our_proxy_saw(
    acme: Caller, settings: Any, behind: bool, forwarded: str, ip: str
) -> None:
    settings.BEHIND_PROXY = behind
    acme.put("variables/region/", {"value": "x"}, x_forwarded_for=forwarded)
    assert results(acme.get("audit/"))[0]["ip"] == ip
