"""Signatures of incoming webhooks: pure, on bytes, and never an exception for any request.

The published libraries raise half a dozen kinds of exception on malformed input; here all of it
is the verdict `bad_signature`. Schemes and their rules: presets.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from . import diagnosis, generic
from .generic import GenericOptions
from .message import BAD_SIGNATURE, Message, Verdict
from .presets import DEFAULT, SCHEMES
from .schemes import Scheme

__all__ = [
    "DEFAULT",
    "SCHEMES",
    "GenericOptions",
    "Scheme",
    "Verdict",
    "check_secret",
    "explain",
    "new_secret",
    "sign",
    "verify",
]


def verify(
    scheme: str,
    options: GenericOptions | None,
    secrets: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    now: float,
) -> Verdict:
    """Judge a request by its headers (lower-case names) and raw body at `now` (Unix seconds).

    `secrets` are all that are active, so that a rotation has an overlap. `options` are read by
    the scheme `generic` only. A scheme that does not exist accepts nothing.
    """
    chosen = _scheme(scheme, options)
    if chosen is None:
        return BAD_SIGNATURE
    return chosen.verify(secrets, Message(headers, body), now)


def explain(
    scheme: str,
    options: GenericOptions | None,
    verdict: Verdict,
    headers: Mapping[str, str],
    now: float,
) -> str:
    """Why `verify` refused a request, for the holder of the secret and nobody else."""
    return diagnosis.explain(_scheme(scheme, options), verdict, headers, now)


def sign(
    scheme: str,
    options: GenericOptions | None,
    secret: str,
    body: bytes,
    *,
    delivery_id: str,
    timestamp: int,
) -> dict[str, str]:
    """The headers (lower-case names) of a request that `verify` accepts.

    `timestamp` is in Unix seconds. Raises `ValueError` for an unknown scheme or a secret that
    does not have the scheme's form.
    """
    return _existing(scheme, options).sign(secret, body, delivery_id, timestamp)


def check_secret(scheme: str, secret: str) -> None:
    """Raises `ValueError` for a secret that is too short or does not have the scheme's form."""
    _existing(scheme, None).check_secret(secret)


def new_secret(scheme: str) -> str:
    """A fresh secret of 256 bits in the scheme's form; empty for `none`."""
    return _existing(scheme, None).new_secret()


def _scheme(name: str, options: GenericOptions | None) -> Scheme | None:
    if name == "generic" and options is not None:
        return generic.scheme(options)
    return SCHEMES.get(name)


def _existing(name: str, options: GenericOptions | None) -> Scheme:
    scheme = _scheme(name, options)
    if scheme is None:
        raise ValueError(f"There is no signature scheme {name!r}; choose one of {_choices()}.")
    return scheme


def _choices() -> str:
    return ", ".join(SCHEMES)
