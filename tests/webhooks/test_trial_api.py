"""Listening and running a draft over the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from standardwebhooks import Webhook

from tenants.roles import Role
from tests.callers import Caller, owner_of
from tests.webhooks.senders import BODY, standard_headers
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.django_db

LISTEN = "workflows/flow/draft/listen/"
STRICT = {"type": "object", "required": ["order_id"]}


@pytest.fixture
def acme() -> Caller:
    caller = owner_of("acme")
    make(caller, document(step("a")))
    return caller


def make(caller: Caller, definition: dict[str, Any], slug: str = "flow") -> None:
    body = {"name": slug, "slug": slug, "definition": definition}
    assert caller.post("workflows/", body).status_code == 201


def listen(caller: Caller, **body: object) -> Any:
    answer = caller.post(LISTEN, body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def send(opened: Any, body: bytes = BODY) -> Any:
    headers = standard_headers(Webhook(opened["secret"]), body)
    return Caller().send("POST", urlsplit(opened["url"]).path, body, **headers)


# --- The address ---------------------------------------------------------------------------------


def test_an_address_is_made_with_a_secret_that_is_shown_once(
    acme: Caller, settings: LazySettings
) -> None:
    settings.PUBLIC_URL = "https://stepwell.example"
    opened = listen(acme)
    assert opened["url"].startswith("https://stepwell.example/hooks/test/")
    assert opened["secret"].startswith("whsec_")
    assert (opened["listening"], opened["scheme"]) == (True, "standard-webhooks")
    seen = acme.get(LISTEN).json()
    assert seen == {name: value for name, value in opened.items() if name != "secret"}


def test_it_listens_for_as_long_as_the_setting_says(acme: Caller, settings: LazySettings) -> None:
    settings.TEST_ADDRESS_SECONDS = 3600
    ends_at = datetime.fromisoformat(listen(acme)["expires_at"])
    assert timedelta(minutes=50) < ends_at - datetime.now(UTC) < timedelta(minutes=70)


def test_before_anybody_listened_there_is_nothing(acme: Caller) -> None:
    seen = acme.get(LISTEN).json()
    assert (seen["listening"], seen["url"], seen["requests"]) == (False, None, [])


def test_it_may_take_an_endpoints_scheme_and_secret(acme: Caller) -> None:
    acme.post("workflows/flow/publish/", {})
    made = acme.post("endpoints/", {"workflow": "flow", "scheme": "github"}).json()
    opened = listen(acme, endpoint=made["id"])
    assert (opened["scheme"], opened["endpoint"]) == ("github", made["id"])
    assert opened["secret"] is None


def test_an_endpoint_of_another_workflow_is_refused(acme: Caller) -> None:
    make(acme, document(step("a")), "other")
    theirs = owner_of("globex")
    make(theirs, document(step("a")))
    for caller, workflow in ((acme, "other"), (theirs, "flow")):
        made = caller.post("endpoints/", {"workflow": workflow}).json()
        answer = acme.post(LISTEN, {"endpoint": made["id"]})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "endpoint")


def test_what_comes_in_is_seen(acme: Caller) -> None:
    opened = listen(acme)
    answer = send(opened)
    assert answer.status_code == 202
    [request] = acme.get(LISTEN).json()["requests"]
    assert request["id"] == answer.json()["delivery_id"]
    assert (request["status"], request["body"]) == (202, BODY.decode())
    assert request["execution"]["id"] == answer.json()["execution_id"]
    assert request["execution"]["status"] == "queued"
    assert acme.get(urlsplit(request["execution"]["url"]).path).json()["test"] is True


def test_it_can_go_on_and_stop(acme: Caller) -> None:
    opened = listen(acme)
    send(opened)
    longer = acme.post(f"{LISTEN}extend/", {})
    assert longer.status_code == 200
    assert longer.json()["expires_at"] >= opened["expires_at"]
    stopped = acme.post(f"{LISTEN}stop/", {}).json()
    assert (stopped["listening"], len(stopped["requests"])) == (False, 1)
    assert send(opened).status_code == 404
    assert acme.post(f"{LISTEN}extend/", {}).status_code == 409


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_who_may_not_edit_does_not_see_it(acme: Caller, role: Role) -> None:
    listen(acme)
    assert acme.with_role(role).get(LISTEN).status_code == 403


# --- The door that the world knocks at -----------------------------------------------------------


def test_only_posts_are_taken(acme: Caller) -> None:
    path = urlsplit(listen(acme)["url"]).path
    answer = Caller().get(path)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_a_body_that_is_too_large_is_refused_and_noted(
    acme: Caller, settings: LazySettings
) -> None:
    settings.MAX_PAYLOAD_BYTES = 30
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 31
    opened = listen(acme)
    assert send(opened, b'"' + b"x" * 40 + b'"').status_code == 413
    [request] = acme.get(LISTEN).json()["requests"]
    assert (request["status"], request["body"], request["size"]) == (413, "", 42)
    assert "30 bytes" in request["reason"]


def test_a_refusal_tells_the_sender_no_more_than_an_endpoint_would(acme: Caller) -> None:
    opened = listen(acme)
    answer = Caller().send("POST", urlsplit(opened["url"]).path, BODY)
    assert (answer.status_code, answer.json()["type"]) == (
        401,
        "urn:stepwell:problem:bad-signature",
    )
    assert "missing, wrong or too old" in answer.json()["detail"]
    [request] = acme.get(LISTEN).json()["requests"]
    assert request["reason"] == "The header webhook-signature with the signature is missing."


# --- Running it by hand --------------------------------------------------------------------------


def test_a_draft_is_run_with_an_input(acme: Caller) -> None:
    answer = acme.post("workflows/flow/draft/run/", {"input": {"n": 1}})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    run = acme.get(answer["Location"]).json()
    assert (run["test"], run["version"], run["trigger"]["body"]) == (True, None, {"n": 1})


def test_the_same_request_with_the_same_key_makes_no_second_test(acme: Caller) -> None:
    run = partial(acme.post, "workflows/flow/draft/run/", idempotency_key="one")
    first, again = (run({"input": {"n": 1}}) for _ in range(2))
    assert (first.json(), again["Idempotency-Replayed"]) == (again.json(), "true")
    other = run({"input": {"n": 2}})
    assert (other.status_code, other.json()["type"]) == (
        422,
        "urn:stepwell:problem:idempotency-key-reused",
    )


def test_a_key_of_a_test_is_none_of_a_real_run(acme: Caller) -> None:
    acme.post("workflows/flow/publish/", {})
    acme.post("workflows/flow/draft/run/", {}, idempotency_key="one")
    assert acme.post("workflows/flow/run/", {}, idempotency_key="one").status_code == 422


def test_a_draft_has_no_version_to_expect(acme: Caller) -> None:
    answer = acme.post("workflows/flow/draft/run/", {"expected_version": 1})
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (
        422,
        ["expected_version"],
    )


def test_a_test_is_in_the_list_of_tests_only(acme: Caller) -> None:
    acme.post("workflows/flow/publish/", {})
    test = acme.post("workflows/flow/draft/run/", {}).json()["id"]
    real = acme.post("workflows/flow/run/", {}).json()["id"]
    for query, expected in (("", real), ("?test=false", real), ("?test=true", test)):
        listed = acme.get(f"executions/{query}").json()["results"]
        assert [run["id"] for run in listed] == [expected]


def test_a_verb_in_bulk_leaves_tests_alone(acme: Caller) -> None:
    acme.post("workflows/flow/draft/run/", {})
    for test, matched in ((False, 0), (True, 1)):
        body = {"action": "cancel", "filter": {"test": test}, "dry_run": True}
        assert acme.post("executions/bulk/", body).json()["matched"] == matched
    everything = {"action": "cancel", "filter": {}, "dry_run": True}
    assert acme.post("executions/bulk/", everything).json()["matched"] == 0


def test_a_draft_with_errors_is_refused_with_all_of_them(acme: Caller) -> None:
    make(acme, document(step("a", "nobody"), step("b", kind="what")), "broken")
    answer = acme.post("workflows/broken/draft/run/", {})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:stepwell:problem:not-runnable")
    assert {"nobody", "what"} <= set(str(answer.json()["errors"]).replace('"', "'").split("'"))


def test_an_input_that_does_not_fit_is_refused(acme: Caller) -> None:
    make(acme, document(step("a"), input=STRICT), "strict")
    answer = acme.post("workflows/strict/draft/run/", {"input": {}})
    assert (answer.status_code, answer.json()["type"]) == (
        422,
        "urn:stepwell:problem:input-mismatch",
    )
