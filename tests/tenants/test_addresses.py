"""Who is at the other end, and whom an address counts for."""

from __future__ import annotations

import pytest

from tenants import addresses


@pytest.mark.parametrize(
    ("peer", "forwarded", "behind_proxy", "client"),
    [
        ("192.0.2.1", "", False, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", False, "192.0.2.1"),  # anybody may write the header
        ("10.0.0.2", "198.51.100.7", True, "198.51.100.7"),
        ("10.0.0.2", "192.0.2.9, 198.51.100.7", True, "198.51.100.7"),  # the first is forged
        ("10.0.0.2", "192.0.2.9,198.51.100.7", True, "198.51.100.7"),
        ("10.0.0.2", "198.51.100.7, nonsense", True, None),
        ("10.0.0.2", "", True, None),
        ("10.0.0.2", "::ffff:192.0.2.1", True, "192.0.2.1"),
        ("::ffff:192.0.2.1", "", False, "192.0.2.1"),
        ("2001:DB8::0001", "", False, "2001:db8::1"),
        ("fe80::1%eth0", "", False, "fe80::1"),
        ("", "", False, None),
        ("unix:", "", False, None),
    ],
)
def test_the_client(peer: str, forwarded: str, behind_proxy: bool, client: str | None) -> None:
    assert addresses.client_address(peer, forwarded, behind_proxy=behind_proxy) == client


@pytest.mark.parametrize(
    ("address", "subscriber"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::2", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("nonsense", addresses.UNKNOWN),
        ("", addresses.UNKNOWN),
    ],
)
def test_whom_an_address_counts_for(address: str, subscriber: str) -> None:
    assert addresses.subscriber(address) == subscriber
