"""Where the servers' programs lie in the wheels that bring them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from config.local.errors import RunnerError


def find(package: str, pattern: str) -> Path:
    """The file of an installed package, found without importing it.

    Importing these packages has effects: one makes directories, the other loads its client.
    """
    spec = find_spec(package)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for found in Path(place).glob(pattern):
            return found
    raise RunnerError(
        f"The package {package} brings no {Path(pattern).name} for this machine. "
        "Set DATABASE_URL, DATABASE_OWNER_URL and REDIS_URL to use servers of your own."
    )
