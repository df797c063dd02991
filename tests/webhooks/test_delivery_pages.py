"""Pages of endpoints and deliveries, without JavaScript."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from config.callers import enter
from tenants import scope
from tenants.problems import Problem
from tests import factories
from tests.factories import People
from tests.webhooks.senders import BODY, Address, deliver, kept, make_address, standard
from webhooks.models import Delivery, Endpoint
from webhooks.receive import receive

ENDPOINTS = "/t/acme/endpoints/"


@pytest.fixture
def people(db: None) -> People:
    return factories.make_people()


@pytest.fixture
def address(people: People) -> Address:
    return make_address(workflow=factories.make_workflow(people.acme, slug="flow"))


def session(people: People, who: str) -> Client:
    client = Client()
    enter(client, getattr(people, who))
    return client


def page(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return unescape(answer.content.decode())


def secret_in(text: str) -> str:
    found = re.search(r"<pre[^>]*>(.*?)</pre>", text, re.DOTALL)
    assert found, text
    return found[1]


def test_an_endpoint_is_made_and_its_secret_shown_once(people: People, address: Address) -> None:
    client = session(people, "ed")
    assert 'value="flow" selected' in page(client.get(f"{ENDPOINTS}new/?workflow=flow"))
    given = {"workflow": "flow", "scheme": "github", "answer": "ack", "name": "Pushes"}
    given["allowed_ips"] = "192.0.2.0/24\n2001:db8::1"
    answer = client.post(f"{ENDPOINTS}new/", given)
    assert answer["Cache-Control"] == "no-store"
    secret = secret_in(page(answer))
    with scope.tenant(people.acme.id):
        made = Endpoint.objects.get(scheme="github")
    assert made.allowed_ips == ["192.0.2.0/24", "2001:db8::1"]
    shown = page(client.get(f"{ENDPOINTS}{made.id}/"))
    assert made.token in shown
    assert secret not in shown


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("allowed_ips", "10.0.0.1/8", "Did you mean 10.0.0.0/8?"),
        ("rate", "often", "is no rate. Give e.g. 100/min"),
        ("options", "[1]", "This must be an object."),
        ("options", '{"header": "x"}', "has no options"),
        ("secret", "short", "at least 16 characters"),
        ("workflow", "nonsense", "Select a valid choice"),
    ],
)
def test_what_does_not_fit_is_said_beside_its_field(
    people: People, address: Address, field: str, value: str, said: str
) -> None:
    given = {"workflow": "flow", "scheme": "github", "answer": "ack", field: value}
    text = page(session(people, "ed").post(f"{ENDPOINTS}new/", given))
    assert said in text
    with scope.tenant(people.acme.id):
        assert Endpoint.objects.count() == 1


def test_a_secret_is_replaced_after_a_question(people: People, address: Address) -> None:
    client, path = session(people, "ed"), f"{ENDPOINTS}{address.endpoint_id}/rotate/"
    before = bytes(address.endpoint().sealed_secret)
    assert "Replace it" in page(client.get(path))
    assert bytes(address.endpoint().sealed_secret) == before
    fresh = secret_in(page(client.post(path)))
    deliver(address, standard(address, secret=fresh))


def test_a_providers_secret_may_follow(people: People, address: Address) -> None:
    client = session(people, "ed")
    given = {"workflow": "flow", "scheme": "stripe", "answer": "ack", "name": "Paid"}
    assert "Stripe chooses the secret" in page(client.post(f"{ENDPOINTS}new/", given))
    assert "enter the secret" in page(client.post(f"{ENDPOINTS}new/", {**given, "later": "on"}))
    with scope.tenant(people.acme.id):
        made = Endpoint.objects.get(scheme="stripe")
    path = f"{ENDPOINTS}{made.id}/"
    assert "waits for its secret" in page(client.get(path))
    assert "Stripe chooses the secret" in page(client.post(f"{path}rotate/"))
    theirs = "whsec_0123456789abcdef"
    assert secret_in(page(client.post(f"{path}rotate/", {"secret": theirs}))) == theirs
    assert "waits for its secret" not in page(client.get(path))


def test_what_does_not_fit_changes_nothing_of_an_endpoint(people: People, address: Address) -> None:
    path = f"{ENDPOINTS}{address.endpoint_id}/change/"
    given = {"name": "Orders", "answer": "respond", "enabled": "on"}
    assert "has no respond step" in page(session(people, "ed").post(path, given))
    assert (address.endpoint().name, address.endpoint().answer) == ("flow", "ack")


def test_an_endpoint_is_deleted_after_a_question(people: People, address: Address) -> None:
    deliver(address, standard(address))
    client, path = session(people, "ed"), f"{ENDPOINTS}{address.endpoint_id}/"
    assert "Delete the endpoint?" in page(client.get(f"{path}delete/"))
    assert client.get(path).status_code == 200
    assert "is deleted" in page(client.post(f"{path}delete/", follow=True))
    assert client.get(path).status_code == 404
    assert not kept(address)


def test_an_endpoint_is_switched_off_and_bound_to_addresses(
    people: People, address: Address
) -> None:
    path = f"{ENDPOINTS}{address.endpoint_id}/change/"
    client = session(people, "ed")
    given = {"name": "Orders", "answer": "result", "rate": "9/s"}
    client.post(path, {**given, "allowed_ips": "192.0.2.7, 192.0.2.8"})
    changed = address.endpoint()
    assert (changed.name, changed.answer) == ("Orders", "result")
    assert (changed.enabled, changed.allowed_ips) == (False, ["192.0.2.7", "192.0.2.8"])
    assert (changed.rate, "9/s" in page(client.get(path))) == ("9/s", True)
    assert "192.0.2.7\n192.0.2.8" in page(client.get(path))


def test_the_endpoints_page_has_reasons_counts_and_filters(
    people: People, address: Address
) -> None:
    deliver(address, standard(address))
    with pytest.raises(Problem):
        deliver(address, {})
    path = f"{ENDPOINTS}{address.endpoint_id}/"
    text = page(session(people, "vera").get(path))
    assert text.count("bad signature") == 3  # the count, the filter, the row
    filtered = page(session(people, "vera").get(f"{path}?reason=bad_signature"))
    ids = [str(row.id) for row in kept(address)]
    assert [ident in filtered for ident in ids] == [False, True]


def test_a_deliverys_page_shows_what_came_and_how_to_repeat_it(
    people: People, address: Address
) -> None:
    hostile = b'{"note": "<script>alert(1)</script>"}'
    headers = {**standard(address, hostile), "authorization": "open-sesame"}
    receive(address.token, headers, {"page": "2"}, hostile)
    answer = session(people, "vera").get(f"/t/acme/deliveries/{kept(address)[0].id}/")
    raw = answer.content.decode()
    assert "<script>alert" not in raw
    assert "open-sesame" not in raw
    text = page(answer)
    assert "curl --request POST" in text
    assert '"page": "2"' in text
    assert "Send again" not in text  # a viewer may not


def test_a_delivery_is_sent_again_from_its_page(people: People, address: Address) -> None:
    deliver(address, standard(address))
    path = f"/t/acme/deliveries/{kept(address)[0].id}/"
    client = session(people, "otto")
    assert f'href="{path}resend/"' in page(client.get(path))
    answer = client.post(f"{path}resend/")
    assert (answer.status_code, "/executions/" in answer["Location"]) == (302, True)
    assert "sent again by" in page(client.get(path))
    for execution in (kept(address)[0].execution_id, answer["Location"].split("/")[-2]):
        shown = f"/t/acme/executions/{execution}/"
        assert f'href="{shown}delivery/"' in page(client.get(shown))
        assert client.get(f"{shown}delivery/")["Location"] == path


def test_an_execution_whose_delivery_is_forgotten_says_so(people: People, address: Address) -> None:
    path = f"/t/acme/executions/{deliver(address, standard(address)).execution_id}/"
    with scope.tenant(people.acme.id):
        Delivery.objects.all().delete()
    answer = session(people, "vera").get(f"{path}delivery/", follow=True)
    assert answer.redirect_chain == [(path, 302)]
    assert "is forgotten" in page(answer)


def test_a_request_of_nobody_knows_whom_needs_an_editor_and_a_tick(
    people: People, address: Address
) -> None:
    with pytest.raises(Problem):
        deliver(address, {})
    path = f"/t/acme/deliveries/{kept(address)[0].id}/resend/"
    assert session(people, "otto").post(path, {"unverified": "on"}).status_code == 403
    editor = session(people, "ed")
    assert "say unverified" in page(editor.post(path, follow=True))
    assert "/executions/" in editor.post(path, {"unverified": "on"})["Location"]


def test_a_workflow_is_paused_and_resumed_and_its_stored_deliveries_run(
    people: People, address: Address
) -> None:
    client, workflow = session(people, "otto"), "/t/acme/workflows/flow/"
    client.post(f"{workflow}pause/")
    assert "Paused since" in page(client.get(workflow))
    assert deliver(address, standard(address)).paused
    waiting = f"{workflow}deliveries/"
    assert "Resume the workflow to run them" in page(client.get(waiting))
    assert "is paused" in page(client.post(waiting, {"action": "run"}, follow=True))
    client.post(f"{workflow}resume/")
    assert "1 stored" in page(client.get(waiting))
    assert "Started: 1." in page(client.post(waiting, {"action": "run"}, follow=True))
    assert "None waits" in page(client.get(waiting))


def test_stored_deliveries_are_discarded(people: People, address: Address) -> None:
    client, workflow = session(people, "otto"), "/t/acme/workflows/flow/"
    client.post(f"{workflow}pause/")
    deliver(address, standard(address, BODY))
    answer = client.post(f"{workflow}deliveries/", {"action": "discard"}, follow=True)
    assert "Discarded: 1." in page(answer)


@pytest.mark.parametrize(
    ("path", "least"),
    [
        ("endpoints/new/", "ed"),
        ("endpoints/{endpoint}/change/", "ed"),
        ("endpoints/{endpoint}/rotate/", "ed"),
        ("endpoints/{endpoint}/delete/", "ed"),
        ("deliveries/{delivery}/resend/", "otto"),
        ("workflows/flow/pause/", "otto"),
        ("workflows/flow/resume/", "otto"),
        ("workflows/flow/deliveries/", "otto"),
    ],
)
def test_what_a_lower_role_may_not(people: People, address: Address, path: str, least: str) -> None:
    deliver(address, standard(address))
    known = {"endpoint": address.endpoint_id, "delivery": kept(address)[0].id}
    full = f"/t/acme/{path.format(**known)}"
    below = {"ed": "otto", "otto": "vera"}[least]
    for method in ("get", "post"):
        assert getattr(session(people, below), method)(full).status_code == 403
    assert session(people, least).get(full).status_code == 200
