"""Whom a request counts for by its network address. Pure."""

from __future__ import annotations

import ipaddress

UNKNOWN = "unknown"  # all of them together


def client_network(peer: str, forwarded: str, *, behind_proxy: bool) -> str:
    """The sender's address; of IPv6 the network of 64 bits, which one subscriber has whole.

    `peer` is the other end of the connection. Behind a proxy that is the proxy, and the client is
    the last entry of X-Forwarded-For: the proxy wrote it, the ones before came with the request.
    """
    said = forwarded.rpartition(",")[2] if behind_proxy and forwarded else peer
    try:
        address = ipaddress.ip_address(said.strip().partition("%")[0])
    except ValueError:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
