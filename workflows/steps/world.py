"""What a step may use of the world. It is handed to `StepType.run`; executions provides it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from workflows.definition import JSON

# What stands for a secret in a rendered config, until the call is made (HttpRequest).
PLACEHOLDER = "secret.{nonce}.{name}."
PLACEHOLDER_PATTERN = re.compile(r"secret\.[0-9a-f]{16}\.[a-z][a-z0-9_]*\.")


class AddressGuard(Protocol):
    """Knows where a request may go: by its tenant's list, and by those of the secrets in it."""

    def check(self, url: str) -> None:
        """Raises HttpFailure if it may not go to this address, given as it is called."""

    def redirected(self, url: str) -> AddressGuard:
        """For the request that follows a redirect from this address to another origin, whose
        headers and body hold no secrets any more."""


@dataclass(frozen=True)
class HttpRequest:
    """A call to be made. Texts may hold secrets' placeholders, which the client replaces.

    `timeout` is for the whole call, in seconds. `secret_headers` are lower-case names whose values
    are never recorded; `secret_body` says that the body holds secrets' values. `basic_auth` is
    encoded by the client, because a placeholder must be replaced before it is. `guard` is asked
    about every address before the request leaves for it.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    timeout: float
    max_redirects: int = 0
    secret_headers: frozenset[str] = frozenset()
    secret_body: bool = False
    basic_auth: tuple[str, str] | None = None
    guard: AddressGuard | None = None


@dataclass(frozen=True)
class HttpResponse:
    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed_ms: float


HttpFailureKind = Literal["blocked", "invalid", "connect", "timeout", "broken", "too_large"]


class HttpFailure(Exception):  # noqa: N818 - the contract's word; it is a result, not a bug
    """A call without an answer. `sent`: the request may have reached the other side."""

    def __init__(self, kind: HttpFailureKind, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.sent = sent


class HttpClient(Protocol):
    def send(self, request: HttpRequest) -> HttpResponse:
        """Make the call; raises HttpFailure."""


@dataclass(frozen=True)
class Mail:
    """A mail to be sent; at least one of `text` and `html` is given. The sender is ours."""

    to: tuple[str, ...]
    subject: str
    text: str | None = None
    html: str | None = None
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()


MailFailureKind = Literal["connect", "mail"]


class MailFailure(Exception):  # noqa: N818 - a result, as HttpFailure is
    """A mail that was not accepted. `sent`: it may have gone out all the same.

    `connect`: the mail server could not be reached, so that a later try may succeed.
    """

    def __init__(self, message: str, *, sent: bool, kind: MailFailureKind = "mail") -> None:
        super().__init__(message)
        self.message = message
        self.sent = sent
        self.kind = kind


class Mailer(Protocol):
    def send(self, message: Mail) -> None:
        """Hand the mail to the mail server; raises MailFailure."""


class World(Protocol):
    """`timeout` is how many seconds the step may take; the key is stable over its attempts.

    `waited` is the state of the Wait that its time ended, None at the first run of a try.
    """

    @property
    def http(self) -> HttpClient: ...

    @property
    def mail(self) -> Mailer: ...

    @property
    def waited(self) -> JSON: ...

    @property
    def timeout(self) -> float: ...

    @property
    def idempotency_key(self) -> str: ...

    def log(self, level: str, message: str, data: JSON = None) -> None:
        """Write an event into the execution's history."""

    def now(self) -> datetime: ...

    def masked(self, text: str) -> str:
        """The text without the secrets in it. Mask first, then shorten: half of one still tells."""

    def evaluate(self, source: str, names: Mapping[str, object]) -> JSON:
        """The value of a deferred template, with the step's names and these.

        Raises ExpressionError.
        """
