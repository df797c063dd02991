"""Browsers by the names that people know."""

from __future__ import annotations

import pytest

from tenants import agents

_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (f"{_MAC} Chrome/130.0.0.0 Safari/537.36", "Chrome on macOS"),
        (f"{_MAC} Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0", "Edge on macOS"),
        (f"{_MAC} Version/18.0 Safari/605.1.15", "Safari on macOS"),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
            "Firefox on Linux",
        ),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/130.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) CriOS/130.0 Safari/604.1", "Chrome on iPhone"),
        ("curl/8.5.0", "curl"),
        ("something of its own", "something of its own"),
        ("x" * 300, "x" * 40),
        ("", "unknown"),
    ],
)
def test_a_browser_is_named(agent: str, device: str) -> None:
    assert agents.device(agent) == device
