"""Requests as an ASGI server hands them over: in parts, with or without a declared length."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application

SECONDS = 30.0  # against hanging

Message = dict[str, Any]


def post(
    path: str, parts: Iterator[bytes], headers: Mapping[str, str], *, declare: int | None = None
) -> tuple[int, bytes]:
    """Status and body of the answer to a POST whose body arrives in these parts.

    `declare` is its Content-Length; without one it is chunked.
    """
    framing = (
        {"transfer-encoding": "chunked"} if declare is None else {"content-length": str(declare)}
    )
    messages = [_part(part, more=True) for part in parts]
    return async_to_sync(_talk)(_scope(path, {**framing, **headers}), [*messages, _part(b"")])


def break_off(path: str, part: bytes, headers: Mapping[str, str]) -> None:
    """Send the first part of a body and hang up. Raises TimeoutError where the server waits on."""
    messages = [_part(part, more=True), {"type": "http.disconnect"}]
    async_to_sync(_send)(_scope(path, {"content-length": "1000", **headers}), messages)


def _part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def _scope(path: str, headers: Mapping[str, str]) -> Message:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [
            (name.encode(), value.encode("latin-1"))
            for name, value in {"host": "127.0.0.1", **headers}.items()
        ],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }


# asgiref's test client has no types.
_Communicator: Any = ApplicationCommunicator


async def _talk(scope: Message, messages: list[Message]) -> tuple[int, bytes]:
    communicator = _Communicator(get_asgi_application(), scope)
    for message in messages:
        await communicator.send_input(message)
    start = await communicator.receive_output(SECONDS)
    body = await communicator.receive_output(SECONDS)
    await communicator.wait(SECONDS)
    return int(start["status"]), bytes(body["body"])


async def _send(scope: Message, messages: list[Message]) -> None:
    communicator = _Communicator(get_asgi_application(), scope)
    for message in messages:
        await communicator.send_input(message)
    with contextlib.suppress(asyncio.CancelledError):
        await communicator.wait(SECONDS)
