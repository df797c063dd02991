"""The page on which a draft listens, for people without JavaScript."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from django.test import Client

from executions.models import Execution
from tenants import scope
from tests import factories
from tests.factories import People
from tests.webhooks import listeners, senders
from tests.webhooks.listeners import Listener
from tests.webhooks.vendors import TEXT
from tests.workflows.definitions import document, step
from webhooks import signatures
from webhooks.receive import Challenged
from webhooks.signatures import Message
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

PAGE = "/t/acme/workflows/flow/draft/test/"


@pytest.fixture
def people() -> People:
    return factories.make_people()


@pytest.fixture
def workflow(people: People) -> Workflow:
    return factories.make_draft(people.acme, slug="flow")


@pytest.fixture
def editor(people: People) -> Client:
    client = Client()
    client.force_login(people.ed)
    return client


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_listening_shows_the_address_and_its_secret_once(
    editor: Client, workflow: Workflow
) -> None:
    answer = editor.post(PAGE, {"action": "listen"})
    page = text(answer)
    assert answer["Cache-Control"] == "no-store"
    assert re.search(r"/hooks/test/[\w-]{43}/", page)
    secret = re.search(r"whsec_[\w+/=]+", page)
    assert secret
    assert secret[0] not in text(editor.get(PAGE))


def test_the_workflows_page_has_a_button_for_those_who_may_edit(
    editor: Client, people: People, workflow: Workflow
) -> None:
    action = f'action="{PAGE}"'
    assert action in text(editor.get("/t/acme/workflows/flow/"))
    editor.force_login(people.otto)
    assert action not in text(editor.get("/t/acme/workflows/flow/"))


@pytest.mark.parametrize("who", ["otto", "vera"])
@pytest.mark.parametrize("page", [PAGE, "/t/acme/workflows/flow/draft/run/"])
def test_who_may_not_edit_gets_no_page(
    people: People, workflow: Workflow, who: str, page: str
) -> None:
    client = Client()
    client.force_login(getattr(people, who))
    assert client.get(page).status_code == 403
    assert client.post(page, {"action": "listen", "body": "{}"}).status_code == 403


def came(listener: Listener, editor: Client) -> str:
    """What the page shows of requests, as a live page fetches it."""
    return text(editor.get(PAGE)).partition('<div id="requests">')[2]


def test_a_request_is_shown_with_its_run(editor: Client, workflow: Workflow) -> None:
    listener = listeners.listen(workflow)
    received = listener.send()
    part = came(listener, editor)
    assert f"/t/acme/executions/{received.execution_id}/" in part
    assert "webhook-signature" in part
    assert "&quot;order_id&quot;" in part


def test_a_refused_request_is_shown_with_the_reason(editor: Client, workflow: Workflow) -> None:
    listener = listeners.listen(workflow)
    listener.refused({"x-odd": "<script>"}, b"<script>")
    part = came(listener, editor)
    assert "refused with 401" in part
    assert "webhook-signature with the signature is missing" in part
    assert "<script>" not in part


def test_a_providers_trial_is_shown_as_answered(editor: Client, workflow: Workflow) -> None:
    address = senders.make_address("slack", secret=TEXT, workflow=workflow)
    listener = listeners.listen(workflow, address.endpoint_id, TEXT)
    body = b'{"type": "url_verification", "challenge": "say-this"}'
    now = int(time.time())
    signed = signatures.sign("slack", None, TEXT, Message({}, body), delivery_id="", timestamp=now)
    with pytest.raises(Challenged):
        listener.send(signed, body)
    part = came(listener, editor)
    assert "only tries the address" in part
    assert "refused" not in part


def test_errors_of_the_body_are_shown_by_field(editor: Client, people: People) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    definition = document(step("a"), input=schema)
    listener = listeners.listen(factories.make_draft(people.acme, definition, slug="flow"))
    listener.refused(body=b'{"n": "one"}')
    assert re.search(r'<span class="mono">\s*\S*n</span>', came(listener, editor))


def test_problems_of_the_draft_are_told(editor: Client, people: People) -> None:
    definition = document(step("a", "nobody"))
    factories.make_draft(people.acme, definition, slug="flow")
    assert "nothing runs until they are mended" in text(editor.get(PAGE))


def test_an_endpoints_signatures_can_be_chosen(editor: Client, workflow: Workflow) -> None:
    address = senders.make_address("github", workflow=workflow)
    given = {"action": "listen", "endpoint": str(address.endpoint_id)}
    page = text(editor.post(PAGE, given))
    assert 'Signed as <span class="mono">github</span>' in page
    assert address.secret not in page


def test_an_endpoint_of_another_workflow_cannot(
    editor: Client, people: People, workflow: Workflow
) -> None:
    other = factories.make_draft(people.acme, slug="other")
    address = senders.make_address(workflow=other)
    given = {"action": "listen", "endpoint": str(address.endpoint_id)}
    page = text(editor.post(PAGE, given))
    assert "Choose one of these." in page
    assert "/hooks/test/" not in page


def test_it_stops_and_says_so(editor: Client, workflow: Workflow) -> None:
    listener = listeners.listen(workflow)
    answer = editor.post(PAGE, {"action": "stop"}, follow=True)
    assert "The last one listens no more." in text(answer)
    assert listener.refused().status == 404
    answer = editor.post(PAGE, {"action": "extend"}, follow=True)
    assert "No test address listens just now." in text(answer)


def test_a_draft_is_run_by_hand(editor: Client, workflow: Workflow) -> None:
    page = "/t/acme/workflows/flow/draft/run/"
    assert "A test is real work." in text(editor.get(page))
    answer = editor.post(page, {"body": '{"n": 1}'}, follow=True)
    assert "Test of a draft." in text(answer)
    assert "/versions/" not in text(answer)
    assert "Nothing has run yet" in text(editor.get("/t/acme/executions/"))
    assert "Nothing has run yet" not in text(editor.get("/t/acme/executions/?test=on"))
    assert "It has not run yet" in text(editor.get("/t/acme/workflows/flow/"))


def test_a_body_that_does_not_fit_is_told(editor: Client, people: People) -> None:
    schema = {"type": "object", "required": ["n"]}
    factories.make_draft(people.acme, document(step("a"), input=schema), slug="flow")
    page = text(editor.post("/t/acme/workflows/flow/draft/run/", {"body": "{}"}))
    assert 'id="body-errors"' in page


def test_a_draft_with_an_input_schema_is_asked_for_by_fields_and_sent_twice_runs_once(
    editor: Client, people: People
) -> None:
    schema = {
        "type": "object",
        "required": ["n"],
        "properties": {"n": {"type": "integer", "title": "Number", "minimum": 5}},
    }
    draft = factories.make_draft(people.acme, document(step("a"), input=schema), slug="flow")
    address = "/t/acme/workflows/flow/draft/run/"
    page = text(editor.get(address))
    assert ">Number<" in page
    assert "Type it as JSON instead" in page
    token = re.findall(r'name="token" value="([^"]+)"', page)[0]
    assert 'role="alert"' in text(editor.post(address, {"token": token, "data-n": "4"}))
    answers = [editor.post(address, {"token": token, "data-n": "7"}) for _ in range(2)]
    assert len({answer.headers["Location"] for answer in answers}) == 1
    with scope.tenant(people.acme.id):
        [run] = Execution.objects.filter(workflow=draft)
        assert (run.test, run.trigger["body"]) == (True, {"n": 7})


@pytest.mark.parametrize("schema", ["odd", 7, {"properties": {"a": 1}, "required": {}, "type": []}])
def test_a_draft_that_cannot_run_says_why_whatever_its_schema_is(
    editor: Client, people: People, schema: Any
) -> None:
    factories.make_draft(people.acme, document(step("a"), input=schema), slug="flow")
    address = "/t/acme/workflows/flow/draft/run/"
    assert "A test is real work." in text(editor.get(address))
    assert "so it cannot be run" in text(editor.post(address, {"body": "{}", "data-a": "1"}))
