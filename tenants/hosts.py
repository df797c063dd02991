"""Where a secret, or a tenant's calls, may go: lists of hosts, as people write them and as
addresses are held against.

A rule is the name of a host (`api.example.com`), all names below one (`*.example.com`, which does
not include `example.com`), or an IP address (`10.0.0.7`, `[fd00::7]`), each with or without a port.
Without one the rule means the usual ports, 443 for https and 80 for http.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

import idna

MAX_HOSTS = 20  # of a secret
MAX_EGRESS_HOSTS = 50  # of a tenant
MAX_RULE_LENGTH = 300  # characters of one rule as it is typed
MAX_SHOWN = 5  # rules in a message

_USUAL_PORTS = {"http": 80, "https": 443}
_WILDCARD = "*."
_RULE = re.compile(r"(?P<host>\[[^\[\]]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_EXAMPLES = "write it like api.example.com, *.example.com or api.example.com:8443"


@dataclass(frozen=True)
class _Rule:
    """One entry of a list: `host` without the `*.` of a wildcard."""

    host: str
    port: int | None
    wildcard: bool

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"{_WILDCARD if self.wildcard else ''}{self.host}{port}"

    def covers(self, other: _Rule) -> bool:
        """Whether all that the other one allows is allowed by this one."""
        if self.port != other.port:
            return False
        if self.wildcard:
            beneath = other.host.endswith(f".{self.host}")
            return beneath or (other.wildcard and other.host == self.host)
        return not other.wildcard and other.host == self.host


@dataclass(frozen=True)
class Hosts:
    """A list of rules that were read by `read`; an empty one means any host."""

    rules: tuple[str, ...] = ()

    def allow(self, url: str) -> bool:
        """Whether a call may go to this address, given as it will be connected to."""
        if not self.rules:
            return True
        try:
            parts = urlsplit(url)
            host, port = _host(parts.hostname or ""), parts.port
        except ValueError:
            return False  # it is no host's
        usual = _USUAL_PORTS.get(parts.scheme)
        called = [_Rule(host, port or usual, wildcard=False)]
        if port in (None, usual):
            called.append(_Rule(host, None, wildcard=False))
        return any(_read(rule).covers(target) for rule in self.rules for target in called)

    def cover(self, others: Iterable[str]) -> bool:
        """Whether a list of these rules (none means any host) allows nothing that this does not."""
        narrower = [_read(rule) for rule in others]
        if not self.rules:
            return True
        own = [_read(rule) for rule in self.rules]
        return bool(narrower) and all(any(mine.covers(it) for mine in own) for it in narrower)

    def shown(self) -> str:
        """The list for a message: its first rules, and how many there are further."""
        further = len(self.rules) - MAX_SHOWN
        if further <= 0:
            return str(self)
        return f"{', '.join(self.rules[:MAX_SHOWN])} and {further} more"

    def __str__(self) -> str:
        return ", ".join(self.rules) or "any host"


def read(text: str) -> str:
    """The rule in the one spelling in which it is kept: lower case, IDNA. ValueError says how."""
    return str(_read(text.strip()))


def _read(text: str) -> _Rule:
    if "/" in text or "@" in text:
        raise ValueError(f"Give the host only, without https:// and path: {_EXAMPLES}.")
    wildcard = text.startswith(_WILDCARD)
    found = _RULE.fullmatch(text.removeprefix(_WILDCARD))
    if found is None or len(text) > MAX_RULE_LENGTH:
        raise ValueError(f"This is not a host; {_EXAMPLES}.")
    port = None if found["port"] is None else int(found["port"])
    if port is not None and not 1 <= port <= 65_535:
        raise ValueError("A port is a number from 1 to 65535.")
    host = _host(found["host"])
    if wildcard and ("." not in host or _is_address(host)):
        raise ValueError("A wildcard stands before a domain, such as *.example.com.")
    return _Rule(host, port, wildcard)


def _host(text: str) -> str:
    """A name in lower case and ASCII without a final dot, or an IP address in its usual form."""
    if ":" in text or text.startswith("["):
        return f"[{IPv6Address(text.strip('[]')).compressed}]"
    name = text.lower().removesuffix(".")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii").removesuffix(".")
        except (idna.IDNAError, UnicodeError):
            name = ""
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise ValueError(f"This is not a host; {_EXAMPLES}.")
    if name.rpartition(".")[2].isdigit() or re.fullmatch(r"(?:.*\.)?0x[0-9a-f]*", name):
        return str(IPv4Address(name))  # nothing else may end in a number (WHATWG URL 4.3)
    return name


def _is_address(host: str) -> bool:
    return host.startswith("[") or host.rpartition(".")[2].isdigit()
