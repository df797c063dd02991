"""The demo run: seed the tenant `acme`, knock with one signed webhook, show what follows.

A process of its own, so that the runner can mind the others meanwhile. `manage.py demo_seed` makes
the tenant, or completes it, and prints what is used here (Facts) as one JSON object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, JsonValue, ValidationError

from config.local import loopback
from config.local.errors import RunnerError
from config.local.home import PROJECT
from config.local.loopback import NoAnswerError
from config.local.terminal import complain, phase, say
from webhooks import signatures

READY = 60.0  # seconds for the web process to start
LIMIT = 120.0  # seconds for the demo run; a killed worker's steps are taken over within this
ENDED = frozenset({"succeeded", "failed", "cancelled", "timed_out"})


class Login(BaseModel):
    role: str
    email: str
    password: str
    url: str


class Endpoint(BaseModel):
    url: str
    secret: str


class Facts(BaseModel):
    """What `manage.py demo_seed` prints."""

    tenant: str
    workflow: str
    api_key: str
    endpoint: Endpoint
    payload: dict[str, JsonValue]
    logins: list[Login]


def main() -> None:
    """Raises RunnerError where the run does not succeed."""
    port = int(os.environ["PORT"])
    with phase("Seeding the demo tenant"):
        facts = _seed()
    with phase("Waiting until the web process answers"):
        _wait_ready(port)
    accepted = _knock(port, facts)
    status = Follower(port, facts.api_key, str(accepted["execution_id"])).follow()
    _introduce(port, facts)
    if status != "succeeded":
        raise RunnerError(f"The demo run ended as {status}; its page shows why.")


def _seed() -> Facts:
    done = subprocess.run(
        [sys.executable, "manage.py", "demo_seed"], cwd=PROJECT, capture_output=True, text=True
    )
    log = Path(os.environ["STEPWELL_HOME"]) / "logs" / "demo.log"
    log.write_text(done.stderr)
    try:
        return Facts.model_validate_json(done.stdout)
    except ValidationError:
        raise RunnerError(f"The demo tenant could not be made; {log} says why.") from None


def _wait_ready(port: int) -> None:
    deadline = time.monotonic() + READY
    while not _is_ready(port):
        if time.monotonic() > deadline:
            raise RunnerError("The web process does not answer; logs/web.log says why.")
        time.sleep(0.05)


def _is_ready(port: int) -> bool:
    try:
        return loopback.request(port, "GET", "/readyz", timeout=5.0).status == 200
    except NoAnswerError:
        return False


def _knock(port: int, facts: Facts) -> dict[str, Any]:
    """Send the webhook as another system would, signed by the Standard Webhooks scheme."""
    body = json.dumps(facts.payload).encode()
    signed = signatures.sign(
        "standard-webhooks",
        None,
        facts.endpoint.secret,
        signatures.Message({}, body),
        delivery_id=f"msg_{uuid.uuid4().hex}",
        timestamp=int(time.time()),
    )
    path = urlsplit(facts.endpoint.url).path
    headers = {"content-type": "application/json", **signed}
    answer = loopback.request(port, "POST", path, headers=headers, body=body)
    say(f"Sent a signed webhook to {path}: {answer.status}")
    if answer.status != 202:
        raise RunnerError(f"The webhook was not accepted: {answer.body.decode()[:300]}")
    return answer.json()


class Follower:
    """Shows an execution's events as they come, and goes on where a connection broke off."""

    def __init__(self, port: int, api_key: str, execution: str) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._path = f"/api/v1/executions/{execution}/"
        self._seen = 0
        self._started = time.monotonic()

    def follow(self) -> str:
        """Return the status with which the execution ended."""
        say(f"Execution {self._path.split('/')[-2]}, as it happens:")
        while time.monotonic() - self._started < LIMIT:
            try:
                self._show_events()
                status = self._status()
            except NoAnswerError:  # the web process is being started again
                status = ""
            if status in ENDED:
                return status
            time.sleep(0.5)
        return "unfinished"

    def _show_events(self) -> None:
        headers: Mapping[str, str] = {**self._headers, "Last-Event-ID": str(self._seen)}
        for event in loopback.events(self._port, f"{self._path}events/", headers=headers):
            self._seen = int(str(event["seq"]))
            self._show(event)

    def _show(self, event: Mapping[str, object]) -> None:
        since = time.monotonic() - self._started
        say(f"  +{since:6.3f} s  {event['step'] or '':<12}  {event['message']}")

    def _status(self) -> str:
        answer = loopback.request(self._port, "GET", self._path, headers=self._headers)
        return str(answer.json().get("status", "")) if answer.status == 200 else ""


def _introduce(port: int, facts: Facts) -> None:
    base = f"http://{loopback.HOST}:{port}"
    say()
    say(f"{'Who':<10}{'E-mail':<28}{'Password':<26}Where")
    for login in facts.logins:
        where = f"{base}{urlsplit(login.url).path}"
        say(f"{login.role:<10}{login.email:<28}{login.password:<26}{where}")
    say(f"API: {base}/api/docs/   key: {facts.api_key}")


if __name__ == "__main__":
    try:
        main()
    except (RunnerError, NoAnswerError) as error:
        complain(str(error))
        sys.exit(1)
