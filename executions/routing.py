"""Which connections of the live process are an execution's events."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.urls import path

from executions.consumers import ExecutionSocket, stream
from tenants.consumers import App, Connection, Receive, Send, header

_socket: Any = ExecutionSocket.as_asgi()  # django-stubs allows only views in a path()
paths: list[Any] = [path("ws/executions/<uuid:execution_id>/", _socket)]

_EVENTS = re.compile(r"/api/v1/executions/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/events/")
EVENT_STREAM = "text/event-stream"


class Streams:
    """Hands the API's event streams to their consumer, and every other request to Django.

    A stream shares its address with the list of the same events: who accepts
    `text/event-stream` gets the stream.
    """

    def __init__(self, otherwise: App) -> None:
        self._otherwise = otherwise

    async def __call__(self, connection: Connection, receive: Receive, send: Send) -> None:
        match = _EVENTS.fullmatch(connection["path"])
        wanted = connection["method"] == "GET" and EVENT_STREAM in header(connection, b"accept")
        if match and wanted:
            await stream(UUID(match[1]), connection, receive, send)
        else:
            await self._otherwise(connection, receive, send)
