"""A secret that a workflow uses is found nowhere afterwards: every place is read, and searched.

Servers on this machine give back whatever they are sent, in every way one can think of.
"""

from __future__ import annotations

import asyncio
import base64
import html
import json
import logging
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import pytest
from django.core.mail import EmailMessage
from django.test import Client

from executions.models import Execution
from tests import factories, traces
from tests.bad_servers import Server, answer, raw, serving
from tests.callers import Caller
from tests.executions import driving
from tests.executions.sockets import Socket, Stream, application, cookie_of
from tests.outgoing import loopback_allowed
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")

KEY = "Zq7\"xäW'K<9v>B&h+J/3=m%P 2\\R:t{{8}}~Gd4"  # what Latin-1 can hold: it goes into headers too
WIDE = "Ünï-漢字-🔑-Qm5\"nV&8<rT'2+xL/6=pS%4\\"
PIN = "9371406258"
VALUES = {"key": KEY, "wide": WIDE, "pin": PIN}
JSON_TYPE, TEXT = ("Content-Type: application/json",), ("Content-Type: text/plain",)


# --- The other side ----------------------------------------------------------------------------


class Mirror:
    """Gives back what it was sent, now or in a later answer; the path says how."""

    def __init__(self) -> None:
        self.heard = b""

    def __call__(self, sock: socket.socket, request: bytes) -> None:
        path = request.split(b" ")[1].decode()
        kind = path.split("/")[1].split("?")[0]
        echo = request + b" " + unquote_to_bytes(path)
        self.heard += b"\n" + echo
        getattr(self, f"_{kind}")(sock, request, echo)

    def _text(self, sock: socket.socket, request: bytes, echo: bytes) -> None:
        answer(echo, headers=TEXT)(sock, request)

    def _json(self, sock: socket.socket, request: bytes, echo: bytes) -> None:
        said = {"echo": echo.decode("utf-8", "replace"), KEY: [WIDE], "pin": int(PIN)}
        answer(json.dumps({**said, "quoted": json.dumps(said)}).encode(), headers=JSON_TYPE)(
            sock, request
        )

    def _broken(self, sock: socket.socket, request: bytes, echo: bytes) -> None:
        answer(b'{"echo": "' + KEY.encode() + echo, headers=JSON_TYPE)(sock, request)

    def _error(self, sock: socket.socket, request: bytes, echo: bytes) -> None:
        page = f"<p>{html.escape(KEY)}</p><p>{html.escape(WIDE)}</p>"
        data = json.dumps({"data": json.dumps({"k": KEY, "w": WIDE})}) + quote(KEY, safe="")
        head = ("Content-Type: text/html; charset=utf-8", "X-Error: " + KEY.encode().hex())
        answer((page + data).encode() + echo, f"500 No {quote(WIDE)}", head)(sock, request)

    def _cut(self, sock: socket.socket, request: bytes, echo: bytes) -> None:
        """The value begins before the end of what is kept of an error's body, and ends after it."""
        before = int(request.split(b"cut/")[1].split(b"?")[0])
        body = b"." * before + KEY.encode() + b"." * 5000
        answer(body, "500 No", TEXT)(sock, request)

    def _headers(self, sock: socket.socket, request: bytes, echo: bytes) -> None:
        shown = base64.b64encode(b"u:" + KEY.encode()).decode()
        lines = f"HTTP/1.1 200 {quote(KEY)}\r\nX-Key: {KEY}\r\nX-Basic: {shown}\r\n"
        raw(lines.encode("latin-1") + b"X-Wide: " + WIDE.encode() + b"\r\n\r\nok")(sock, request)

    def _malformed(self, sock: socket.socket, request: bytes, echo: bytes) -> None:
        raw(b"HTTP/1.1 200 OK\r\n" + KEY.encode() + b"\r\n: x\r\n\r\n" + echo)(sock, request)

    def _garbage(self, sock: socket.socket, request: bytes, echo: bytes) -> None:
        raw(KEY.encode() + b" " + echo)(sock, request)

    def _short(self, sock: socket.socket, request: bytes, echo: bytes) -> None:
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + echo)(sock, request)

    def _bytes(self, sock: socket.socket, request: bytes, echo: bytes) -> None:
        body = b"".join(b"\xff" * pad + b"\xfe" + KEY.encode() for pad in range(1, 4))
        answer(body, headers=("Content-Type: application/octet-stream",))(sock, request)

    def _utf16(self, sock: socket.socket, request: bytes, echo: bytes) -> None:
        kind = ("Content-Type: text/plain; charset=utf-16",)
        answer(f"{KEY} {WIDE}".encode("utf-16"), headers=kind)(sock, request)

    def _redirect(self, sock: socket.socket, request: bytes, echo: bytes) -> None:
        where = f"Location: /text?again={quote(KEY, safe='')}"
        answer(echo, "302 Found", (where,))(sock, request)

    def _away(self, sock: socket.socket, request: bytes, echo: bytes) -> None:
        where = f"Location: http://localhost:1/?again={quote(KEY, safe='')}"
        answer(echo, "302 Found", (where,))(sock, request)

    def _circle(self, sock: socket.socket, request: bytes, echo: bytes) -> None:
        answer(echo, "302 Found", (f"Location: /circle?x={quote(KEY)}",))(sock, request)

    def _memory(self, sock: socket.socket, request: bytes, echo: bytes) -> None:
        """What earlier calls brought, to one that names no secret."""
        answer(self.heard, headers=TEXT)(sock, request)


# --- The workflow ------------------------------------------------------------------------------

BOTH = "{{ secrets.key }}|{{ secrets.wide }}|{{ secrets.pin }}"
TOLERANT = {"continue_on_failure": True, "on_unknown": "fail", "retry": {"attempts": 1}}
CALLS: dict[str, dict[str, Any]] = {
    "path": {"url": f"/text/{BOTH}/x"},
    "query": {"url": "/text", "query": {"k": BOTH}},
    "whole": {"url": f"/json?k={BOTH}"},
    "header": {"url": "/json", "headers": {"X-Key": "Key {{ secrets.key }} {{ secrets.pin }}"}},
    "json": {"method": "POST", "url": "/json", "json": {"deep": [BOTH, {"k": BOTH}]}},
    "form": {"method": "POST", "url": "/text", "form": {"k": BOTH}},
    "body": {"method": "POST", "url": "/text", "body": f"k={BOTH}"},
    "basic": {"url": "/json", "auth": {"username": "u", "password": "{{ secrets.wide }}"}},
    "broken": {"method": "POST", "url": "/broken", "json": BOTH},
    "error": {"method": "PUT", "url": f"/error/{BOTH}", "json": {"k": BOTH}},
    **{
        f"cut_{place}": {"url": f"/cut/{place}?k={{{{ secrets.key }}}}"}
        for place in (4096 - 4, 4096 - 20, 4096 - len(KEY) + 1, 4096 - len(KEY) - 2)
    },
    "headers": {"url": "/headers", "headers": {"X-Key": "{{ secrets.key }}"}},
    "malformed": {"url": f"/malformed/{BOTH}"},
    "garbage": {"url": f"/garbage/{BOTH}"},
    "short": {"method": "POST", "url": f"/short/{BOTH}", "body": BOTH},
    "bytes": {"url": f"/bytes/{BOTH}"},
    "utf16": {"url": f"/utf16/{BOTH}"},
    "redirect": {"url": f"/redirect/{BOTH}", "redirects": 2},
    "away": {"url": f"/away/{BOTH}", "redirects": 2},
    "circle": {"url": f"/circle/{BOTH}", "redirects": 1},
}
NOWHERE = {"url": f"http://127.0.0.1:1/{BOTH}", "headers": {"X-Key": "{{ secrets.key }}"}}
UNKNOWN_HOST = {"url": "http://x{{ secrets.pin }}.invalid/{{ secrets.key }}"}
UNSENDABLE = {"url": "http://127.0.0.1:1/", "headers": {"X-Key": "{{ secrets.wide }}"}}


def http(key: str, *needs: str, config: dict[str, Any]) -> dict[str, Any]:
    return step(key, *needs, kind="http", config=config, **TOLERANT)


def workflow(server: Server) -> dict[str, Any]:
    """All calls at once, then what hands their results on."""
    configs = {key: {**call, "url": server.url(call["url"])} for key, call in CALLS.items()}
    configs |= {"nowhere": NOWHERE, "unknown_host": UNKNOWN_HOST, "unsendable": UNSENDABLE}
    poll = {
        "request": {"url": server.url(f"/json/{BOTH}")},
        "until": "{{ response.status == 200 }}",
    }
    each = {"items": [1, 2], "steps": [http("inner", config={"url": server.url(f"/text/{BOTH}")})]}
    handed = {key: f"{{{{ [steps.{key}.output, steps.{key}.error] }}}}" for key in configs}
    said = "steps.all.output | tojson"
    mail = {
        "to": "ops@x.example",
        "subject": "All",
        "text": f"{{{{ {said} }}}} {{{{ steps.memory.output.body }}}}",
    }
    return document(
        *(http(key, config=config) for key, config in configs.items()),
        step("poll", *(f"{key}.always" for key in configs), kind="poll", config=poll),
        step("each", "poll", kind="for_each", config=each),
        http("memory", "each", config={"url": server.url("/memory")}),
        step("all", "memory", kind="transform", config={"value": handed}),
        step("say", "all", config={"message": "{{ steps.memory.output.body[:1900] }}"}),
        step("mail", "say", kind="email", config=mail),
        step(
            "end",
            "mail",
            kind="fail",
            config={"message": "{{ (steps.all.output | tojson)[:1900] }}"},
        ),
        output={"all": "{{ steps.all.output }}", "each": "{{ steps.each.output }}"},
    )


# --- Everything that is kept, said and shown ---------------------------------------------------


def answers(caller: Caller, execution: Execution) -> Iterator[tuple[str, bytes]]:
    paths = [f"executions/{execution.id}/{part}" for part in ("", "events/", "children/")]
    paths += ["executions/", "secrets/", "secrets/key/", "workflows/", "variables/", "audit/"]
    for path in (*paths, "audit/export/", "audit/export/?format=csv"):
        response = caller.get(path)
        assert response.status_code == 200, path
        yield path, response.getvalue()


def pages(people: factories.People, execution: Execution) -> Iterator[tuple[str, bytes]]:
    for user, paths in {
        people.alice: (
            f"/t/acme/executions/{execution.id}/",
            "/t/acme/executions/",
            *(f"/t/acme/{part}/" for part in ("attention", "audit", "settings")),
            "/t/acme/audit/export/?format=csv",
        ),
        people.staff: (
            f"/admin/executions/execution/{execution.id}/change/",
            "/admin/executions/execution/",
            "/admin/tenants/secret/",
            "/admin/tenants/auditentry/",
        ),
    }.items():
        browser = Client()
        browser.force_login(user)
        for path in paths:
            response = browser.get(path)
            assert response.status_code == 200, path
            yield path, response.getvalue()


async def followed(execution: Execution, cookie: str, token: str) -> list[tuple[str, bytes]]:
    watching, streaming = Socket(execution.id, cookie), Stream(execution.id, **_bearer(token))
    assert await watching.open()
    assert (await streaming.open())[0] == 200
    messages, _ = await watching.to_the_end()
    body = await streaming.body()
    assert messages
    assert "id: 1" in body
    return [("socket", json.dumps(messages).encode()), ("stream", body.encode())]


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_a_secret_that_was_used_is_found_nowhere(
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    mailoutbox: list[EmailMessage],
) -> None:
    caplog.set_level(logging.DEBUG)
    application()  # it reads the database as it starts, which no event loop may
    people = factories.make_people()
    for name, value in VALUES.items():
        factories.make_secret(people.acme, name, value)
    with serving(mirror := Mirror()) as server, loopback_allowed():
        execution = driving.started(people.acme, workflow(server))
        execution = driving.drained(execution)
        assert execution.status == "failed", (execution.status, driving.statuses(execution))
        token = factories.make_key(people.acme)
        live = asyncio.run(followed(execution, cookie_of(people.vera), token))
    statuses = driving.statuses(execution)
    assert statuses["memory"] == statuses["mail"] == "succeeded"
    assert statuses["error"] == statuses["away"] == "failed"
    [mail] = mailoutbox
    logged = "\n".join([caplog.text, *(repr(record.__dict__) for record in caplog.records)])
    printed = capfd.readouterr()
    left = traces.everywhere(
        VALUES.values(),
        traces.database(),
        traces.valkey(),
        answers(Caller(token, people.acme.id), execution),
        pages(people, execution),
        live,
        [("mail", mail.message().as_bytes()), ("mail text", str(mail.body).encode())],
        [("log", logged.encode()), ("stdout", printed.out.encode())],
        [("stderr", printed.err.encode())],
    )
    assert left == []
    # And the search would have found it: it was sent, in each of its places.
    heard = {value[:4]: traces.found([value], mirror.heard) for value in VALUES.values()}
    assert all(heard.values())
    assert b"[secret key]" in str(mail.body).encode()


def test_no_other_type_of_step_is_given_a_secret(mailoutbox: list[EmailMessage]) -> None:
    """Not even in a definition that publishing would have refused."""
    tenant = factories.make_tenant("acme")
    factories.make_secret(tenant, "key", KEY)
    named = "{{ secrets.key }}"
    mail = {"to": "ops@x.example", "subject": named, "text": named}
    definition = document(
        step("value", kind="transform", config={"value": named}, continue_on_failure=True),
        step("mail", kind="email", config=mail, continue_on_failure=True),
        step("line", config={"message": named}, continue_on_failure=True),
        http("call", config={"url": "http://127.0.0.1:1/", "headers": {"X-Key": named}}),
    )
    workflow = factories.make_unchecked_workflow(tenant, definition)
    execution = driving.drained(factories.start_execution(workflow))
    for key in ("value", "mail", "line"):
        assert (driving.step_run(execution, key).error or {})["kind"] == "expression"
    assert driving.step_run(execution, "call").error is not None
    assert mailoutbox == []
    assert traces.everywhere([KEY], traces.database()) == []
