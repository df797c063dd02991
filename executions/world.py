"""The world as a step sees it: an HTTP client, a mailbox, a clock, a log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from executions import failpoints
from executions.destinations import TenantGuard
from executions.placeholders import Placeholders
from executions.runs import LogLine
from tenants.hosts import Hosts
from workflows import expressions
from workflows.definition import JSON
from workflows.steps.world import HttpClient, HttpRequest, HttpResponse, Mailer


@dataclass
class StepWorld:
    """What one try of one step may use."""

    http: HttpClient
    mail: Mailer
    timeout: float
    idempotency_key: str
    names: Mapping[str, object]  # that its templates may read
    hide: Callable[[JSON], JSON]
    waited: JSON = None
    lines: list[LogLine] = field(default_factory=list)

    def log(self, level: str, message: str, data: JSON = None) -> None:
        """Keep a line for the execution's history."""
        self.lines.append(LogLine(level, message, data))

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def masked(self, text: str) -> str:
        """The text without the secrets in it."""
        return str(self.hide(text))

    def evaluate(self, source: str, names: Mapping[str, object]) -> JSON:
        """The value of a template; raises ExpressionError."""
        return expressions.render(source, {**self.names, **names})


@dataclass(frozen=True)
class SecretsClient:
    """Puts the secrets into a call at the last moment, and says first that it is about to leave.

    `hosts` is where the tenant's calls may go.
    """

    client: HttpClient
    placeholders: Placeholders
    before_sending: Callable[[], None]
    outside: Callable[[], AbstractContextManager[None]]
    hosts: Hosts

    def send(self, request: HttpRequest) -> HttpResponse:
        """Make the call; raises HttpFailure."""
        self.before_sending()
        failpoints.hit("before_http")
        with self.outside():
            revealed = self.placeholders.reveal(request)
            return self.client.send(
                replace(revealed, guard=TenantGuard(self.hosts, revealed.guard))
            )
