"""One request at an endpoint's address, whose address that is, and what is stored of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

from executions.storable import dump
from tenants.masking import masked_headers
from workflows.definition import JSON

LARGEST = 2**31 - 1  # bytes that the column can name


@dataclass(frozen=True)
class Incoming:
    """A request as it came; header names are lower case.

    `size` is what its sender declared where the body was too large to be read.
    """

    headers: Mapping[str, str]
    query: Mapping[str, JSON]
    body: bytes
    client: str | None
    size: int
    began: float = field(default_factory=time.perf_counter)

    @cached_property
    def shown(self) -> dict[str, str]:
        """The headers as they may be stored."""
        return masked_headers(self.headers)

    def columns(self) -> dict[str, object]:
        """What a delivery's row keeps of every request."""
        return {
            "headers": dump({**self.shown}),
            "query": dump({**self.query}),
            "client": self.client,
            "size": min(self.size, LARGEST),
            "body": self.body,
            "latency": 1000 * (time.perf_counter() - self.began),
        }


class Target(NamedTuple):
    """The endpoint that a request came in at, as `statements.FIND` reads it."""

    tenant_id: UUID
    id: UUID
    scheme: str
    options: str  # JSON
    secret: bytes
    previous: bytes | None  # while it is still good
    allowed_ips: str  # JSON
    workflow_id: UUID
    version_id: UUID | None
    is_paused: bool
    answer: str
    rate: str
    revision: str  # of the endpoint's row and its workflow's: another one after any change


@dataclass(frozen=True)
class Received:
    """A delivery that is stored; `duplicate` when it had been before. `paused`: it has no run yet,
    since its workflow begins none."""

    delivery_id: UUID
    execution_id: UUID | None
    tenant_id: UUID
    answer: str  # of webhooks.models.ANSWERS: with what its caller is answered
    duplicate: bool = False
    paused: bool = False
