"""The short way of webhooks through the real chain, at both doors of the product."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from config.handlers import Asgi, Wsgi
from tests.webhooks.senders import BODY, Address, make_address, standard
from webhooks.middleware import HookMiddleware

Answer = tuple[int, dict[str, str], bytes]
Door = Callable[[str, dict[str, str], bytes], Answer]

SECONDS = 30.0  # against hanging
# What every answer of the site says to a browser, and how long it is.
KEPT = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}


def over_wsgi(path: str, headers: dict[str, str], body: bytes) -> Answer:
    given = RequestFactory().post(path, body, "application/json", headers=headers).environ
    application: Any = Wsgi()  # the stubs want all of a server's start_response
    started: list[tuple[str, list[tuple[str, str]]]] = []
    response = application(given, lambda *start: started.append(start))
    content = b"".join(response)
    response.close()
    ((status, pairs),) = started
    return int(status[:3]), {name.lower(): value for name, value in pairs}, content


def over_asgi(path: str, headers: dict[str, str], body: bytes) -> Answer:
    async def talk() -> Answer:
        sent = {"host": "testserver", "content-length": str(len(body)), **headers}
        pairs = [(name.encode(), value.encode()) for name, value in sent.items()]
        asked = {"type": "http", "method": "POST", "path": path, "query_string": b""}
        # asgiref's test client has no types.
        wire: Any = ApplicationCommunicator(Asgi(), {**asked, "headers": pairs})  # type: ignore[no-untyped-call]
        await wire.send_input({"type": "http.request", "body": body})
        start = await wire.receive_output(SECONDS)
        content = await wire.receive_output(SECONDS)
        await wire.wait(SECONDS)
        named = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return start["status"], named, content["body"]

    return async_to_sync(talk)()


@pytest.fixture
def address(committed_db: None) -> Address:
    return make_address()


@pytest.mark.parametrize("door", [over_wsgi, over_asgi])
def test_a_webhook_is_taken_in_with_the_headers_of_every_answer(
    address: Address, door: Door
) -> None:
    status, headers, content = door(address.path, standard(address, BODY), BODY)

    assert (status, headers["content-type"]) == (202, "application/json")
    assert headers["content-length"] == str(len(content))
    assert KEPT.items() <= headers.items()
    assert set(json.loads(content)) == {"delivery_id", "execution_id", "status_url"}


@pytest.mark.parametrize("door", [over_wsgi, over_asgi])
def test_a_refused_one_has_them_too(address: Address, door: Door) -> None:
    status, headers, _ = door(address.path, {}, BODY)

    assert (status, headers["content-type"]) == (401, "application/problem+json")
    assert KEPT.items() <= headers.items()


@pytest.mark.parametrize("door", [over_wsgi, over_asgi])
def test_one_for_another_host_is_refused(address: Address, door: Door) -> None:
    status, _, content = door(address.path, {"host": "elsewhere.example"}, BODY)

    assert (status, json.loads(content)["type"]) == (400, "urn:stepwell:problem:bad-request")


@pytest.mark.parametrize("door", [over_wsgi, over_asgi])
@override_settings(SECURE_SSL_REDIRECT=True)
def test_one_without_tls_is_sent_where_there_is_some(address: Address, door: Door) -> None:
    status, headers, _ = door(address.path, standard(address, BODY), BODY)

    assert (status, headers["location"]) == (301, f"https://testserver{address.path}")


@pytest.mark.parametrize(
    "path", ["/", "/hooks/", "/hooks/x", "/hooks//", "/hooks/x/y/", "/api/hooks/x/"]
)
def test_all_else_goes_on(path: str) -> None:
    beyond = HttpResponse(b"beyond")

    def get_response(request: HttpRequest) -> HttpResponse:
        return beyond

    assert HookMiddleware(get_response)(RequestFactory().post(path)) is beyond
