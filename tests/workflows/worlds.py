"""A world in which steps can be run without a network or a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from workflows import expressions
from workflows.definition import JSON
from workflows.steps.base import HttpFailure, HttpRequest, HttpResponse, Mail, MailFailure

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


@dataclass
class ScriptedClient:
    """Answers every call with the same response or failure, and keeps what was sent."""

    answer: HttpResponse | HttpFailure
    sent: list[HttpRequest] = field(default_factory=list)

    def send(self, request: HttpRequest) -> HttpResponse:
        self.sent.append(request)
        if isinstance(self.answer, HttpFailure):
            raise self.answer
        return self.answer


@dataclass
class ScriptedMailer:
    """Takes every mail, or fails with each."""

    failure: MailFailure | None = None
    sent: list[Mail] = field(default_factory=list)

    def send(self, message: Mail) -> None:
        self.sent.append(message)
        if self.failure:
            raise self.failure


@dataclass
class ScriptedWorld:
    http: ScriptedClient
    mail: ScriptedMailer = field(default_factory=ScriptedMailer)
    waited: JSON = None
    timeout: float = 7.0
    idempotency_key: str = "run.step"
    lines: list[tuple[str, str, JSON]] = field(default_factory=list)

    def log(self, level: str, message: str, data: JSON = None) -> None:
        self.lines.append((level, message, data))

    def masked(self, text: str) -> str:
        return text

    def now(self) -> datetime:
        return NOW

    def evaluate(self, source: str, names: Mapping[str, object]) -> JSON:
        return expressions.render(source, names)


def answer(
    body: bytes = b"{}", status: int = 200, content_type: str = "application/json", **headers: str
) -> HttpResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, {"Content-Type": content_type, **named}, body, 12.345)


def world(reply: HttpResponse | HttpFailure | None = None) -> ScriptedWorld:
    return ScriptedWorld(ScriptedClient(reply or answer()))
