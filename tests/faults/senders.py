"""Senders of webhooks that do as real ones do: what is not answered 2xx is sent again."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from types import TracebackType
from uuid import UUID, uuid4

from config.local import loopback
from config.local.loopback import NoAnswerError
from tests.tables import percentile
from tests.workload import Workload

PATIENCE = 60.0  # seconds to have the last one accepted once the others have been
AGAIN_SECONDS = 0.2


@dataclass
class Senders:
    """Some that send one webhook after another, from entering the block until leaving it."""

    port: int
    workload: Workload
    clients: int = 4
    pause: float = 0.05  # seconds between two of one client
    seconds: list[float] = field(default_factory=list)  # of each answer 2xx
    others: Counter[str] = field(default_factory=Counter)  # statuses, or "no answer"
    promised: defaultdict[str, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    sent: int = 0

    def __enter__(self) -> Senders:
        self._leaving, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leaving.set()
        for thread in self._threads:
            thread.join()

    @property
    def executions(self) -> list[UUID]:
        """All that were promised by an answer 2xx."""
        return [ident for idents in self.promised.values() for ident in idents]

    def flaws(self) -> list[str]:
        """Deliveries that were never accepted, or for more than one execution."""
        never = self.sent - len(self.promised)
        twice = sum(len(idents) > 1 for idents in self.promised.values())
        return [
            *([f"{never} webhooks were not accepted in {PATIENCE:g} s"] if never else []),
            *([f"{twice} deliveries were answered with two executions"] if twice else []),
        ]

    def summary(self) -> str:
        """What the senders saw, in a sentence."""
        others = ", ".join(f"{count} {what}" for what, count in sorted(self.others.items()))
        p99 = percentile(self.seconds, 0.99) if self.seconds else 0.0
        return (
            f"{len(self.seconds)} webhooks answered 2xx, p99 {1000 * p99:.0f} ms, "
            f"the slowest {max(self.seconds, default=0.0):.1f} s; sent again after: {others or '-'}"
        )

    def _run(self) -> None:
        while not self._leaving.wait(self.pause):
            delivery = f"msg_{uuid4().hex}"
            with self._lock:
                self.sent += 1
            give_up = time.monotonic() + PATIENCE
            while not self._deliver(delivery) and time.monotonic() < give_up:
                time.sleep(AGAIN_SECONDS)

    def _deliver(self, delivery: str) -> bool:
        headers, body = self.workload.signed(delivery)
        started = time.monotonic()
        try:
            answer = loopback.request(
                self.port, "POST", self.workload.path, headers=headers, body=body
            )
        except NoAnswerError:
            self.others["no answer"] += 1
            return False
        if answer.status not in (200, 202):
            self.others[str(answer.status)] += 1
            return False
        self.seconds.append(time.monotonic() - started)
        self.promised[delivery].add(UUID(json.loads(answer.body)["execution_id"]))
        return True
