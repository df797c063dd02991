"""A Content-Type of nonsense reaches the views, with WSGI and with ASGI."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.test import RequestFactory

from config.handlers import Asgi, Wsgi

Request = Callable[[str, str, bytes], Any]


def environ(path: str, kind: str, query: str, body: bytes) -> dict[str, Any]:
    made = RequestFactory().generic("POST", path, body, "application/octet-stream").environ
    return {**made, "CONTENT_TYPE": kind, "QUERY_STRING": query}


def over_wsgi(kind: str, query: str, body: bytes) -> Any:
    return Wsgi.request_class(environ("/login/", kind, query, body))


def over_asgi(kind: str, query: str, body: bytes) -> Any:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/login/",
        "query_string": query.encode(),
        "headers": [(b"content-type", kind.encode())],
    }
    return Asgi.request_class(scope, BytesIO(body))


NONSENSE = [
    "charset=zlib",
    "charset=undefined",
    "charset=idna",
    "charset=punycode",
    "charset=no-such",
    "charset*=zlib'en'x",
    "charset*=undefined'en'x",
    "charset*=no-such'en'x",
    "charset=",
    "charset",
    ";;;=",
]


@pytest.mark.parametrize("request_of", [over_wsgi, over_asgi])
@pytest.mark.parametrize("parameter", NONSENSE)
@pytest.mark.parametrize("media", ["application/json", "application/x-www-form-urlencoded"])
def test_no_charset_breaks_a_request(request_of: Request, parameter: str, media: str) -> None:
    request = request_of(f"{media}; {parameter}", "x=%C3%A9", b"y=%C3%A9")

    assert request.GET["x"] == "é"
    assert request.POST.get("y") in ("é", None)
    assert request.body == b"y=%C3%A9"


@pytest.mark.parametrize("request_of", [over_wsgi, over_asgi])
def test_a_form_is_read_as_utf8_whatever_it_says(request_of: Request) -> None:
    request = request_of("application/x-www-form-urlencoded; charset=latin-1", "", b"y=%C3%A9")

    assert request.POST["y"] == "é"
    assert request.content_type == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("parameter", NONSENSE)
@pytest.mark.parametrize(("path", "expected"), [("/hooks/x/", "404"), ("/login/", "403")])
def test_gunicorns_application_answers(
    committed_db: None, path: str, expected: str, parameter: str
) -> None:
    given = environ(path, f"application/json; {parameter}", "x=1", b"{}")
    application: Any = Wsgi()  # the stubs want all of a server's start_response
    answered: list[str] = []

    application(given, lambda status, headers: answered.append(status)).close()

    assert answered[0].startswith(expected)


@pytest.mark.parametrize("parameter", NONSENSE)
def test_the_api_answers(committed_db: None, parameter: str) -> None:
    given = environ("/api/v1/register/", f"application/json; {parameter}", "", b"{}")
    application: Any = Wsgi()
    answered: list[str] = []

    application(given, lambda status, headers: answered.append(status)).close()

    assert answered[0][:3] in ("415", "422")
