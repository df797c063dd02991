"""gunicorn as in production, on the session's Postgres and Valkey."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from config.local.home import PROJECT
from config.local.loopback import HOST
from config.local.processes import Command, Supervisor
from tests import environment, ports
from tests.faults.waiting import wait

PROCESSES = 2  # as docker/gunicorn.conf.py has it
PATIENCE = 90.0  # seconds; against hanging


@dataclass(frozen=True)
class Web:
    url: str

    def post(self, path: str, body: bytes = b"{}", **headers: str) -> requests.Response:
        """The answer to a body of JSON, unless a header says otherwise."""
        sent = {"content-type": "application/json", **headers}
        return requests.post(f"{self.url}{path}", data=body, headers=sent, timeout=PATIENCE)


@contextmanager
def serving(logs: Path, **settings: Any) -> Iterator[Web]:
    """The web processes, with these settings (`MAX_WAITERS=1`) in their environment."""
    given = {f"STEPWELL_{name}": str(value) for name, value in settings.items()}
    own = {**environment.variables(), "DJANGO_SETTINGS_MODULE": "config.settings"}
    with ports.held() as port, Supervisor(lambda line: None) as supervisor:
        web = Web(f"http://{HOST}:{ports.number(port)}")
        command = Command(
            name="web",
            argv=(
                *(sys.executable, "-m", "gunicorn", "--config", "docker/gunicorn.conf.py"),
                *("--bind", web.url.removeprefix("http://"), "config.wsgi"),
            ),
            cwd=PROJECT,
            env={**os.environ, **own, "STEPWELL_DATABASE_POOL": "15", **given},
            log=logs / "web.log",
        )
        child = supervisor.start(command)

        def is_ready() -> bool:
            assert child.ended() is None, f"gunicorn ended; see {command.log}"
            try:
                return requests.get(f"{web.url}/readyz", timeout=PATIENCE).ok
            except requests.ConnectionError:
                return False

        wait("gunicorn to answer", is_ready)
        yield web
