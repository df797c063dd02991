"""Who may send."""

from __future__ import annotations

import ipaddress
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks import addresses
from webhooks.addresses import MAX_ALLOWED, AllowListError


@pytest.mark.parametrize(
    ("entry", "spelled"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7/32 ", "192.0.2.7"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("2001:DB8:0:0::/32", "2001:db8::/32"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("::/0", "::/0"),
    ],
)
def test_an_entry_in_its_shortest_spelling(entry: str, spelled: str) -> None:
    assert addresses.normalised([entry]) == [spelled]


def test_each_network_stands_once() -> None:
    given_twice = ["192.0.2.7", "::ffff:192.0.2.7", "10.0.0.0/8", "192.0.2.7/32"]
    assert addresses.normalised(given_twice) == ["192.0.2.7", "10.0.0.0/8"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("example.com", "no IP address or network"),
        ("192.0.2.256", "no IP address or network"),
        ("192.0.2.1/33", "no IP address or network"),
        ("192.0.2.1:443", "no IP address or network"),
        ("", "no IP address or network"),
        ("192.0.2.1/24", "Did you mean 192.0.2.0/24?"),
        ("2001:db8::1/32", "Did you mean 2001:db8::/32?"),
    ],
)
def test_what_is_none_is_said_with_its_place(entry: str, said: str) -> None:
    with pytest.raises(AllowListError) as refused:
        addresses.normalised(["10.0.0.0/8", entry])
    assert refused.value.index == 1
    assert said in refused.value.message


def test_a_list_has_an_end() -> None:
    entries = [f"10.0.{number}.0/24" for number in range(MAX_ALLOWED + 1)]
    assert len(addresses.normalised(entries[:-1])) == MAX_ALLOWED
    with pytest.raises(AllowListError, match="100 addresses at most"):
        addresses.normalised(entries)


@pytest.mark.parametrize(
    ("allowed", "client", "verdict"),
    [
        ([], None, True),
        ([], "192.0.2.1", True),
        (["192.0.2.0/24"], "192.0.2.255", True),
        (["192.0.2.0/24"], "192.0.3.0", False),
        (["192.0.2.0/24"], "::ffff:192.0.2.1", True),
        (["192.0.2.0/24"], "2001:db8::1", False),
        (["192.0.2.0/24", "2001:db8::/32"], "2001:db8:1::1", True),
        (["192.0.2.0/24"], None, False),  # who cannot be told is let in by nobody
        (["192.0.2.0/24"], "nonsense", False),
    ],
)
def test_who_may_send(allowed: list[str], client: str | None, verdict: bool) -> None:
    assert addresses.is_allowed(json.dumps(allowed), client) is verdict


@given(st.ip_addresses() | st.ip_addresses().map(lambda one: ipaddress.ip_network(one)))
def test_what_is_normalised_stays_so_and_lets_itself_in(entry: object) -> None:
    spelled = addresses.normalised([str(entry)])
    assert addresses.normalised(spelled) == spelled
    assert addresses.is_allowed(json.dumps(spelled), str(entry).partition("/")[0])
