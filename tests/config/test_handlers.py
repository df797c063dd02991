"""A Content-Type of nonsense reaches the views, with WSGI and with ASGI; nothing stays open."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.test import RequestFactory

from config.handlers import Asgi, Wsgi
from executions.models import Execution
from tenants.consumers import in_tenant
from tests import environment, factories, servers
from tests.workflows.definitions import document, step

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


# --- A client that hangs up ---------------------------------------------------------------------


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Without the garbage collector, which closes what was left open, though not at once."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def connections() -> object:
    """How many connections the product's role has to the database of the tests."""
    with servers.superuser(environment.DATABASE) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND usename = %s",
            [environment.APP],
        ).fetchone()
    return row and row[0]


def begun() -> bool:
    return Execution.objects.exists()


async def hang_up(path: str, key: str, tenant: Any) -> None:
    """Hang up on a request under way, and give up on it again and again, as daphne does."""
    asked = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"wait=1",
        "headers": [
            *((b"host", b"127.0.0.1"), (b"content-type", b"application/json")),
            (b"authorization", f"Bearer {key}".encode()),
        ],
    }
    wire: Any = ApplicationCommunicator(Asgi(), asked)  # type: ignore[no-untyped-call]
    await wire.send_input({"type": "http.request", "body": b'{"input": {}}'})
    while not await in_tenant(tenant.id, begun):
        await asyncio.sleep(0.05)
    await wire.send_input({"type": "http.disconnect"})
    while not wire.future.done():
        await asyncio.sleep(0.1)
        wire.future.cancel()
    await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()}, timeout=30)


def test_a_request_that_is_given_up_gives_its_connection_back(
    committed_db: None, no_collector: None
) -> None:
    tenant = factories.make_tenant()
    workflow = factories.make_workflow(tenant, document(step("only")))
    key = factories.make_key(tenant)
    before = connections()

    asyncio.run(hang_up(f"/api/v1/workflows/{workflow.slug}/run/", key, tenant))

    assert connections() == before
