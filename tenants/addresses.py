"""Whom a network address counts for. Pure."""

from __future__ import annotations

import ipaddress

UNKNOWN = "unknown"  # all of them together


def subscriber(address: str) -> str:
    """The address; of IPv6 the network of 64 bits around it, which one subscriber has whole."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return UNKNOWN
    if not isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))
