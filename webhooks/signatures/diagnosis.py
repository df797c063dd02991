"""Why a request was refused, for who debugs it; never for who sent it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from .message import MalformedError, Message, Verdict
from .schemes import Hmac, Scheme

_SECONDS = re.compile(r"[0-9]{1,12}")  # in milliseconds a time of today has 13
OTHER = (
    "The signature is well-formed and is not of this body. Either it was made with another secret, "
    "or what was signed is not what was sent, such as JSON that was written anew after signing."
)


def explain(scheme: Scheme | None, verdict: Verdict, headers: Mapping[str, str], now: float) -> str:
    """One sentence or two about a verdict that is not ok, at `now` (Unix seconds).

    Says nothing from which a right signature could be made.
    """
    if not isinstance(scheme, Hmac):
        return "The request does not prove that it comes from the holder of the secret."
    message = Message(headers, b"")
    if verdict.reason == "stale":
        return _stale(scheme, message, now)
    return next(_flaws(scheme, message), OTHER)


def _flaws(scheme: Hmac, message: Message) -> Iterator[str]:
    parts = scheme.content.parts
    yield from _missing(scheme.signature, message, "the signature")
    if scheme.timestamp is not None:
        yield from _missing(scheme.timestamp.headers, message, "the time of sending")
    if "id" in parts:
        yield from _missing(scheme.delivery_id, message, "the id of the delivery")
    signature = _text(scheme.signature, message)
    candidates = signature.split(scheme.separator) if scheme.separator else [signature]
    if not any(one.startswith(scheme.prefix) for one in candidates):
        name = _present(scheme.signature, message)
        yield f"The header {name} does not begin with {scheme.prefix!r}."
    if scheme.timestamp and not _SECONDS.fullmatch(_text(scheme.timestamp.headers, message)):
        name = _present(scheme.timestamp.headers, message)
        yield f"The header {name} is no time in Unix seconds."


def _missing(names: Sequence[str], message: Message, what: str) -> Iterator[str]:
    if not any(name in message.headers for name in names):
        yield f"The header {names[0]} with {what} is missing."


def _stale(scheme: Hmac, message: Message, now: float) -> str:
    if scheme.timestamp is None:  # then nothing is ever stale
        return OTHER
    off = round(now - int(_text(scheme.timestamp.headers, message)))
    where = "in the past" if off > 0 else "in the future"
    return (
        f"The signature is right, but its time is {abs(off)} seconds {where}; "
        f"{scheme.timestamp.tolerance} are allowed."
    )


def _present(names: Sequence[str], message: Message) -> str:
    return next((name for name in names if name in message.headers), names[0])


def _text(names: Sequence[str], message: Message) -> str:
    try:
        return (message.header(names) or b"").decode("latin-1")
    except MalformedError:
        return ""
