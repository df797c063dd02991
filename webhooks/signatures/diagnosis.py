"""Why a request was refused, for who debugs it; never for who sent it."""

from __future__ import annotations

from collections.abc import Iterator

from .message import MalformedError, Message, Verdict
from .places import Field, Header, HeaderItem, Place
from .schemes import BySecret, Hmac, Scheme, Token
from .times import Timestamp

OTHER = (
    "The signature is well-formed and is not of this body. Either it was made with another secret, "
    "or what was signed is not what was sent, such as JSON that was written anew after signing."
)
_TIME = "the time of sending"


def explain(scheme: Scheme | None, verdict: Verdict, message: Message, now: float) -> str:
    """One sentence or two about a verdict that is not ok, at `now` (Unix seconds).

    Says nothing from which a right signature could be made.
    """
    match scheme:
        case BySecret(signed, plain):
            token = isinstance(plain, Token) and _read(plain.token, message) is not None
            return explain(plain if token else signed, verdict, message, now)
        case Token():
            wrong = f"{_named(scheme.token)} is not the endpoint's secret."
            return next(_missing(scheme.token, message, "the secret"), wrong)
        case Hmac(timestamp=Timestamp() as timestamp) if verdict.reason == "stale":
            return _stale(timestamp, message, now)
        case Hmac():
            return next(_flaws(scheme, message), OTHER)
        case _:
            return "The request does not prove that it comes from the holder of the secret."


def _flaws(scheme: Hmac, message: Message) -> Iterator[str]:
    signature = Header(scheme.signatures.names)
    yield from _missing(signature, message, "the signature")
    if scheme.timestamp is not None:
        yield from _missing(scheme.timestamp.place, message, _TIME)
    if scheme.delivery_id is not None and "id" in scheme.content.parts:
        yield from _missing(scheme.delivery_id, message, "the id of the delivery")
    if not _signatures(scheme, message):
        prefix = scheme.signatures.prefix
        yield f"{_named(signature, message)} has nothing that begins with {prefix!r}."
    if scheme.timestamp is not None and not _is_time(scheme.timestamp, message):
        yield f"{_named(scheme.timestamp.place, message)} is no time as the scheme writes it."


def _missing(place: Place, message: Message, what: str) -> Iterator[str]:
    if _read(place, message) is None:
        yield f"{_named(place)} with {what} is missing."


def _stale(timestamp: Timestamp, message: Message, now: float) -> str:
    off = round(now - timestamp.notation.read(_read(timestamp.place, message) or b""))
    where = "in the past" if off > 0 else "in the future"
    return (
        f"The signature is right, but its time is {abs(off)} seconds {where}; "
        f"{timestamp.tolerance} are allowed."
    )


def _is_time(timestamp: Timestamp, message: Message) -> bool:
    try:
        timestamp.is_stale(message, 0)
    except MalformedError:
        return False
    return True


def _signatures(scheme: Hmac, message: Message) -> list[bytes]:
    try:
        return scheme.signatures.read(message)
    except MalformedError:
        return []


def _read(place: Place, message: Message) -> bytes | None:
    """The value, empty where it is there and cannot be read."""
    try:
        return place.read(message)
    except MalformedError:
        return b""


def _named(place: Place, message: Message | None = None) -> str:
    """The place in words; of several names of a header the one that the message has."""
    match place:
        case Header(names):
            present = message.headers if message else {}
            return f"The header {next((name for name in names if name in present), names[0])}"
        case HeaderItem(name, key):
            return f"The part {key}= of the header {name}"
        case Field(path):
            return f"The field {'.'.join(path)} of the body"
        case _:
            return "The place"
