"""What attackers and broken senders make of a request: the same ones for the same seed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random

from tests.webhooks.vendors import NOW, Request
from webhooks import signatures
from webhooks.signatures import Message

ODD_TEXTS = [
    *("", " ", "\t", "\x00", "\n", "\x7f", ",", ",,,,", "=", "====", "v1", "v1,", "v1=", "v0="),
    *("t=", "t=,v1=", "sha256=", "sha256=zz", "=v1", ",v1=,", "v1,a,b", "é", "\xff\xfe", "\x80"),
    *("\u20ac", "\u0661\u0662", "\ud800", "-1", "+1", "1e9", "1_0", "0x10", "nan", "inf", "soon"),
    *("9" * 400, "9" * 12, "null", "{}", "[" * 200, "%00", "AAAA", "A" * 43 + "=", "-_-_", "Zg"),
    *("2026-13-45T99:99:99Z", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59.999999Z", str(NOW)),
    *(" v1,x" * 300, "v1=," * 300, "=" * 9000, "x" * 20_000, "v1,\u00e9", "t=1,t=2", "🦀"),
]
ODD_VALUES: list[object] = [
    *(None, True, False, 0, -1, 10**15, 10**400, 1.5, float("inf"), float("nan"), "", "\x00"),
    *("\ud800", "é", "a b", "x" * 300, [], [[]], {}, {"id": 1}, "url_verification"),
]
ODD_BODIES = [
    *(b"", b"\x00", b"\xff\xfe", b"\x80abc", b"\xed\xa0\x80", b"no json", b"null", b"[]", b"{}"),
    *(b"[" * 5000, b'{"id":' * 500, b'"', b'{"id":"', b"1" * 5000, b"1e999", b"\xef\xbb\xbf{}"),
    *(b"&&==&=&", b"%zz=%&%", b"a=%ff&a=%00", b"a&" * 1200, b"payload=%7B", b"a=b;c=d", b"+=+"),
]
FIELDS = ["id", "event", "event_id", "type", "challenge", "webhookTimestamp"]
TYPES = [
    *(
        "application/x-www-form-urlencoded",
        "APPLICATION/X-WWW-FORM-URLENCODED;",
        "application/json",
    ),
    *("", ";", "multipart/form-data", "\u20ac", "\x00", "text/plain; charset=é"),
]
QUERIES = ["", "bodySHA256=", "bodySHA256=x&bodySHA256=y", "&&=", "a" * 3000, "%ff=%00", "é=\xff"]


def make(random: Random, genuine: Request) -> Request:
    """A variation of a genuine request; half of them are signed right, so that what lies behind
    the signature is reached too."""
    request = replace(genuine, body=_body(random, genuine.body))
    if random.random() < 0.5:
        request = _typed(random, request)
        request = replace(request, headers={**request.headers, **_signed(request)})
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        request = random.choice(CHANGES)(random, request)
    return request


def with_odd_body(random: Random, genuine: Request) -> Request:
    """The genuine request with another body under the same signature."""
    return replace(genuine, body=_body(random, genuine.body))


def _body(random: Random, body: bytes) -> bytes:
    chance = random.random()
    if chance < 0.3:
        return body
    if chance < 0.5:
        return random.choice(ODD_BODIES)
    if chance < 0.8:
        odd = {random.choice(FIELDS): random.choice(ODD_VALUES) for _ in range(2)}
        return json.dumps({"webhookTimestamp": NOW * 1000, **odd}).encode()
    cut = random.randrange(len(body) + 1)
    return body[:cut] + random.randbytes(random.randrange(4)) + body[cut + random.randrange(3) :]


def _typed(random: Random, request: Request) -> Request:
    return _with(request, "content-type", random.choice(TYPES))


def _signed(request: Request) -> dict[str, str]:
    try:
        return signatures.sign(
            request.scheme,
            request.options,
            request.secret,
            Message(request.headers, request.body, request.url),
            delivery_id="msg_1",
            timestamp=NOW,
        )
    except Exception:  # noqa: BLE001 - what cannot be signed is sent as it is
        return {}


def _with(request: Request, name: str, value: str) -> Request:
    return request.with_header(name, value)


def _name(random: Random, request: Request) -> str:
    return random.choice((*request.headers, *request.signed, *request.plain, "x-odd"))


def _dropped(random: Random, request: Request) -> Request:
    name = _name(random, request)
    rest = {key: value for key, value in request.headers.items() if key != name}
    return replace(request, headers=rest)


def _odd(random: Random, request: Request) -> Request:
    return _with(request, _name(random, request), random.choice(ODD_TEXTS))


def _spliced(random: Random, request: Request) -> Request:
    name = _name(random, request)
    value = request.headers.get(name, "")
    cut = random.randrange(len(value) + 1)
    odd = random.choice(ODD_TEXTS)
    return _with(request, name, value[:cut] + odd + value[cut + random.randrange(4) :])


def _repeated(random: Random, request: Request) -> Request:
    name = _name(random, request)
    value, separator = request.headers.get(name, ""), random.choice((",", " ", ", ", "=", ""))
    return _with(request, name, separator.join([value] * random.choice((2, 3, 50))))


def _random(random: Random, request: Request) -> Request:
    value = random.randbytes(random.randrange(80)).decode("latin-1")
    return _with(request, _name(random, request), value)


def _respelled(random: Random, request: Request) -> Request:
    name = _name(random, request)
    value = request.headers.get(name, "")
    spellings = (
        value.upper(),
        value.lower(),
        value.rstrip("="),
        value + "=",
        f" {value}",
        value[1:],
    )
    return _with(request, name, random.choice(spellings))


def _elsewhere(random: Random, request: Request) -> Request:
    return replace(request, url=f"{request.url.partition('?')[0]}?{random.choice(QUERIES)}")


CHANGES: list[Callable[[Random, Request], Request]] = [
    *(_dropped, _odd, _spliced, _repeated, _random, _respelled, _elsewhere, _typed)
]
