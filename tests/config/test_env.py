"""What is read from the environment, and what is refused there."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env
from tenants.gcra import Rate

NAME = "STEPWELL_MAX_WAIT_SECONDS"


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("0.5", 0.5), (" 60 ", 60.0)])
def test_seconds_are_read(text: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, text)
    assert env.seconds(NAME, default=25.0, most=60.0) == seconds


def test_what_is_not_set_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    assert env.seconds(NAME, default=25.0, most=60.0) == 25.0


@pytest.mark.parametrize("text", ["", "-1", "60.1", "nan", "inf", "1e9", "ten"])
def test_what_is_no_number_of_seconds_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, text)
    with pytest.raises(ImproperlyConfigured, match="is not 0 to 60 seconds"):
        env.seconds(NAME, default=25.0, most=60.0)


def test_denied_networks_and_hosts_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "203.0.113.7, Stepwell.example. ,*.internal.example,fd00::/8")
    assert env.networks_and_hosts("X") == (
        (ip_network("203.0.113.7/32"), ip_network("fd00::/8")),
        ("stepwell.example", "*.internal.example"),
    )


@pytest.mark.parametrize(
    "text", ["10.0.0.1/8", "1.2.3", "a b", "*", "a.*.b", "http://a.example", "-a"]
)
def test_what_is_neither_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("X", text)
    with pytest.raises(ImproperlyConfigured, match="neither a CIDR block nor a host name"):
        env.networks_and_hosts("X")


@pytest.mark.parametrize("text", ["fast", "100", "100/day", "-5/s"])
def test_what_is_no_rate_keeps_a_process_from_starting(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPWELL_RATE_WRITES", text)
    with pytest.raises(ImproperlyConfigured, match=r"^STEPWELL_RATE_WRITES: .* Give e\.g\. "):
        env.rate("STEPWELL_RATE_WRITES", default="20/min")


def test_a_rate_of_nought_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPWELL_RATE_WRITES", "0")
    assert env.rate("STEPWELL_RATE_WRITES", default="20/min") is None
    monkeypatch.delenv("STEPWELL_RATE_WRITES")
    assert env.rate("STEPWELL_RATE_WRITES", default="20/min") == Rate(20, 60)


@pytest.mark.parametrize("text", ["", "-1", "ten", "1.5", "1e3", "٣"])
def test_what_is_no_count_keeps_a_process_from_starting(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPWELL_MAX_STEPS", text)
    with pytest.raises(ImproperlyConfigured, match=r"^STEPWELL_MAX_STEPS: .* Give e\.g\. 50$"):
        env.count("STEPWELL_MAX_STEPS", default=50)


def test_a_count_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPWELL_MAX_STEPS", " 0 ")
    assert env.count("STEPWELL_MAX_STEPS", default=50) == 0
    monkeypatch.delenv("STEPWELL_MAX_STEPS")
    assert env.count("STEPWELL_MAX_STEPS", default=50) == 50
