"""Signatures of incoming webhooks: pure, on bytes, and never an exception for any request.

The published libraries raise half a dozen kinds of exception on malformed input; here all of it
is the verdict `bad_signature`. Schemes and their rules: presets.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import diagnosis, generic, twilio
from .generic import GenericOptions
from .message import BAD_SIGNATURE, Message, Verdict
from .presets import DEFAULT, SCHEMES
from .schemes import Scheme
from .twilio import TwilioOptions

__all__ = [
    "DEFAULT",
    "OPTIONS",
    "SCHEMES",
    "GenericOptions",
    "Message",
    "Options",
    "Scheme",
    "TwilioOptions",
    "Verdict",
    "check_secret",
    "explain",
    "new_secret",
    "sign",
    "verify",
]

Options = GenericOptions | TwilioOptions

# The schemes that have options, and which.
OPTIONS: dict[str, type[Options]] = {"twilio": TwilioOptions, "generic": GenericOptions}


def verify(
    scheme: str, options: Options | None, secrets: Sequence[str], message: Message, now: float
) -> Verdict:
    """Judge a request at `now` (Unix seconds).

    `secrets` are all that are active, so that a rotation has an overlap. Without `options` a
    scheme that has some takes the defaults. A scheme that does not exist accepts nothing.
    """
    chosen = _scheme(scheme, options)
    return BAD_SIGNATURE if chosen is None else chosen.verify(secrets, message, now)


def explain(
    scheme: str, options: Options | None, verdict: Verdict, message: Message, now: float
) -> str:
    """Why `verify` refused a request, for the holder of the secret and nobody else."""
    return diagnosis.explain(_scheme(scheme, options), verdict, message, now)


def sign(
    scheme: str,
    options: Options | None,
    secret: str,
    message: Message,
    *,
    delivery_id: str,
    timestamp: int,
) -> dict[str, str]:
    """The headers (lower-case names) with which `verify` accepts the message.

    `timestamp` is in Unix seconds. An id or a time that the scheme reads from the body is the
    caller's to put there. Raises `ValueError` for an unknown scheme or a secret that does not
    have the scheme's form.
    """
    return _existing(scheme, options).sign(secret, message, delivery_id, timestamp)


def check_secret(scheme: str, secret: str) -> None:
    """Raises `ValueError` for a secret that is too short or does not have the scheme's form.

    An empty one is right where the provider chooses it: it matches nothing until it is replaced.
    """
    _existing(scheme, None).check_secret(secret)


def new_secret(scheme: str) -> str:
    """A fresh secret of 256 bits in the scheme's form; empty for `none`.

    Raises `ValueError` where the provider chooses the secret itself.
    """
    return _existing(scheme, None).new_secret()


def _scheme(name: str, options: Options | None) -> Scheme | None:
    match name, options:
        case "generic", GenericOptions():
            return generic.scheme(options)
        case "twilio", TwilioOptions():
            return twilio.scheme(options)
    return SCHEMES.get(name)


def _existing(name: str, options: Options | None) -> Scheme:
    scheme = _scheme(name, options)
    if scheme is None:
        raise ValueError(f"There is no signature scheme {name!r}; choose one of {_choices()}.")
    return scheme


def _choices() -> str:
    return ", ".join(SCHEMES)
