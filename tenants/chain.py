"""The audit chain: one text for each entry, and what is wrong with a row of them. Pure.

An entry's hash is the SHA-256 of its text in UTF-8. The text names the tenant, the entry's number
and the hash of the entry before, so an entry cannot be changed, left out or moved, nor a chain
be given to another tenant, without all hashes after it being others. docs/AUDIT.md has the format.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

FORMAT = 1
FIRST = bytes(32)  # what the first entry of a chain follows

Fault = Literal["changed", "missing", "moved", "replaced", "doubled", "cut", "headless", "ahead"]


@dataclass(frozen=True)
class Entry:
    """What is hashed. `tenant` is None in the deployment's own chain; `before` and `after` are
    JSON as `json_text` writes it."""

    tenant: UUID | None
    seq: int
    at: datetime
    actor_kind: str
    actor_id: UUID | None
    actor_label: str
    door: str
    ip: str
    agent: str
    request_id: str
    action: str
    target_type: str
    target_id: str
    target_label: str
    before: str | None
    after: str | None
    prev: bytes


def json_text(value: Any) -> str:
    """JSON with sorted keys, no spaces, and no escapes but those that must be."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def text(entry: Entry) -> str:
    """The one text of an entry."""
    return json_text(
        {
            "v": FORMAT,
            "tenant": _named(entry.tenant),
            "seq": entry.seq,
            "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "actor": {
                "kind": entry.actor_kind,
                "id": _named(entry.actor_id),
                "label": entry.actor_label,
            },
            "from": {
                "door": entry.door,
                "ip": entry.ip,
                "agent": entry.agent,
                "request_id": entry.request_id,
            },
            "action": entry.action,
            "target": {
                "type": entry.target_type,
                "id": entry.target_id,
                "label": entry.target_label,
            },
            "before": _value(entry.before),
            "after": _value(entry.after),
            "prev": entry.prev.hex(),
        }
    )


def digest(entry: Entry) -> bytes:
    """The entry's hash."""
    return hashlib.sha256(text(entry).encode()).digest()


def _named(ident: UUID | None) -> str | None:
    return None if ident is None else str(ident)


def _value(written: str | None) -> Any:
    return None if written is None else json.loads(written)


# --- Verifying ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Flaw:
    """The first thing that is wrong with a chain, and the number of the entry where it is."""

    fault: Fault
    seq: int
    message: str


@dataclass(frozen=True)
class Head:
    """The number and the hash of a chain's last entry; 0 and FIRST while it has none."""

    seq: int = 0
    hash: bytes = FIRST


class Walk:
    """Goes along a chain by its numbers and tells the first flaw; keeps one entry's hash."""

    def __init__(self) -> None:
        self.head = Head()

    def step(self, entry: Entry, kept: bytes) -> Flaw | None:
        """The next entry in order, and the hash that is stored with it."""
        last = self.head
        if entry.seq <= last.seq:
            return Flaw("doubled", entry.seq, f"There is more than one entry {entry.seq}.")
        if entry.seq > last.seq + 1:
            return Flaw("missing", last.seq + 1, _missing(last.seq + 1, entry.seq - 1))
        is_whole, follows = digest(entry) == kept, entry.prev == last.hash
        self.head = Head(entry.seq, kept)
        if is_whole and follows:
            return None
        if follows:
            return Flaw("changed", entry.seq, "Its content is not what was hashed.")
        if is_whole and last.seq > 0:
            return Flaw(
                "replaced",
                last.seq,
                f"It is not the entry that entry {entry.seq} was written after.",
            )
        return Flaw("moved", entry.seq, "It was not written at this place of this chain.")

    def end(self, kept: Head | None) -> Flaw | None:
        """After the last entry: the head that is stored apart from the entries."""
        last = self.head
        if kept is None:
            what = f"There are entries up to {last.seq}, and no head."
            return Flaw("headless", last.seq, what) if last.seq else None
        if kept.seq > last.seq:
            return Flaw("cut", last.seq + 1, f"{_missing(last.seq + 1, kept.seq)} It is the end.")
        if kept.seq < last.seq:
            return Flaw("ahead", kept.seq + 1, f"The chain's head knows {kept.seq} entries only.")
        if kept.hash != last.hash:
            return Flaw("replaced", last.seq, "Its hash is not the one that the head keeps.")
        return None


def _missing(first: int, last: int) -> str:
    return f"Entry {first} is missing." if first == last else f"Entries {first}-{last} are missing."
