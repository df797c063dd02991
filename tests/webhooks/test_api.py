"""Webhook endpoints over the API, and the secrets that are made there."""

from __future__ import annotations

import time
from uuid import UUID

import pytest
from django.conf import settings
from django.utils.dateparse import parse_datetime

from tenants import scope, services
from tenants.roles import Role
from tests.callers import Caller, owner_of
from tests.webhooks.calling import created, knock
from tests.workflows.definitions import document, step
from webhooks.models import Endpoint
from webhooks.receive import secret_purpose

DAY = 24 * 3600
STRIPE_LIKE = {
    "header": "X-Signature",
    "timestamp_header": "X-Time",
    "template": "{timestamp}.{body}",
}

TWILIO = {"workflow": "flow", "scheme": "twilio", "secret": "0123456789abcdef0123456789abcdef"}


@pytest.fixture
def acme(db: None) -> Caller:
    caller = owner_of("acme")
    made = caller.post("workflows/", {"name": "flow", "definition": document(step("a"))})
    assert made.status_code == 201
    assert caller.post("workflows/flow/publish/").status_code == 201
    return caller


def test_an_endpoint_shows_its_secret_once(acme: Caller) -> None:
    answer = acme.post("endpoints/", {"workflow": "flow"})

    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    made = answer.json()
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert (made["name"], made["scheme"]) == ("flow", "standard-webhooks")
    assert made["url"] == f"{settings.PUBLIC_URL}/hooks/{made['token']}/"
    assert made["enabled"] is True
    assert acme.get(answer["Location"]).json() == made
    assert acme.get("endpoints/").json()["results"] == [made]


def test_the_secret_is_kept_sealed_for_this_endpoint_only(acme: Caller) -> None:
    made = created(acme)

    with scope.tenant(acme.tenant_id):
        sealed = bytes(Endpoint.objects.get(id=made["id"]).sealed_secret)
    assert made["secret"].encode() not in sealed
    purpose = secret_purpose(UUID(made["id"]))
    assert services.unseal(acme.tenant_id, purpose, sealed) == made["secret"]


def test_the_shown_secret_opens_the_shown_address(committed_db: None) -> None:
    acme = owner_of("acme")
    acme.post("workflows/", {"name": "flow", "definition": document(step("a"))})
    acme.post("workflows/flow/publish/")
    made = created(acme)

    assert knock(made["url"], made["secret"]) == 202

    renewed = acme.post(f"endpoints/{made['id']}/rotate/").json()
    assert knock(made["url"], renewed["secret"]) == 202
    assert knock(made["url"], made["secret"]) == 202
    with scope.tenant(acme.tenant_id):
        Endpoint.objects.update(previous_expires_at="2026-01-01T00:00:00Z")
    assert knock(made["url"], made["secret"]) == 401
    assert knock(made["url"], renewed["secret"]) == 202

    acme.patch(f"endpoints/{made['id']}/", {"enabled": False})
    assert knock(made["url"], renewed["secret"]) == 404


def test_a_rotated_secret_is_new_and_the_old_one_good_for_a_day(acme: Caller) -> None:
    made = created(acme)

    answer = acme.post(f"endpoints/{made['id']}/rotate/")

    assert answer.status_code == 200
    renewed = answer.json()
    assert renewed["secret"] != made["secret"]
    assert renewed["token"] == made["token"]
    until = parse_datetime(renewed["previous_expires_at"])
    assert until is not None
    assert until.timestamp() - time.time() == pytest.approx(DAY, abs=60)
    assert "secret" not in acme.get(f"endpoints/{made['id']}/").json()


def test_a_secret_may_be_given_where_the_provider_chooses_it(acme: Caller) -> None:
    made = created(acme, scheme="github", secret="one of their own")
    renewed = acme.post(f"endpoints/{made['id']}/rotate/", {"secret": "another of theirs"}).json()

    assert (made["secret"], renewed["secret"]) == ("one of their own", "another of theirs")


def test_the_generic_scheme_takes_options(acme: Caller) -> None:
    made = created(acme, scheme="generic", options=STRIPE_LIKE)

    assert made["options"]["header"] == "x-signature"
    assert made["options"]["template"] == "{timestamp}.{body}"
    assert made["options"]["encoding"] == "hex"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "workflow"),
        ({"workflow": "none"}, "workflow"),
        ({"workflow": "flow", "scheme": "magic"}, "scheme"),
        ({"workflow": "flow", "shceme": "github"}, "shceme"),
        ({"workflow": "flow", "options": []}, "options"),
        ({"workflow": "flow", "options": {"header": "x"}}, "options"),
        ({"workflow": "flow", "scheme": "generic", "options": {"hdr": "x"}}, "options.hdr"),
        ({"workflow": "flow", "scheme": "generic", "options": {"header": "a b"}}, "options.header"),
        ({"workflow": "flow", "scheme": "generic", "options": {"template": "{id}"}}, "options"),
        ({"workflow": "flow", "secret": "whsec_!!"}, "secret"),
        ({"workflow": "flow", "secret": "whsec_" + "A" * 31}, "secret"),
        ({"workflow": "flow", "scheme": "github", "secret": ""}, "secret"),
        ({"workflow": "flow", "scheme": "github", "secret": "x" * 15}, "secret"),
        ({"workflow": "flow", "scheme": "generic", "secret": "x" * 15}, "secret"),
        ({"workflow": "flow", "scheme": "stripe"}, "secret"),
        ({"workflow": "flow", "scheme": "stripe", "secret": "sk_live_" + "x" * 24}, "secret"),
        ({"workflow": "flow", "scheme": "slack"}, "secret"),
        ({**TWILIO, "options": {"algorithm": "md5"}}, "options.algorithm"),
        ({"workflow": "flow", "scheme": "stripe", "options": {"header": "x"}}, "options"),
        ({"workflow": "flow", "name": ""}, "name"),
        ({"workflow": "flow", "name": "x" * 101}, "name"),
        ({"workflow": "flow", "scheme": "none"}, "confirm"),
        ({"workflow": "flow", "scheme": "none", "name": "Orders", "confirm": "flow"}, "confirm"),
        ({"workflow": "flow", "scheme": "none", "name": "Orders", "confirm": "orders"}, "confirm"),
    ],
)
def test_what_cannot_be_an_endpoint_is_refused(
    acme: Caller, body: dict[str, object], field: str
) -> None:
    answer = acme.post("endpoints/", body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_an_open_endpoint_is_made_once_its_name_was_typed(acme: Caller) -> None:
    body = {"workflow": "flow", "scheme": "none", "name": "Orders"}
    (error,) = acme.post("endpoints/", body).json()["errors"]
    assert error["message"].endswith("To confirm, type the endpoint's name: Orders")

    made = acme.post("endpoints/", {**body, "confirm": "Orders"})
    assert (made.status_code, made.json()["name"]) == (201, "Orders")


def test_an_endpoint_is_renamed_and_switched_each_by_itself(acme: Caller) -> None:
    path = f"endpoints/{created(acme, name='Orders')['id']}/"

    assert acme.patch(path, {"name": "Returns"}).json()["name"] == "Returns"
    switched = acme.patch(path, {"enabled": False}).json()
    assert (switched["name"], switched["enabled"]) == ("Returns", False)
    assert acme.patch(path, {"name": " "}).status_code == 422


def test_a_providers_secret_may_follow_once_it_knows_the_address(acme: Caller) -> None:
    made = created(acme, scheme="stripe", secret="")
    assert (made["secret"], made["awaits_secret"]) == ("", True)
    path = f"endpoints/{made['id']}/rotate/"
    (error,) = acme.post(path).json()["errors"]
    assert error["message"].startswith("Stripe chooses the secret itself")
    assert acme.post(path, {"secret": ""}).status_code == 422

    renewed = acme.post(path, {"secret": "whsec_0123456789abcdef"}).json()

    assert (renewed["secret"], renewed["awaits_secret"]) == ("whsec_0123456789abcdef", False)
    assert renewed["previous_expires_at"] is None


def test_twilios_algorithm_is_an_option(acme: Caller) -> None:
    assert created(acme, **TWILIO)["options"] == {"algorithm": "sha1"}
    pinned = created(acme, **TWILIO, options={"algorithm": "sha256"})
    assert pinned["options"] == {"algorithm": "sha256"}


def test_a_scheme_without_secrets_has_nothing_to_rotate(acme: Caller) -> None:
    made = created(acme, scheme="none")

    assert made["secret"] == ""
    assert acme.post(f"endpoints/{made['id']}/rotate/").status_code == 409


@pytest.mark.parametrize(
    ("scheme", "secret"),
    [
        ("standard-webhooks", "whsec_" + "A" * 32),
        ("github", "x" * 16),
        ("generic", "x" * 16),
    ],
)
def test_a_secret_just_long_enough_is_taken(acme: Caller, scheme: str, secret: str) -> None:
    assert created(acme, scheme=scheme, secret=secret)["secret"] == secret


@pytest.mark.parametrize(
    ("scheme", "role", "shown"),
    [
        ("none", Role.VIEWER, False),
        ("none", Role.OPERATOR, True),
        ("github", Role.VIEWER, True),
    ],
)
def test_an_address_that_is_all_it_takes_is_shown_to_those_who_may_run(
    acme: Caller, scheme: str, role: Role, shown: bool
) -> None:
    made = created(acme, scheme=scheme)
    expected = (made["token"], made["url"]) if shown else (None, None)
    caller = acme.with_role(role)

    for one in (
        caller.get(f"endpoints/{made['id']}/").json(),
        *caller.get("endpoints/").json()["results"],
    ):
        assert (one["token"], one["url"]) == expected


def test_an_endpoint_is_deleted(acme: Caller) -> None:
    made = created(acme)

    assert acme.delete(f"endpoints/{made['id']}/").status_code == 204
    assert acme.get(f"endpoints/{made['id']}/").status_code == 404


ROUTES = [
    ("GET", "endpoints/{}/", None),
    ("PATCH", "endpoints/{}/", {"enabled": False}),
    ("DELETE", "endpoints/{}/", None),
    ("POST", "endpoints/{}/rotate/", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_another_tenants_endpoint_does_not_exist(
    acme: Caller, method: str, path: str, body: object
) -> None:
    made = created(acme)
    globex = owner_of("globex")

    assert globex.send(method, path.format(made["id"]), body).status_code == 404
    assert Caller().send(method, path.format(made["id"]), body).status_code == 401
    assert acme.get(f"endpoints/{made['id']}/").json()["enabled"] is True


def test_another_tenants_workflow_gets_no_endpoint(acme: Caller) -> None:
    answer = owner_of("globex").post("endpoints/", {"workflow": "flow"})

    assert answer.status_code == 422


@pytest.mark.parametrize(("method", "path", "body"), ROUTES[1:])
def test_an_operator_may_not_change_endpoints(
    acme: Caller, method: str, path: str, body: object
) -> None:
    made = created(acme)

    operator = acme.with_role(Role.OPERATOR)

    assert operator.send(method, path.format(made["id"]), body).status_code == 403
    assert operator.get(f"endpoints/{made['id']}/").status_code == 200
