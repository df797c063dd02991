"""Who may send: the addresses that an endpoint takes requests from. Pure.

An IPv4 address that is written inside an IPv6 one (::ffff:192.0.2.1) is that IPv4 address.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from functools import lru_cache

from tenants.addresses import parse

MAX_ALLOWED = 100  # entries of an allow-list

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


class AllowListError(ValueError):
    """`index` is the entry that is none; None: it is the whole list."""

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.message, self.index = message, index


def normalised(entries: Sequence[str]) -> list[str]:
    """An allow-list in its shortest spelling, each network once. Raises AllowListError."""
    if len(entries) > MAX_ALLOWED:
        raise AllowListError(f"There may be {MAX_ALLOWED} addresses at most, not {len(entries)}.")
    networks = [_network(entry, index) for index, entry in enumerate(entries)]
    return [_spelled(network) for network in dict.fromkeys(networks)]


def is_allowed(allow_list: str, client: str | None) -> bool:
    """Whether a client may send. The list is a JSON array; an empty one lets everybody."""
    networks = _networks(allow_list)
    if not networks:
        return True
    address = None if client is None else parse(client)
    return address is not None and any(address in network for network in networks)


@lru_cache(maxsize=1024)
def _networks(allow_list: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(entry) for entry in json.loads(allow_list))


def _network(text: str, index: int) -> Network:
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise AllowListError(
            f"{text[:60]!r} is no IP address or network. Give e.g. 192.0.2.7, 192.0.2.0/24 or "
            "2001:db8::/32.",
            index,
        ) from None
    if network.network_address != ipaddress.ip_interface(text.strip()).ip:
        raise AllowListError(
            f"{text[:60]!r} has bits set behind its prefix. Did you mean {network}?", index
        )
    return _unmapped(network)


def _unmapped(network: Network) -> Network:
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        return ipaddress.IPv4Network((int(mapped or 0), network.prefixlen - 96))
    return network


def _spelled(network: Network) -> str:
    is_one = network.prefixlen == network.max_prefixlen
    return str(network.network_address if is_one else network)
