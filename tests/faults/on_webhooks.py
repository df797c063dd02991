"""F22: webhooks of all sizes come in while processes of web and worker are killed."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from dataclasses import dataclass, field
from random import Random

from tenants import scope
from tests.faults import workflows
from tests.faults.senders import Senders
from tests.faults.trial import Trial
from tests.faults.waiting import wait
from tests.workload import Workload
from webhooks import services, signatures

CLIENTS = (16, 64)  # in the short form: twice as many as web has threads
SMALLEST, LARGEST = 1_000, 1_000_000  # bytes
PATIENCE = 240.0  # seconds for all to be accepted; only hanging is an error
KEPT = """
SELECT dedupe_key, md5(body), execution_id FROM webhooks_delivery
WHERE tenant_id = %s AND reason = 'accepted'
"""
RUNS = "SELECT id FROM executions_execution WHERE tenant_id = %s"
REPEATS = """
SELECT coalesce(sum(seen), 0) FROM webhooks_tally WHERE tenant_id = %s AND reason = 'duplicate'
"""


@dataclass
class Pushes(Workload):
    """What GitHub sends of pushes, to an endpoint of its scheme. An id has always the same body,
    most are small and some are large."""

    sent: dict[str, tuple[str, int]] = field(default_factory=dict)  # MD5 and size, by id

    def signed(self, delivery_id: str) -> tuple[dict[str, str], bytes]:
        body = push(delivery_id)
        self.sent[delivery_id] = (_md5(body), len(body))
        signed = signatures.sign(
            "github",
            None,
            self.secret,
            signatures.Message({}, body),
            delivery_id=delivery_id,
            timestamp=0,
        )
        kind = {"content-type": "application/json", "x-github-event": "push"}
        return {**kind, **signed}, body


def push(delivery_id: str) -> bytes:
    """The body of a push: a list of commits, as long as the id says."""
    rng = Random(delivery_id)
    size = int(SMALLEST * (LARGEST / SMALLEST) ** rng.random())
    commits = [
        {"id": rng.randbytes(20).hex(), "message": f"Change {number}", "added": ["README.md"]}
        for number in range(size // 110)
    ]
    whole = {"ref": "refs/heads/main", "delivery": delivery_id, "commits": commits}
    return json.dumps(whole).encode()


def killed_while_taking_in(trial: Trial) -> None:
    """F22: many push; for a part of it no worker lives; web is killed, in part and whole."""
    work = _pushes(trial)
    count, trial.rounds = trial.size((60, 1), (1_500, 8))
    trial.system.kill_workers()
    with trial.sending(work, clients=trial.size(*CLIENTS)) as senders:
        for number in range(trial.rounds):
            _wait_accepted(senders, count * (number + 1) // (trial.rounds + 2))
            os.kill(trial.rng.choice(trial.system.web_workers()), signal.SIGKILL)
            if number == trial.rounds // 2:
                trial.system.start_workers()
        _wait_accepted(senders, count * (trial.rounds + 1) // (trial.rounds + 2))
        trial.recoveries.append(_kill_web(trial, senders))
        _wait_accepted(senders, count)
    trial.settle()
    _count(trial, work, senders)


def _pushes(trial: Trial) -> Pushes:
    made = trial.workload("pushes", workflows.quick())
    with scope.tenant(made.tenant_id):
        issued = services.create(workflow=made.workflow, scheme="github")
    endpoint = issued.endpoint
    return Pushes(made.name, made.workflow, made.steps, endpoint.id, endpoint.token, issued.secret)


def _wait_accepted(senders: Senders, count: int) -> None:
    wait("webhooks to be accepted", lambda: len(senders.promised) >= count, PATIENCE)


def _kill_web(trial: Trial, senders: Senders) -> float:
    """All of it at once; returns the seconds until a webhook is accepted again."""
    trial.system.kill_web()
    before, started = len(senders.promised), time.monotonic()
    trial.system.start_web()
    _wait_accepted(senders, before + 1)
    return time.monotonic() - started


def _count(trial: Trial, work: Pushes, senders: Senders) -> None:
    """Each push is one row with its very bytes and one run, whatever was answered, how often."""
    with trial.system.superuser() as db:
        kept = db.execute(KEPT, [work.tenant_id]).fetchall()
        runs = {row[0] for row in db.execute(RUNS, [work.tenant_id])}
        repeats = db.execute(REPEATS, [work.tenant_id]).fetchone()
    rows = {str(key).removeprefix("id:"): (digest, run) for key, digest, run in kept}
    lost = [ident for ident in senders.promised if ident not in rows]
    bent = [ident for ident, (digest, _) in rows.items() if digest != work.sent[ident][0]]
    begun: set[object] = {run for _, run in rows.values()}
    told = {run for runs_of_one in senders.promised.values() for run in runs_of_one}
    wrong = sum(
        ident in rows and told_of != {rows[ident][1]} for ident, told_of in senders.promised.items()
    )
    trial.flaws += [
        f"{number} {what}"
        for number, what in (
            (len(lost), "accepted pushes have no row"),
            (len(bent), "bodies are not what was sent"),
            (len(runs ^ begun), "runs without a row, or rows without a run"),
            (len(told - runs), "promised runs are not there"),
            (wrong, "senders were told another run than the row has"),
        )
        if number
    ]
    size = sum(work.sent[ident][1] for ident in rows)
    trial.notes.append(
        f"{len(rows)} pushes of {size / 1e6:.0f} MB stored, {len(runs)} runs, "
        f"{repeats[0] if repeats else 0} repeats known as such; {senders.summary()}"
    )


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()
