"""The environment, typed. A value may also come from the file in `<NAME>_FILE` (a secret)."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from tenants import gcra
from tenants.gcra import Rate

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*\.?")  # others as DNS has them: xn--...
_LETTER = re.compile("[A-Za-z]")  # without one it is a mistyped address


def read() -> environ.FileAwareEnv:
    """Return the reader of this process's environment."""
    return environ.FileAwareEnv()


def networks(name: str) -> tuple[Network, ...]:
    """Read a comma-separated list of CIDR blocks, e.g. `127.0.0.1/32,10.1.0.0/16`."""
    blocks = [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()]
    try:
        return tuple(ipaddress.ip_network(block) for block in blocks)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name}: {error}. Give CIDR blocks, e.g. 127.0.0.1/32"
        ) from None


def networks_and_hosts(name: str) -> tuple[tuple[Network, ...], tuple[str, ...]]:
    """Read CIDR blocks and host names, e.g. `203.0.113.7,stepwell.example,*.internal.example`."""
    blocks, hosts = [], []
    for part in filter(None, map(str.strip, os.environ.get(name, "").split(","))):
        try:
            blocks.append(ipaddress.ip_network(part))
        except ValueError:
            if not _HOST.fullmatch(part) or not _LETTER.search(part):
                raise ImproperlyConfigured(
                    f"{name}: {part!r} is neither a CIDR block nor a host name. Give e.g. "
                    "10.1.0.0/16, stepwell.example or *.internal.example"
                ) from None
            hosts.append(part.lower().rstrip("."))
    return tuple(blocks), tuple(hosts)


def rate(name: str, default: str) -> Rate | None:
    """Read a rate such as `100/min`; None for `0`, which means no limit."""
    try:
        return gcra.parse(os.environ.get(name, default))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from None


def count(name: str, default: int) -> int:
    """Read a whole number, 0 or more."""
    text = os.environ.get(name, str(default)).strip()
    if not re.fullmatch("[0-9]{1,15}", text):
        raise ImproperlyConfigured(f"{name}: {text!r} is no whole number. Give e.g. {default}")
    return int(text)


def days(name: str, default: int) -> int:
    """Read a number of days, 1 or more."""
    text = os.environ.get(name, str(default)).strip()
    if not re.fullmatch("[1-9][0-9]{0,4}", text):
        raise ImproperlyConfigured(f"{name}: {text!r} is no number of days. Give e.g. {default}")
    return int(text)


def choice(name: str, default: str, *others: str) -> str:
    """Read one of a few words."""
    word = os.environ.get(name, default).strip()
    if word not in (default, *others):
        words = " or ".join(sorted((default, *others)))
        raise ImproperlyConfigured(f"{name}: {word!r} is not known. Give {words}")
    return word


def seconds(name: str, default: float, most: float) -> float:
    """Read a number of seconds, `most` at most."""
    text = os.environ.get(name, str(default)).strip()
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text) or float(text) > most:
        raise ImproperlyConfigured(f"{name}: {text!r} is not 0 to {most:g} seconds")
    return float(text)


def broker_url(redis_url: str) -> str:
    """Spell a Redis URL as kombu wants it: `unix:///s?db=1` is `redis+socket:///s?virtual_host=1`."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={database}"


def database(url_name: str, options: Mapping[str, object]) -> dict[str, object]:
    """Django's DATABASES entry for the Postgres URL in the variable `url_name`."""
    entry = dict(read().db(url_name))
    if "postgres" not in str(entry.get("ENGINE")):
        raise ImproperlyConfigured(f"{url_name}: Stepwell runs on PostgreSQL, give postgres://...")
    given = entry.get("OPTIONS") or {}
    return {
        **entry,
        "HOST": unquote(str(entry["HOST"])),  # a socket's directory is spelt %2Frun%2Fpostgresql
        "ENGINE": "django_rls.backends.postgresql",
        "CONN_MAX_AGE": 0,
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {**options, **given},
    }


def path(name: str, default: Path) -> Path:
    """Read a file-system path."""
    return Path(os.environ.get(name, str(default)))
