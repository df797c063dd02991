"""Which sockets of the live process are a test address's."""

from __future__ import annotations

from typing import Any

from django.urls import path

from webhooks.consumers import TrialSocket

_socket: Any = TrialSocket.as_asgi()  # django-stubs allows only views in a path()
paths: list[Any] = [path("ws/tests/<uuid:address_id>/", _socket)]
