"""Network addresses: who is at the other end, and whom an address counts for. Pure.

An IPv4 address that is written inside an IPv6 one (::ffff:192.0.2.1) is that IPv4 address.
"""

from __future__ import annotations

import ipaddress

UNKNOWN = "unknown"  # all of them together

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse(text: str) -> Address | None:
    """The address, or None for what is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])  # the zone is no part of it
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def client_address(peer: str, forwarded: str, *, behind_proxy: bool) -> str | None:
    """Who sent a request; None if that cannot be told.

    `peer` is the other end of the connection. Behind a proxy that is the proxy, and the client is
    the last entry of X-Forwarded-For: the proxy wrote it, the ones before came with the request.
    """
    said = forwarded.rpartition(",")[2] if behind_proxy else peer
    address = parse(said.strip())
    return None if address is None else str(address)


def subscriber(address: str) -> str:
    """The address; of IPv6 the network of 64 bits around it, which one subscriber has whole."""
    parsed = parse(address)
    if parsed is None:
        return UNKNOWN
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))
