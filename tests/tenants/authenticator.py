"""An authenticator app, as RFC 6238 describes it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time

from django.test import Client

PERIOD = 30


def code(secret: str, periods: int = 0) -> str:
    """The six digits of now, or of so many periods later."""
    counter = struct.pack(">Q", int(time.time()) // PERIOD + periods)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def set_up(client: Client) -> str:
    """Set up the app for whoever logged in lately; returns its secret."""
    page = client.get("/account/app/").content.decode()
    secret: str
    [secret] = re.findall(r'class="address mono">(\w+)<', page)
    answer = client.post("/account/app/", {"code": code(secret)})
    assert answer["Location"] == "/account/codes/", answer.content
    return secret


def recovery_codes(client: Client) -> list[str]:
    """The codes that the account's page shows."""
    page = client.get("/account/codes/").content.decode()
    return re.findall(r"^(?:\s*<pre>)?(\w{8})$", page, re.MULTILINE)
