"""Which addresses the product's outgoing calls may reach.

Only globally reachable unicast addresses pass, by our own lists: `ipaddress.is_global` and
`is_private` change their answers between Python releases. The lists follow the IANA
special-purpose registries (RFC 6890 and its updates) and add what clouds serve privately.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_V4_REFUSED = tuple(
    IPv4Network(cidr)
    for cidr in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier NAT; some clouds keep their metadata here
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's host agent, on a public-looking address
        "169.254.0.0/16",  # link-local; cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT relays
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# Global unicast is the only part of IPv6 that is in public use, so everything outside is refused:
# loopback, link-local, site-local, unique local, multicast, NAT64, SIIT and compatible forms.
_V6_GLOBAL = IPv6Network("2000::/3")
_V6_REFUSED = tuple(
    IPv6Network(cidr)
    for cidr in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks, AMT
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: embeds any IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


@dataclass(frozen=True)
class EgressPolicy:
    """Public addresses, plus the operator's `allow`, minus the operator's `deny` (which wins).

    `deny` is for the deployment's own public addresses. `deny_hosts` are names in lower case, which
    are not even looked up; `*.example.com` stands for all names below example.com.
    """

    allow: tuple[Network, ...] = ()
    deny: tuple[Network, ...] = ()
    deny_hosts: frozenset[str] = frozenset()

    def permits_host(self, host: str) -> bool:
        """Whether the name itself is not denied; what it stands for today is another question."""
        name = host.lower().rstrip(".")
        labels = name.split(".")
        above = (".".join(labels[start:]) for start in range(1, len(labels)))
        return self.deny_hosts.isdisjoint({name, *(f"*.{parent}" for parent in above)})

    def permits(self, address: str) -> bool:
        """Whether a connection to this address, written as the socket module does, is allowed."""
        try:
            candidate = _unwrapped(ip_address(address))
        except ValueError:
            return False
        if _within(candidate, self.deny):
            return False
        return _within(candidate, self.allow) or _is_public(candidate)


def networks(text: str) -> tuple[Network, ...]:
    """Read a comma-separated list of CIDRs; ValueError names the entry that is none."""
    return tuple(_network(entry.strip()) for entry in text.split(",") if entry.strip())


def _network(entry: str) -> Network:
    try:
        return ip_network(entry)
    except ValueError as error:
        raise ValueError(
            f"'{entry}' is not a network; write it like 10.1.0.0/16 or fd00:1::/32."
        ) from error


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside ::ffff:0:0/96, which the kernel connects to as IPv4."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _within(address: Address, ranges: tuple[Network, ...]) -> bool:
    return any(address in network for network in ranges)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not _within(address, _V4_REFUSED)
    # A zone id ("%eth0") makes an address local to a link, whatever its digits are.
    return address.scope_id is None and address in _V6_GLOBAL and not _within(address, _V6_REFUSED)
