"""A whole Stepwell, started as `make run` starts it, on the session's servers.

It has a database and a Valkey number of its own. Tests talk to it from outside, over HTTP.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from standardwebhooks.webhooks import Webhook

from config.local import environment, product
from config.local.demo import ENDED, Facts
from config.local.home import PROJECT, Home
from config.local.loopback import HOST
from config.local.processes import Child, Supervisor
from tests import environment as session
from tests import ports, servers

DATABASE = "test_stepwell_acceptance"
VALKEY_NUMBER = 15  # the last one; workers of pytest-xdist count from the first
_LINK = re.compile(r"http://\S+/\S+")
PATIENCE = 30.0  # seconds; against hanging


@dataclass(frozen=True)
class Endpoint:
    url: str
    secret: str


class Stepwell:
    """One that serves, with the demo in it."""

    def __init__(
        self, url: str, facts: Facts, supervisor: Supervisor, worker: Child, web_log: Path
    ) -> None:
        self.url = url
        self.facts = facts
        self._web_log = web_log
        self._supervisor = supervisor
        self._worker = worker

    def kill_worker(self) -> None:
        """SIGKILL, once, to every process that runs steps; their parent replaces them."""
        children = psutil.Process(self._worker.pid).children()
        assert children
        for child in children:
            child.kill()

    def password(self, email: str) -> str:
        return next(login.password for login in self.facts.logins if login.email == email)

    def mailed_path(self, email: str) -> str:
        """The path of the link in the last mail to this address; the demo prints its mails."""
        found: list[str] = []

        def has_come() -> bool:
            mails = self._web_log.read_text().split("\nTo: ")
            texts = [text for text in mails if text.startswith(f"{email}\n")]
            found[:] = [link for text in texts for link in _LINK.findall(text)]
            return bool(found)

        self.wait(f"a mail to {email}", has_come)
        return urlsplit(found[-1]).path

    def get(self, path: str) -> Any:
        """The JSON at this path of the API."""
        return self._api("GET", path, None)

    def post(self, path: str, body: object) -> Any:
        return self._api("POST", path, body)

    def publish(self, slug: str, definition: Mapping[str, object]) -> Endpoint:
        """Make and publish a workflow of the tenant `acme`, with an endpoint that starts it."""
        self.post("workflows/", {"name": slug, "slug": slug, "definition": definition})
        self.post(f"workflows/{slug}/publish/", {})
        made = self.post("endpoints/", {"workflow": slug})
        return Endpoint(made["url"], made["secret"])

    def execution(self, execution_id: str) -> Any:
        return self.get(f"executions/{execution_id}/")

    def events(self, execution_id: str) -> list[Any]:
        return list(self.get(f"executions/{execution_id}/events/")["results"])

    def wait(self, what: str, check: Callable[[], bool]) -> None:
        """Wait until it is so, and meanwhile start again what has ended, as `make run` does."""
        deadline = time.monotonic() + PATIENCE
        while not check():
            assert time.monotonic() < deadline, f"after {PATIENCE:g} s still not: {what}"
            self._supervisor.mind()
            time.sleep(0.05)

    def wait_for_end(self, execution_id: str) -> Any:
        """The execution as the API shows it once it has ended."""
        self.wait("the execution has ended", lambda: self._status(execution_id) in ENDED)
        return self.execution(execution_id)

    def _status(self, execution_id: str) -> str:
        return str(self.execution(execution_id)["status"])

    def _api(self, method: str, path: str, body: object) -> Any:
        headers = {"Authorization": f"Bearer {self.facts.api_key}"}
        url = f"{self.url}/api/v1/{path}"
        answer = requests.request(method, url, json=body, headers=headers, timeout=PATIENCE)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()


def send(endpoint: Endpoint, body: object) -> str:
    """Sign as the Standard Webhooks library does and deliver; the execution's id."""
    message, now, text = f"msg_{uuid.uuid4().hex}", datetime.now(UTC), json.dumps(body)
    headers = {
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(endpoint.secret).sign(message, now, text),
        "content-type": "application/json",
    }
    answer = requests.post(endpoint.url, data=text, headers=headers, timeout=PATIENCE)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["execution_id"])


@contextlib.contextmanager
def running(root: Path) -> Iterator[Stepwell]:
    """One daphne, one worker and the demo's shop; the demo is seeded."""
    servers.create_database(DATABASE)
    home = Home(root, root / "run", root / "postgres", None)
    (root / "logs").mkdir()
    with (
        ports.held() as port,
        Supervisor(lambda line: None) as supervisor,
        socket.create_server((HOST, 0)) as shop,
    ):
        variables = _variables(home, ports.number(port))
        variables["STEPWELL_DEMO_SHOP"] = f"http://{HOST}:{shop.getsockname()[1]}"
        supervisor.start(product.shop(home, variables, shop))
        commands = {command.name: command for command in product.commands(home, variables)}
        supervisor.start(commands["web"])
        worker = supervisor.start(commands["workers"])
        facts = _seed(variables)
        stepwell = Stepwell(
            variables["STEPWELL_PUBLIC_URL"], facts, supervisor, worker, home.log("web")
        )
        stepwell.wait("it is ready", lambda: _is_ready(stepwell.url))
        yield stepwell


def _variables(home: Home, port: int) -> dict[str, str]:
    urls = {
        "DATABASE_URL": session.database_url(session.APP, DATABASE),
        "DATABASE_OWNER_URL": session.database_url(session.OWNER, DATABASE),
        "REDIS_URL": f"unix://{session.HOME}/run/valkey.sock?db={VALKEY_NUMBER}",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORT", str(port))
        return environment.variables(home, urls)


def _seed(variables: Mapping[str, str]) -> Facts:
    done = subprocess.run(
        [sys.executable, "manage.py", "demo_seed"],
        cwd=PROJECT,
        env=dict(variables),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return Facts.model_validate_json(done.stdout)


def _is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=PATIENCE).ok
    except requests.ConnectionError:
        return False
