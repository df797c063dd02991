"""Those who register, from addresses that nobody else has."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

from django.test import Client

_numbers = itertools.count(1)


def address() -> str:
    """A new one, also to the runs of the tests before: each with a network of its own."""
    return f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}::1"


def register(address: str, **values: str) -> Any:
    number = next(_numbers)
    body = {
        "tenant": f"Initech {number}",
        "email": f"peter{number}@initech.example",
        "password": "correct horse battery staple",
    }
    return Client(REMOTE_ADDR=address).post(
        "/api/v1/register/", {**body, **values}, content_type="application/json"
    )
