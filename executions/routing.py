"""Which connections of the live process are an execution's events."""

from __future__ import annotations

from channels.routing import URLRouter
from django.urls import path, re_path

from executions.consumers import ExecutionSocket, stream
from tenants.consumers import App, Connection, Receive, Send, header

sockets = [path("ws/executions/<uuid:execution_id>/", ExecutionSocket.as_asgi())]


class Streams:
    """Hands the API's event streams to their consumer, and every other request to Django.

    They share an address with the list of the same events: who accepts `text/event-stream` gets
    the stream.
    """

    def __init__(self, otherwise: App) -> None:
        self._streams = URLRouter(
            [path("api/v1/executions/<uuid:execution_id>/events/", stream), re_path("", otherwise)]
        )
        self._otherwise = otherwise

    async def __call__(self, connection: Connection, receive: Receive, send: Send) -> None:
        wanted = connection["method"] == "GET" and "text/event-stream" in header(
            connection, b"accept"
        )
        app = self._streams if wanted else self._otherwise
        await app(connection, receive, send)
