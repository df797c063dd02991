"""Endpoints made over HTTP."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from django.conf import settings

from tests.callers import Caller
from webhooks import signatures


def created(caller: Caller, **body: object) -> dict[str, Any]:
    answer = caller.post("endpoints/", {"workflow": "flow", "confirm": "flow", **body})
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def knock(url: str, secret: str, scheme: str = signatures.DEFAULT) -> int:
    """Send a signed webhook; the status of the answer."""
    body = b"{}"
    signed = signatures.sign(
        scheme,
        None,
        secret,
        signatures.Message({}, body),
        delivery_id=uuid4().hex,
        timestamp=int(time.time()),
    )
    path = url.removeprefix(settings.PUBLIC_URL)
    status: int = Caller().post(path, body, **signed).status_code
    return status
