"""Executions over the API: run, list, read, follow."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings

from executions.models import Execution
from tenants import scope
from tenants.roles import Role
from tests.callers import Caller, owner_of
from tests.executions.driving import claimed, new_worker, working
from tests.workflows.definitions import document, step

CHAIN = document(
    step("a", kind="transform", config={"value": "{{ trigger.body.n + 1 }}"}),
    step("b", "a", config={"message": "hi"}),
    step("c", "b.failure", config={"message": "never"}),
    input={"type": "object", "properties": {"n": {"type": "integer"}}},
    output="{{ steps.a.output }}",
)


@pytest.fixture
def acme(db: None) -> Caller:
    return owner_of("acme")


def published(caller: Caller, name: str = "chain", definition: Any = CHAIN) -> str:
    slug = caller.post("workflows/", {"name": name, "definition": definition}).json()["slug"]
    assert caller.post(f"workflows/{slug}/publish/").status_code == 201
    return str(slug)


def started(caller: Caller, slug: str) -> str:
    answer = caller.post(f"workflows/{slug}/run/", {"input": {"n": 1}})
    assert answer.status_code == 202, answer.content
    return str(answer.json()["id"])


# --- Run ---------------------------------------------------------------------------------------


def test_a_run_is_accepted_and_found_at_its_address(acme: Caller) -> None:
    answer = acme.post(f"workflows/{published(acme)}/run/", {"input": {"n": 1}})

    assert answer.status_code == 202
    body = answer.json()
    assert set(body) == {"id", "status", "url"}
    assert body["status"] == "queued"
    assert answer["Location"] == body["url"]
    assert acme.get(f"executions/{body['id']}/").json()["url"] == body["url"]


def test_a_run_without_input_has_an_empty_object_as_its_body(acme: Caller) -> None:
    slug = published(acme, definition=document(step("a")))

    ident = acme.post(f"workflows/{slug}/run/").json()["id"]

    trigger = acme.get(f"executions/{ident}/").json()["trigger"]
    assert (trigger["kind"], trigger["body"]) == ("api", {})


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("run/", {"inputs": 1}, 422),
        ("run/", {"input": {"n": "text"}}, 422),
        ("run/", {"input": "\0"}, 422),
        ("run/", b"{", 400),
        ("run/?wait=26", {}, 422),
        ("run/?wait=-1", {}, 422),
        ("run/?wait=nan", {}, 422),
        ("run/?wiat=1", {}, 422),
    ],
)
def test_what_cannot_start_a_run_is_refused(
    acme: Caller, path: str, body: object, status: int
) -> None:
    answer = acme.post(f"workflows/{published(acme)}/{path}", body)

    assert answer.status_code == status
    assert acme.get("executions/").json()["results"] == []


def test_a_workflow_that_was_never_published_does_not_run(acme: Caller) -> None:
    acme.post("workflows/", {"name": "draft", "definition": CHAIN})

    assert acme.post("workflows/draft/run/", {}).status_code == 409


def test_a_viewer_may_not_run_and_an_operator_may(acme: Caller) -> None:
    path = f"workflows/{published(acme)}/run/"

    assert acme.with_role(Role.VIEWER).post(path, {}).status_code == 403
    assert acme.with_role(Role.OPERATOR).post(path, {"input": {"n": 1}}).status_code == 202


def test_waiting_gives_the_finished_execution(committed_db: None) -> None:
    acme = owner_of("acme")
    slug = published(acme)

    with working():
        answer = acme.post(f"workflows/{slug}/run/?wait=20", {"input": {"n": 41}})

    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["output"]) == ("succeeded", 42)
    assert [(one["key"], one["status"]) for one in body["steps"]] == [
        ("a", "succeeded"),
        ("b", "succeeded"),
        ("c", "skipped"),
    ]
    first = body["steps"][0]
    assert first["output"] == 42
    assert first["attempt"] == 1
    assert len(first["attempts"]) == 1
    assert body["finished_at"] is not None


def test_waiting_too_short_gives_the_address_where_to_look(committed_db: None) -> None:
    acme = owner_of("acme")

    answer = acme.post(f"workflows/{published(acme)}/run/?wait=0.1", {"input": {"n": 1}})

    assert answer.status_code == 202
    assert answer.json()["status"] == "queued"


@override_settings(MAX_WAITERS=0)
def test_where_too_many_wait_already_a_caller_gets_the_address_at_once(committed_db: None) -> None:
    acme = owner_of("acme")

    answer = acme.post(f"workflows/{published(acme)}/run/?wait=25", {"input": {"n": 1}})

    assert answer.status_code == 202
    assert answer["Location"] == answer.json()["url"]


# --- Read --------------------------------------------------------------------------------------


def test_steps_stand_in_the_definitions_order_and_unreached_ones_are_pending(acme: Caller) -> None:
    ident = started(acme, published(acme))

    body = acme.get(f"executions/{ident}/").json()

    assert [(one["key"], one["status"]) for one in body["steps"]] == [
        ("a", "pending"),
        ("b", "pending"),
        ("c", "pending"),
    ]
    assert body["steps"][1] == {
        "key": "b",
        "type": "log",
        "status": "pending",
        "outcome": None,
        "reason": None,
        "waiting": None,
        "attempt": 0,
        "input": None,
        "output": None,
        "error": None,
        "started_at": None,
        "finished_at": None,
        "attempts": [],
    }
    assert (body["workflow"], body["version"], body["trigger_kind"]) == ("chain", 1, "api")


def test_an_execution_keeps_the_steps_of_its_own_version(acme: Caller) -> None:
    slug = published(acme)
    ident = started(acme, slug)
    acme.put(f"workflows/{slug}/draft/", {"definition": document(step("z"))}, if_match="*")
    acme.post(f"workflows/{slug}/publish/")

    body = acme.get(f"executions/{ident}/").json()

    assert body["version"] == 1
    assert [one["key"] for one in body["steps"]] == ["a", "b", "c"]


def test_executions_are_filtered(acme: Caller) -> None:
    one, other = published(acme, "one"), published(acme, "other")
    first, second = started(acme, one), started(acme, other)
    with scope.tenant(acme.tenant_id):
        Execution.objects.filter(id=UUID(first)).update(
            status="failed", trigger_kind="webhook", created_at="2026-01-02T00:00:00Z"
        )

    def found(query: str) -> list[str]:
        return [row["id"] for row in acme.get(f"executions/?{query}").json()["results"]]

    assert found("") == [second, first]
    assert found("workflow=one") == [first]
    assert found("workflow=none") == []
    assert found("status=failed") == [first]
    assert found("trigger=api") == [second]
    assert found("until=2026-01-03T00:00:00Z") == [first]
    assert found("since=2026-01-03T00:00:00Z&workflow=other&limit=1") == [second]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=done", "status"),
        ("trigger=magic", "trigger"),
        ("since=yesterday", "since"),
        ("stauts=failed", "stauts"),
        ("workflow=%00", "workflow"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(acme: Caller, query: str, field: str) -> None:
    answer = acme.get(f"executions/?{query}")

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("inside", ["p=x", "p=%00", "o=x", "p=0&o=-1", "r=2&p=\xff"])
def test_a_cursor_that_leads_nowhere_is_not_found(acme: Caller, inside: str) -> None:
    cursor = b64encode(inside.encode()).decode()

    assert acme.get(f"executions/?cursor={cursor}").status_code == 404


def test_reading_takes_the_same_number_of_queries_for_any_number_of_rows(acme: Caller) -> None:
    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert acme.get(path).status_code == 200
        return len(captured)

    small = started(acme, published(acme, "small", document(step("a"))))
    few = queries("executions/")
    wide = published(acme, "wide", document(*(step(f"s{number}") for number in range(9))))
    large = [started(acme, wide) for _ in range(5)]

    assert queries("executions/") == few
    assert queries(f"executions/{large[0]}/") == queries(f"executions/{small}/")


# --- Events ------------------------------------------------------------------------------------


def test_events_are_paged_by_their_number(acme: Caller) -> None:
    path = f"executions/{started(acme, published(acme))}/events/"
    claimed(new_worker())

    everything = acme.get(path).json()
    first = acme.get(f"{path}?limit=2").json()
    rest = acme.get(first["next"]).json()

    assert [event["seq"] for event in everything["results"]] == [1, 2, 3]
    assert everything["results"] == first["results"] + rest["results"]
    assert (everything["next"], everything["previous"]) == (None, None)
    assert acme.get(f"{path}?after=1").json()["results"] == everything["results"][1:]
    assert everything["results"][0]["kind"] == "execution.created"


@pytest.mark.parametrize("query", ["after=x", "after=-1", "after=9999999999", "limit=0", "form=1"])
def test_an_events_query_that_makes_no_sense_is_refused(acme: Caller, query: str) -> None:
    path = f"executions/{started(acme, published(acme))}/events/"

    assert acme.get(f"{path}?{query}").status_code == 422


def test_a_stream_of_events_is_not_acceptable_here(acme: Caller) -> None:
    path = f"executions/{started(acme, published(acme))}/events/"

    answer = acme.get(path, accept="text/event-stream")

    assert answer.status_code == 406
    assert answer["Content-Type"] == "application/problem+json"


# --- Who may -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["executions/{}/", "executions/{}/events/"])
def test_another_tenants_execution_does_not_exist(acme: Caller, path: str) -> None:
    ident = started(acme, published(acme))
    globex = owner_of("globex")

    assert globex.get(path.format(ident)).status_code == 404
    assert globex.get("executions/").json()["results"] == []
    assert globex.get("executions/?workflow=chain").json()["results"] == []
    assert globex.post("workflows/chain/run/", {}).status_code == 404
    assert acme.get(path.format(uuid4())).status_code == 404
    assert Caller().get(path.format(ident)).status_code == 401
