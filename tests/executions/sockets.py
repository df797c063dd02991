"""Following executions in tests: a browser's socket, an API client's stream."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any
from uuid import UUID

from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.test import Client

from tenants.models import User

PATIENCE = 20.0  # seconds; against hanging, not a measurement
ORIGIN = "http://127.0.0.1"

communicator: Any = ApplicationCommunicator  # it has no types


@cache
def application() -> Any:
    """The live process's; imported late, since it checks the database when it starts."""
    return import_module("config.asgi").application


def cookie_of(user: User) -> str:
    """The Cookie header of the user's browser."""
    client = Client()
    client.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


class Browser:
    """A browser's socket at this path."""

    def __init__(self, path: str, query: str, cookie: str, origin: str) -> None:
        headers = [(b"origin", origin.encode()), (b"host", b"127.0.0.1")]
        if cookie:
            headers.append((b"cookie", cookie.encode()))
        # Not Channels' own communicator: it keeps the application from closing connections.
        self._wire = communicator(
            application(),
            {
                "type": "websocket",
                "path": path,
                "query_string": query.encode(),
                "headers": headers,
                "subprotocols": [],
            },
        )

    async def open(self) -> bool:
        """Whether the server took it."""
        await self._wire.send_input({"type": "websocket.connect"})
        return bool((await self._wire.receive_output(PATIENCE))["type"] == "websocket.accept")

    async def message(self) -> dict[str, Any]:
        """The next message; the close, as `{"close": code}`."""
        output = await self._wire.receive_output(PATIENCE)
        if output["type"] == "websocket.close":
            return {"close": output["code"]}
        message: dict[str, Any] = json.loads(output["text"])
        return message

    async def to_the_end(self) -> tuple[list[dict[str, Any]], int]:
        """All messages and the code of the close."""
        messages = []
        while "close" not in (message := await self.message()):
            messages.append(message)
        await self.leave()
        return messages, message["close"]

    async def silent(self) -> bool:
        """Whether nothing has come."""
        nothing: bool = await self._wire.receive_nothing(0.1)
        return nothing

    async def leave(self) -> None:
        await self._wire.send_input({"type": "websocket.disconnect", "code": 1001})
        await self._wire.wait(PATIENCE)


class Socket(Browser):
    """One that follows an execution."""

    def __init__(
        self, execution_id: UUID, cookie: str = "", after: object = 0, origin: str = ORIGIN
    ) -> None:
        super().__init__(f"/ws/executions/{execution_id}/", f"after={after}", cookie, origin)

    async def until(self, seq: int) -> list[dict[str, Any]]:
        """Messages up to the one that brings this event."""
        messages = [await self.message()]
        while seqs(messages)[-1:] < [seq]:
            messages.append(await self.message())
        return messages


def seqs(messages: Iterable[dict[str, Any]]) -> list[int]:
    """The numbers of the events in messages."""
    return [event["seq"] for message in messages for event in message["events"]]


class Stream:
    """An API client's event stream."""

    def __init__(self, execution_id: UUID, *, query: str = "", **headers: str) -> None:
        sent = {"accept": "text/event-stream", "host": "127.0.0.1", **headers}
        self._wire = communicator(
            application(),
            {
                "type": "http",
                "http_version": "1.1",
                "client": ["127.0.0.1", 50000],
                "method": "GET",
                "path": f"/api/v1/executions/{execution_id}/events/",
                "raw_path": b"",
                "query_string": query.encode(),
                "headers": [
                    (name.replace("_", "-").encode(), value.encode())
                    for name, value in sent.items()
                ],
            },
        )

    async def open(self) -> tuple[int, dict[str, str]]:
        """The status and the headers."""
        await self._wire.send_input({"type": "http.request", "body": b"", "more_body": False})
        start = await self._wire.receive_output(PATIENCE)
        return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}

    async def chunk(self) -> tuple[str, bool]:
        """The next part of the body, and whether more will come."""
        part = await self._wire.receive_output(PATIENCE)
        return part.get("body", b"").decode(), part.get("more_body", False)

    async def body(self) -> str:
        """The whole body, once the application has tidied up behind it."""
        text, more = await self.chunk()
        while more:
            part, more = await self.chunk()
            text += part
        await self._wire.wait(PATIENCE)
        return text

    async def leave(self) -> None:
        await self._wire.send_input({"type": "http.disconnect"})
        await self._wire.wait(PATIENCE)


def records(body: str) -> list[tuple[int, dict[str, Any]]]:
    """`(id, data)` of each event of a stream."""
    blocks = [block.splitlines() for block in body.split("\n\n") if block.startswith("id:")]
    return [(int(lines[0][4:]), json.loads(lines[1][6:])) for lines in blocks]
