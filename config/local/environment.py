"""The environment of the product's processes on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping

from config.local import secrets
from config.local.errors import RunnerError
from config.local.home import Home

LOOPBACK = "127.0.0.1/32"


def port() -> int:
    """The port to serve on: PORT, else 8000."""
    text = os.environ.get("PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise RunnerError(f"PORT={text} is no port. Give a number from 1 to 65535.")
    return int(text)


def variables(home: Home, urls: Mapping[str, str]) -> dict[str, str]:
    """What a person has set wins over what the runner chooses; `urls` are of its own servers."""
    address = f"http://127.0.0.1:{port()}"
    given = {name: value for name, value in os.environ.items() if value}
    # The demo calls a server on this machine, and no step may without this.
    egress = ",".join(filter(None, [given.get("STEPWELL_EGRESS_ALLOW"), LOOPBACK]))
    return {
        "STEPWELL_PUBLIC_URL": address,
        **secrets.load(home.file("secrets.json")),
        **given,
        **urls,
        "STEPWELL_EGRESS_ALLOW": egress,
        "STEPWELL_HOME": str(home.root),
        "PORT": str(port()),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONUNBUFFERED": "1",
    }
