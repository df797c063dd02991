"""Every answer of `POST /hooks/<token>/`, to what other systems send and to what attackers do."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from executions.models import Execution
from tenants import scope
from tests import factories
from tests.webhooks import senders
from tests.webhooks.posting import CLIENT, post, problem
from tests.webhooks.senders import BODY, NOTHING, Address, make_address, standard
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")


# --- Accepted ----------------------------------------------------------------------------------


def test_a_signed_request_is_accepted() -> None:
    address = make_address()
    response = post(address)
    assert response.status_code == 202
    answer = json.loads(response.content)
    with scope.tenant(address.tenant.id):
        execution = Execution.objects.get()
    assert answer == {
        "delivery_id": str(UUID(answer["delivery_id"])),
        "execution_id": str(execution.id),
        "status_url": f"{settings.PUBLIC_URL}/api/v1/executions/{execution.id}/",
    }


def test_the_status_url_leads_to_the_execution() -> None:
    address = make_address()
    url = json.loads(post(address).content)["status_url"]
    key = factories.make_key(address.tenant)
    seen = Client().get(
        url.removeprefix(settings.PUBLIC_URL), headers={"Authorization": f"Bearer {key}"}
    )
    assert (seen.status_code, seen.json()["trigger"]["body"]) == (200, {"order_id": "1001"})


def test_a_duplicate_gets_the_same_ids_with_200() -> None:
    address = make_address()
    first, again = post(address), post(address)
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.content == first.content


def test_githubs_published_vector_passes_the_signature() -> None:
    """Its body is no JSON, which is told only to whoever signed right."""
    address = make_address("github", secret="It's a Secret to Everybody")
    signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    response = post(address, b"Hello, World!", {"x-hub-signature-256": f"sha256={signature}"})
    assert (response.status_code, problem(response)["type"]) == (
        422,
        "urn:stepwell:problem:not-json",
    )


def test_a_github_delivery_is_accepted() -> None:
    address = make_address("github")
    headers = senders.github(address.secret, BODY, delivery_id="72d3162e-cc78-11e3-81ab")
    assert post(address, headers=headers).status_code == 202


def test_a_generic_delivery_is_accepted() -> None:
    address = make_address("generic")
    assert post(address, headers=senders.plain_hmac(address.secret, BODY)).status_code == 202


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"text"', b"{}", b" {} \n"])
def test_any_json_value_is_a_body(body: bytes) -> None:
    """What it has to be is the input schema's to say."""
    assert post(make_address(), body).status_code == 202


# --- Bodies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b" ", id="blank"),
        pytest.param(b"{", id="cut-off"),
        pytest.param(b"order=1", id="a-form"),
        pytest.param(b'{"a": NaN}', id="nan"),
        pytest.param(b'{"a": -Infinity}', id="infinity"),
        pytest.param(b'{"a": 1e400}', id="overflow"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", id="5000-digits"),
        pytest.param(b'{"a": ' + b"9" * 401 + b"}", id="401-digits"),
        pytest.param(b'{"a": "\\u0000"}', id="nul"),
        pytest.param(b'{"\\u0000": 1}', id="nul-key"),
        pytest.param(b'{"a": "\\ud800"}', id="lone-surrogate"),
        pytest.param(b'{"\\udfff": 1}', id="lone-surrogate-key"),
        pytest.param(b"[" * 100_000, id="deep-and-cut-off"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="100000-deep"),
        pytest.param(b"[" * 100 + b"]" * 100, id="100-deep"),
        pytest.param(b'{"a": 1} {"b": 2}', id="two-values"),
    ],
)
def test_what_is_not_storable_json_is_unprocessable(body: bytes) -> None:
    response = post(make_address(), body)
    assert (response.status_code, problem(response)["type"]) == (
        422,
        "urn:stepwell:problem:not-json",
    )
    assert senders.stored() == NOTHING


@pytest.mark.parametrize("body", [b"\xff\xfe{}", b"\x80", b'"\xed\xa0\x80"'])
def test_bytes_that_are_no_text_are_unprocessable(body: bytes) -> None:
    address = make_address("generic")
    response = post(address, body, senders.plain_hmac(address.secret, body))
    assert (response.status_code, problem(response)["status"]) == (422, 422)


def test_a_body_that_does_not_fit_the_input_schema_is_told_where() -> None:
    schema = {
        "type": "object",
        "required": ["order_id"],
        "properties": {"order_id": {"type": "string"}},
    }
    address = make_address(definition=document(step("only"), input=schema))
    found = problem(post(address, b'{"order_id": 7}'))
    assert (found["status"], found["type"]) == (422, "urn:stepwell:problem:input-mismatch")
    assert [error["field"] for error in found["errors"]] == ["order_id"]


# --- Addresses, methods, and what else can be sent ------------------------------------------------


@pytest.mark.parametrize(
    "token", ["unknown", "x" * 5000, "%00", "a%00b", "%ff", "..", "%27%20OR%201=1", "\u0661"]
)
def test_an_unknown_address_is_not_found(token: str) -> None:
    response = post(f"/hooks/{token}/")
    assert (response.status_code, problem(response)["status"]) == (404, 404)


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_only_post_is_allowed(method: str) -> None:
    address = make_address()
    response = getattr(Client(), method)(address.path)
    assert (response.status_code, response["Allow"]) == (405, "POST")


@pytest.mark.parametrize("query", ["a=%00", "%00=1", "a=%ED%A0%80", "a=%FF", "a=1&a=2", "=&&="])
def test_any_query_can_be_stored(query: str) -> None:
    address = make_address()
    assert post(f"{address.path}?{query}", headers=standard(address)).status_code == 202


def test_a_query_with_thousands_of_names_is_a_bad_request() -> None:
    address = make_address()
    query = "&".join(f"a{number}=1" for number in range(2000))
    response = post(f"{address.path}?{query}", headers=standard(address))
    assert (response.status_code, problem(response)["status"]) == (400, 400)


@pytest.mark.parametrize("value", ["\u00e9", "\x7f", "\x00", "x" * 20_000])
def test_any_header_can_be_stored(value: str) -> None:
    address = make_address()
    response = post(address, headers={**standard(address), "x-odd": value})
    assert response.status_code == 202


def test_whatever_is_sent_the_answer_is_one_of_ours() -> None:
    address = make_address("generic")

    @examples(max_examples=100, deadline=None)
    @given(body=st.binary(max_size=200), signature=st.text(st.characters(max_codepoint=255)))
    def send(body: bytes, signature: str) -> None:
        for headers in ({"x-signature": signature}, senders.plain_hmac(address.secret, body)):
            assert post(address, body, headers).status_code in (200, 202, 401, 422)

    send()


# --- Bodies by their type ----------------------------------------------------------------------


def send(address: Address, body: bytes, content_type: str) -> HttpResponse:
    """The answer to a signed body of this type; of none, if it is empty."""
    headers = senders.plain_hmac(address.secret, body)
    if content_type:
        headers["content-type"] = content_type
    response = CLIENT.generic("POST", address.path, body, "", headers=headers)
    assert isinstance(response, HttpResponse)
    return response


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        ("application/x-www-form-urlencoded", b"a=1&a=2&b=%C3%BC", {"a": ["1", "2"], "b": "ü"}),
        ("text/plain; charset=iso-8859-1", b"\xfc", "ü"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n',
            {"a": "1"},
        ),
        ("application/vnd.api+json", b"[1]", [1]),
    ],
)
def test_a_body_of_another_type_is_the_triggers_body(
    content_type: str, body: bytes, value: object
) -> None:
    address = make_address("generic")
    assert send(address, body, content_type).status_code == 202
    with scope.tenant(address.tenant.id):
        assert Execution.objects.get().trigger["body"] == value


def test_without_a_body_and_a_type_the_body_is_null() -> None:
    address = make_address("generic")
    assert send(address, b"", "").status_code == 202
    with scope.tenant(address.tenant.id):
        assert Execution.objects.get().trigger["body"] is None


def test_a_file_is_refused_by_the_name_of_its_field() -> None:
    address = make_address("generic")
    body = b'--b\r\nContent-Disposition: form-data; name="a"; filename="x"\r\n\r\n1\r\n--b--\r\n'
    answer = send(address, body, "multipart/form-data; boundary=b")
    found = problem(answer)
    assert (answer.status_code, found["type"]) == (422, "urn:stepwell:problem:file")
    assert [error["field"] for error in found["errors"]] == ["a"]
    assert senders.stored() == NOTHING


@pytest.mark.parametrize("content_type", ["application/xml", "image/png"])
def test_a_type_that_is_not_read_is_told_only_to_who_signed(content_type: str) -> None:
    address = make_address("generic")
    signed = send(address, BODY, content_type)
    assert (signed.status_code, problem(signed)["type"]) == (
        415,
        "urn:stepwell:problem:unsupported-type",
    )
    assert CLIENT.post(address.path, BODY, content_type=content_type).status_code == 401
    assert senders.stored() == NOTHING
