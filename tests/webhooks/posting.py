"""Requests to `POST /hooks/<token>/`, and what is answered."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client

from tests.webhooks.senders import BODY, Address, standard

CLIENT = Client(raise_request_exception=False)


def post(
    address: Address | str,
    body: bytes = BODY,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> HttpResponse:
    """The answer of the product; a fault of ours is a 500, not an exception."""
    path = address if isinstance(address, str) else address.path
    if headers is None and isinstance(address, Address):
        headers = standard(address, body)
    response = CLIENT.post(
        path, body, content_type="application/json", headers=headers or {}, **more
    )
    assert isinstance(response, HttpResponse)
    return response


def problem(response: HttpResponse) -> dict[str, Any]:
    """The problem document of an answer, which must be a whole one."""
    assert response["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(response.content)
    assert document["status"] == response.status_code
    assert document["type"].startswith("urn:stepwell:problem:")
    assert document["title"]
    assert document["detail"].endswith(".")
    return document
