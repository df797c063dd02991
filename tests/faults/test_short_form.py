"""The short form of `make faults`, as a whole command on servers of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from config.local.home import PROJECT
from tests import environment

PATIENCE = 500  # seconds; against hanging
COMMAND = (sys.executable, "-m", "config.local", "exec", "--temporary", "--")


@pytest.mark.timeout(PATIENCE + 60)
@pytest.mark.parametrize(
    "faults",
    ["F1,F2,F3,F4,F5", "F9,F10,F11,F19,F21", "F6,F7,F8,F12,F13,F14,F18,F20,F23", "F22"],
    ids=["workers", "Postgres", "Valkey and runs", "webhooks"],
)
def test_no_invariant_is_broken(
    faults: str, record_property: Callable[[str, object], None]
) -> None:
    session = {*environment.variables(), "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [*COMMAND, sys.executable, "-m", "tests.faults", "--quick", "--only", faults],
        cwd=PROJECT,
        env={name: value for name, value in os.environ.items() if name not in session},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    names = tuple(f"{name} " for name in faults.split(","))
    for line in done.stdout.splitlines():
        if line.startswith(names):
            record_property("short form", line)
