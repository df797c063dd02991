"""Migrates the database, unless nothing that could change it has changed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from config.local.errors import RunnerError
from config.local.home import PROJECT, Home
from config.local.servers import Servers

APPS = ("tenants", "workflows", "executions", "webhooks")


def migrate(home: Home, servers: Servers, environment: Mapping[str, str]) -> None:
    """Run `manage.py migrate`; with a Postgres of ours, only after a change of the code.

    The mark of what was done lies beside the data, so that it goes where the data goes.
    """
    mark = servers.postgres.place / "migrated" if servers.postgres else None
    code = digest()
    if mark and mark.exists() and mark.read_text() == code:
        return
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=PROJECT,
        env=dict(environment),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        home.log("migrate").write_text(done.stderr)
        raise RunnerError(f"The database could not be migrated; {home.log('migrate')} says why.")
    if mark:
        mark.write_text(code)


def digest() -> str:
    """A name for the state of all code that a migration can come from."""
    sources = [PROJECT / "requirements.txt", *_sources()]
    found = hashlib.sha256()
    for path in sources:
        found.update(path.read_bytes())
    return found.hexdigest()


def _sources() -> list[Path]:
    return sorted(path for app in APPS for path in (PROJECT / app).rglob("*.py"))
