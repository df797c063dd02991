"""Deliveries over the API."""

from __future__ import annotations

import base64
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.test import Client

from tenants.roles import Role
from tests.callers import Caller, owner_of
from tests.workflows.definitions import document, step
from webhooks import signatures

BODY = b'{"order_id": "1001"}'
OPEN = {"workflow": "flow", "scheme": "none", "name": "Open", "confirm": "Open"}
STRICT = document(step("a"), input={"type": "object", "required": ["order_id"]})


@pytest.fixture
def acme(db: None) -> Caller:
    caller = owner_of("acme")
    caller.post("workflows/", {"name": "flow", "definition": STRICT})
    caller.post("workflows/flow/publish/")
    return caller


@pytest.fixture
def endpoint(acme: Caller) -> dict[str, Any]:
    made: dict[str, Any] = acme.post("endpoints/", {"workflow": "flow", "scheme": "github"}).json()
    return made


def send(
    endpoint: dict[str, Any],
    body: bytes = BODY,
    *,
    ident: str = "1",
    headers: dict[str, str] | None = None,
) -> Any:
    signed = signatures.sign(
        "github",
        None,
        endpoint["secret"],
        signatures.Message({}, body),
        delivery_id=ident,
        timestamp=0,
    )
    return Client().post(
        f"/hooks/{endpoint['token']}/",
        body,
        content_type="application/json",
        headers={**signed, **(headers or {})},
    )


def listed(caller: Caller, endpoint: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    answer = caller.get(f"endpoints/{endpoint['id']}/deliveries/{query}")
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_the_list_is_newest_first_and_says_why(acme: Caller, endpoint: dict[str, Any]) -> None:
    accepted = send(endpoint).json()
    send(endpoint)
    send(endpoint, b"{}", ident="2")
    send({**endpoint, "secret": "x" * 20})
    rows = listed(acme, endpoint)
    assert [row["reason"] for row in rows] == [
        *("bad_signature", "schema_mismatch", "duplicate", "accepted")
    ]
    assert [row["status"] for row in rows] == [401, 422, 200, 202]
    assert rows[3]["id"] == rows[2]["duplicate_of"] == accepted["delivery_id"]
    assert rows[3]["execution"] == rows[2]["execution"] == accepted["execution_id"]
    assert rows[3]["client"] == "127.0.0.1"


def test_filters(acme: Caller, endpoint: dict[str, Any]) -> None:
    run = send(endpoint).json()["execution_id"]
    send(endpoint, b"{}", ident="2")
    assert [row["reason"] for row in listed(acme, endpoint, "?reason=accepted")] == ["accepted"]
    assert [row["reason"] for row in listed(acme, endpoint, f"?execution={run}")] == ["accepted"]
    assert listed(acme, endpoint, f"?execution={uuid4()}") == []
    assert listed(acme, endpoint, "?since=2100-01-01T00:00:00Z") == []
    assert len(listed(acme, endpoint, "?until=2100-01-01T00:00:00Z&limit=1")) == 1


@pytest.mark.parametrize("query", ["reason=nonsense", "since=soon", "execution=1", "other=1"])
def test_a_filter_that_is_none_is_said(acme: Caller, endpoint: dict[str, Any], query: str) -> None:
    answer = acme.get(f"endpoints/{endpoint['id']}/deliveries/?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


def test_one_delivery_with_all_that_was_kept(acme: Caller, endpoint: dict[str, Any]) -> None:
    ident = send(endpoint, headers={"Authorization": "Bearer open-sesame"}).json()["delivery_id"]
    found = acme.get(f"deliveries/{ident}/").json()
    assert found["body"] == {"encoding": "text", "data": BODY.decode(), "whole": True}
    assert found["headers"]["authorization"] == "[masked]"
    assert found["content_type"] == "application/json"
    assert (found["workflow"], found["resends"], found["problem"]) == ("flow", [], None)
    assert found["curl"].count(endpoint["url"]) == 1
    assert "open-sesame" not in str(found)


def test_a_body_that_is_no_text_is_base64(acme: Caller, endpoint: dict[str, Any]) -> None:
    assert send(endpoint, b"\0\xff").status_code == 422
    found = acme.get(f"deliveries/{listed(acme, endpoint)[0]['id']}/").json()
    assert found["body"]["encoding"] == "base64"
    assert base64.b64decode(found["body"]["data"]) == b"\0\xff"
    assert "base64 --decode" in found["curl"]


def test_an_address_that_is_all_it_takes_is_not_in_a_viewers_command(acme: Caller) -> None:
    made = acme.post("endpoints/", OPEN).json()
    answer = Client().post(f"/hooks/{made['token']}/", BODY, content_type="application/json")
    path = f"deliveries/{answer.json()['delivery_id']}/"
    assert made["token"] in acme.get(path).json()["curl"]
    assert made["token"] not in acme.with_role(Role.VIEWER).get(path).content.decode()


def test_resend(acme: Caller, endpoint: dict[str, Any]) -> None:
    first = send(endpoint).json()
    answer = acme.with_role(Role.OPERATOR).post(f"deliveries/{first['delivery_id']}/resend/")
    made = answer.json()
    assert answer.status_code == 202
    assert answer["Location"].endswith(f"/api/v1/executions/{made['id']}/")
    assert made["id"] != first["execution_id"]
    found = acme.get(f"deliveries/{first['delivery_id']}/").json()
    assert [link["execution"] for link in found["resends"]] == [made["id"]]
    assert found["execution"] == first["execution_id"]


def test_only_an_editor_vouches_for_an_unverified_request(
    acme: Caller, endpoint: dict[str, Any]
) -> None:
    send({**endpoint, "secret": "x" * 20})
    path = f"deliveries/{listed(acme, endpoint)[0]['id']}/resend/"
    assert acme.post(path).status_code == 409
    assert acme.post(path).json()["type"].endswith(":unverified")
    assert acme.with_role(Role.OPERATOR).post(path, {"unverified": True}).status_code == 403
    assert acme.with_role(Role.EDITOR).post(path, {"unverified": True}).status_code == 202


def test_a_paused_workflow_from_pause_to_run(acme: Caller, endpoint: dict[str, Any]) -> None:
    operator = acme.with_role(Role.OPERATOR)
    assert operator.post("workflows/flow/pause/").json()["paused_at"]
    stored = send(endpoint)
    assert stored.status_code == 202
    delivery = stored.json()["delivery_id"]
    assert stored.json() == {
        "delivery_id": delivery,
        "execution_id": None,
        "status_url": None,
        "paused": True,
    }
    again = send(endpoint)
    assert (again.status_code, again.json()) == (200, stored.json())
    refused = acme.post("workflows/flow/run/", {"input": {"order_id": 1}})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:stepwell:problem:paused")
    assert operator.post("workflows/flow/deliveries/run/").status_code == 409
    counts = f"endpoints/{endpoint['id']}/deliveries/counts/"
    assert acme.get(counts).json()["waiting"] == 1
    assert operator.post("workflows/flow/resume/").json()["paused_at"] is None
    ran = operator.post("workflows/flow/deliveries/run/")
    assert ran.json() == {"started": 1, "refused": 0, "left": 0}
    assert acme.get(counts).json() == {
        "reasons": [
            {"reason": "paused", "kept": 1, "not_kept": 0},
            {"reason": "duplicate", "kept": 1, "not_kept": 0},
        ],
        "waiting": 0,
    }


def test_discard(acme: Caller, endpoint: dict[str, Any]) -> None:
    acme.post("workflows/flow/pause/")
    send(endpoint)
    answer = acme.post("workflows/flow/deliveries/discard/")
    assert (answer.status_code, answer.json()) == (200, {"discarded": 1})
    assert listed(acme, endpoint)[0]["hold"] == "discarded"


# --- The allow-list ------------------------------------------------------------------------------


def test_an_allow_list_is_kept_in_its_shortest_spelling(
    acme: Caller, endpoint: dict[str, Any]
) -> None:
    path = f"endpoints/{endpoint['id']}/"
    given = ["192.0.2.7/32", "::ffff:10.0.0.0/104", "2001:DB8::/32"]
    answer = acme.patch(path, {"allowed_ips": given})
    assert answer.json()["allowed_ips"] == ["192.0.2.7", "10.0.0.0/8", "2001:db8::/32"]
    assert answer.json()["enabled"] is True
    assert send(endpoint).status_code == 403
    acme.patch(path, {"allowed_ips": []})
    assert send(endpoint).status_code == 202


def test_an_entry_that_is_no_address_is_said_with_its_place(acme: Caller) -> None:
    given = {"workflow": "flow", "allowed_ips": ["192.0.2.0/24", "10.0.0.1/8"]}
    answer = acme.post("endpoints/", given)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["field"]) == (422, "allowed_ips.1")
    assert "Did you mean 10.0.0.0/8?" in error["message"]


@pytest.mark.parametrize("given", ["192.0.2.1", [1], [None], {"a": 1}, ["192.0.2.1"] * 101])
def test_a_list_that_is_none_is_refused(
    acme: Caller, endpoint: dict[str, Any], given: object
) -> None:
    answer = acme.patch(f"endpoints/{endpoint['id']}/", {"allowed_ips": given})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith("allowed_ips")


def last_is(client: str) -> dict[str, str]:
    """What the proxy hands on of a client who names itself two others."""
    return {"X-Forwarded-For": f"192.0.2.7, 203.0.113.5, {client}"}


def test_a_sender_does_not_choose_its_address(
    acme: Caller, endpoint: dict[str, Any], settings: LazySettings
) -> None:
    acme.patch(f"endpoints/{endpoint['id']}/", {"allowed_ips": ["192.0.2.7"]})
    forged = {"X-Forwarded-For": "192.0.2.7"}
    assert send(endpoint, headers=forged).status_code == 403
    settings.BEHIND_PROXY = True
    assert send(endpoint, headers=last_is("198.51.100.1")).status_code == 403
    assert send(endpoint).status_code == 403
    assert send(endpoint, headers=last_is("192.0.2.7")).status_code == 202


def test_an_endpoint_goes_with_all_that_came_in(acme: Caller, endpoint: dict[str, Any]) -> None:
    delivery = send(endpoint).json()["delivery_id"]
    send({**endpoint, "secret": "x" * 20})
    run = acme.post(f"deliveries/{delivery}/resend/").json()["id"]
    assert acme.delete(f"endpoints/{endpoint['id']}/").status_code == 204
    assert acme.get(f"deliveries/{delivery}/").status_code == 404
    assert acme.get(f"executions/{run}/").status_code == 200
