from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.egress import EgressPolicy, networks

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "168.63.129.17",
    "::ffff:8.8.8.8",
    "2606:4700:4700::1111",
    "2001:200::1",
    "2a00:1450:4001:830::200e",
]
FORBIDDEN = [
    "0.0.0.1",
    "0.255.255.255",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.1.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:2::1",
    "2001:3::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2620:4f:8000::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "2606:4700::1%1",
    "fec0::1",
    "ff02::1",
    "",
    "localhost",
    "127.1",
    "0x7f000001",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_reached(address: str) -> None:
    assert EgressPolicy().permits(address)


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_that_is_not_public_may_not(address: str) -> None:
    assert not EgressPolicy().permits(address)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5"])
def test_the_operator_may_allow_private_networks(address: str) -> None:
    assert EgressPolicy(allow=networks("10.1.0.0/16, fd00:1::/32")).permits(address)


@pytest.mark.parametrize("address", ["10.2.0.1", "127.0.0.1", "fd00:2::1"])
def test_an_allowed_network_opens_no_other(address: str) -> None:
    assert not EgressPolicy(allow=networks("10.1.0.0/16,fd00:1::/32")).permits(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "::ffff:93.184.216.34", "10.1.2.3"])
def test_a_denied_network_wins_over_public_and_allowed(address: str) -> None:
    policy = EgressPolicy(allow=networks("10.0.0.0/8"), deny=networks("93.184.216.34,10.1.0.0/16"))
    assert not policy.permits(address)


@given(st.ip_addresses(v=4))
def test_the_mapped_form_of_an_address_is_judged_as_the_address(address: IPv4Address) -> None:
    policy = EgressPolicy()
    assert policy.permits(f"::ffff:{address}") == policy.permits(str(address))


@given(st.ip_addresses(v=4))
def test_no_private_address_by_the_standard_library_is_permitted(address: IPv4Address) -> None:
    assert address.is_global or not EgressPolicy().permits(str(address))


@given(st.ip_addresses(v=6))
def test_ipv6_outside_global_unicast_is_never_permitted(address: IPv6Address) -> None:
    if address not in ip_network("2000::/3") and not address.ipv4_mapped:
        assert not EgressPolicy().permits(str(address))


def test_a_list_of_networks_is_read_with_spaces_and_empty_entries() -> None:
    assert networks(" 10.0.0.0/8 ,, ::1 ") == (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    assert networks("") == ()


@pytest.mark.parametrize("entry", ["10.0.0.0/33", "10.0.0.1/8", "intranet"])
def test_an_entry_that_is_no_network_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match=f"'{entry}' is not a network"):
        networks(f"10.0.0.0/8,{entry}")


DENYING = EgressPolicy(deny_hosts=frozenset({"stepwell.example", "*.internal.example"}))


@pytest.mark.parametrize(
    "host",
    [
        "stepwell.example",
        "STEPWELL.Example",
        "stepwell.example.",
        "db.internal.example",
        "a.b.internal.example",
    ],
)
def test_a_denied_name_is_denied_however_it_is_written(host: str) -> None:
    assert not DENYING.permits_host(host)


@pytest.mark.parametrize(
    "host",
    ["shop.example", "www.stepwell.example", "internal.example", "notinternal.example", "1.2.3.4"],
)
def test_other_names_are_not_denied(host: str) -> None:
    assert DENYING.permits_host(host)
