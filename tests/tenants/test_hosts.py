"""Lists of hosts: how rules are read, and what they let through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.hosts import Hosts, read


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("api.example.com", "api.example.com"),
        (" API.Example.COM. ", "api.example.com"),
        ("*.Example.com", "*.example.com"),
        ("shop.example:8443", "shop.example:8443"),
        ("*.shop.example:8443", "*.shop.example:8443"),
        ("localhost", "localhost"),
        ("my_service:80", "my_service:80"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("\uff45xample.com", "example.com"),
        ("10.0.0.7", "10.0.0.7"),
        ("10.0.0.7:8000", "10.0.0.7:8000"),
        ("[FD00:0::7]", "[fd00::7]"),
        ("[::1]:8000", "[::1]:8000"),
    ],
)
def test_a_rule_is_kept_in_one_spelling(typed: str, kept: str) -> None:
    assert read(typed) == kept
    assert read(kept) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "*",
        "*.",
        "*.com",
        "*.10.0.0.7",
        "*.[::1]",
        "a.*.example",
        "*.*.example.com",
        "https://api.example.com",
        "api.example.com/path",
        "me@api.example.com",
        "api.example.com:",
        "api.example.com:0",
        "api.example.com:65536",
        "api.example.com:x",
        "api..example.com",
        ".example.com",
        "-a.example",
        "a b.example",
        "a,b.example",
        "a\x00b.example",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "1.2.3.256",
        "1.2.3.04",
        "::1",
        "[::1",
        "[fe80::1%eth0",
        "[example.com]",
        "xn--bücher.example",
        "a" * 64 + ".example",
        "a." * 130 + "example",
    ],
)
def test_what_is_no_host_is_refused_with_a_sentence(typed: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        read(typed)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        kept = read(text)
    except ValueError:
        return
    assert read(kept) == kept


@pytest.mark.parametrize(
    ("rule", "url"),
    [
        ("shop.example", "https://shop.example/orders?x=1"),
        ("shop.example", "http://shop.example/"),
        ("shop.example", "https://shop.example:443/"),
        ("shop.example", "https://SHOP.example./"),
        ("*.shop.example", "https://eu.shop.example/"),
        ("*.shop.example", "https://a.b.shop.example/"),
        ("shop.example:8443", "https://shop.example:8443/"),
        ("shop.example:443", "https://shop.example/"),
        ("bücher.example", "https://bücher.example/"),
        ("bücher.example", "https://xn--bcher-kva.example/"),
        ("[::1]:80", "http://[0:0::1]/"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000/"),
    ],
)
def test_a_rule_lets_its_host_through(rule: str, url: str) -> None:
    assert Hosts((read(rule),)).allow(url)


@pytest.mark.parametrize(
    ("rule", "url"),
    [
        ("shop.example", "https://eu.shop.example/"),
        ("shop.example", "https://shop.example.evil.test/"),
        ("shop.example", "https://evilshop.example/"),
        ("shop.example", "https://shop.example:8443/"),
        ("shop.example", "https://shop.example:80/"),
        ("shop.example", "https://shop.example@evil.test/"),
        ("shop.example", "https://evil.test/shop.example"),
        ("shop.example", "https://evil.test/?shop.example"),
        ("shop.example", "https://evil.test#shop.example"),
        ("*.shop.example", "https://shop.example/"),
        ("*.shop.example", "https://.shop.example/"),
        ("*.shop.example", "https://evilshop.example/"),
        ("*.shop.example", "https://eu.shop.example:8443/"),
        ("shop.example:8443", "https://shop.example/"),
        ("127.0.0.1", "http://127.1/"),
        ("127.0.0.1", "http://2130706433/"),
        ("10.0.0.7", "http://1.10.0.0.7/"),
        ("shop.example", "https:///orders"),
    ],
)
def test_a_rule_lets_nobody_else_through(rule: str, url: str) -> None:
    assert not Hosts((read(rule),)).allow(url)


def test_an_empty_list_is_any_host() -> None:
    assert Hosts().allow("https://anywhere.test/")
    assert str(Hosts()) == "any host"


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ((), ()),
        ((), ("a.example",)),
        (("a.example",), ("a.example",)),
        (("a.example", "b.example"), ("b.example",)),
        (("*.a.example",), ("eu.a.example",)),
        (("*.a.example",), ("*.eu.a.example",)),
        (("*.a.example",), ("*.a.example",)),
    ],
)
def test_a_list_covers_a_narrower_one(wide: tuple[str, ...], narrow: tuple[str, ...]) -> None:
    assert Hosts(wide).cover(narrow)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (("a.example",), ()),
        (("a.example",), ("a.example", "b.example")),
        (("a.example",), ("*.a.example",)),
        (("*.a.example",), ("a.example",)),
        (("*.eu.a.example",), ("*.a.example",)),
        (("a.example",), ("a.example:8443",)),
        (("a.example:8443",), ("a.example",)),
    ],
)
def test_a_list_does_not_cover_a_wider_one(wide: tuple[str, ...], narrow: tuple[str, ...]) -> None:
    assert not Hosts(wide).cover(narrow)
