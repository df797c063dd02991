"""The audit trail to read: by filters, as lines to take away, and along its chains."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from django.db.models import Max, Q, QuerySet

from tenants import chain, scope
from tenants.chain import Entry, Flaw, Head, Walk
from tenants.models import (
    AuditEntry,
    AuditFields,
    AuditHead,
    PlatformAuditEntry,
    PlatformAuditHead,
    Tenant,
)
from tenants.services.audit import NAMES, TARGETS

Format = Literal["jsonl", "csv"]
BATCH = 1_000  # entries in memory, and in a transaction
PLATFORM = "(deployment)"  # the name of the chain that is no tenant's
COLUMNS = ("seq", "at", *NAMES, *TARGETS, "before", "after", "prev_hash", "hash")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what spreadsheets take for the start of one


def entries_of(tenant_id: UUID, given: Mapping[str, Any]) -> QuerySet[AuditEntry]:
    """The tenant's entries, newest first, that fit the filters (each may be missing).

    actor: a label or an id. action: a word of the vocabulary, or its first part. target: a type,
    an id or a label. since, until: times.
    """
    rows = AuditEntry.objects.filter(tenant_id=tenant_id)
    if actor := given.get("actor"):
        rows = rows.filter(_is_or_named(actor, "actor_id", "actor_label"))
    if action := given.get("action"):
        rows = rows.filter(Q(action=action) | Q(action__startswith=f"{action}."))
    if target := given.get("target"):
        kinds = Q(target_type=target) | Q(target_id=target) | Q(target_label=target)
        rows = rows.filter(kinds)
    if since := given.get("since"):
        rows = rows.filter(at__gte=since)
    if until := given.get("until"):
        rows = rows.filter(at__lt=until)
    return rows


def _is_or_named(text: str, ident: str, label: str) -> Q:
    try:
        return Q(**{ident: UUID(text)}) | Q(**{label: text})
    except ValueError:
        return Q(**{label: text})


def export(tenant_id: UUID, given: Mapping[str, Any], form: Format) -> Iterator[str]:
    """The entries that fit, oldest first, as text in pieces. Opens a short scope for each piece."""
    write = _jsonl if form == "jsonl" else _csv
    if form == "csv":
        yield _lines_of_csv([COLUMNS])
    after = 0
    while True:
        with scope.tenant(tenant_id):
            rows = entries_of(tenant_id, given).filter(seq__gt=after).order_by("seq")
            batch = list(rows[:BATCH])
        if not batch:
            return
        yield write(batch)
        after = batch[-1].seq


def _jsonl(rows: Sequence[AuditEntry]) -> str:
    """A line is the hash, and behind it the text that was hashed as it is."""
    return "".join(
        f'{{"hash":"{bytes(row.hash).hex()}","entry":{chain.text(entry_of(row))}}}\n'
        for row in rows
    )


def _csv(rows: Sequence[AuditEntry]) -> str:
    return _lines_of_csv([[_cell(getattr(row, name)) for name in COLUMNS] for row in rows])


def _lines_of_csv(rows: Sequence[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def _cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    match value:
        case None:
            return ""
        case bytes() | memoryview():
            return bytes(value).hex()
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def side(written: str | None) -> dict[str, Any] | None:
    """`before` or `after` as a value."""
    value: dict[str, Any] | None = None if written is None else json.loads(written)
    return value


def entry_of(row: AuditFields) -> Entry:
    """A row as what was hashed of it."""
    copied = {name: getattr(row, name) for name in (*NAMES, *TARGETS, "before", "after")}
    tenant_id = row.tenant_id if isinstance(row, AuditEntry) else None
    return Entry(tenant=tenant_id, seq=row.seq, at=row.at, prev=bytes(row.prev_hash), **copied)


# --- Verifying ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chain:
    """What came of going along a chain: its end, and the first flaw if there is one."""

    tenant: str
    tenant_id: UUID | None
    head: Head
    flaw: Flaw | None


def verify(slug: str | None = None) -> Iterator[Chain]:
    """Go along every chain, or along one tenant's. Raises Tenant.DoesNotExist.

    Each batch is a transaction of its own: what is added meanwhile is none of the walk's business.
    """
    with scope.operator("the audit trail is verified over all tenants"):
        tenants = Tenant.objects.order_by("slug").values_list("id", "slug")
        chosen = list(tenants if slug is None else [tenants.get(slug=slug)])
    for ident, name in chosen:
        yield _verified(name, ident)
    if slug is None:
        yield _verified(PLATFORM, None)


def _verified(name: str, tenant_id: UUID | None) -> Chain:
    walk, end = Walk(), _end_of(tenant_id)
    for row in _rows(tenant_id, end):
        flaw = walk.step(entry_of(row), bytes(row.hash))
        if flaw is not None:
            return Chain(name, tenant_id, walk.head, flaw)
    return Chain(name, tenant_id, walk.head, walk.end(end.kept))


@dataclass(frozen=True)
class _End:
    """The head as it is kept, and the last entry there is, both of one moment."""

    kept: Head | None
    seq: int


def _end_of(tenant_id: UUID | None) -> _End:
    with scope.operator("the audit trail is verified over all tenants"):
        heads: QuerySet[AuditHead] | QuerySet[PlatformAuditHead] = (
            PlatformAuditHead.objects.all()
            if tenant_id is None
            else AuditHead.objects.filter(tenant_id=tenant_id)
        )
        last = _last(tenant_id)  # before the head, which is there if an entry is
        head = heads.select_for_update().first()
        if head is not None:  # and nobody is between an entry and its head now
            last = _last(tenant_id)
    return _End(None if head is None else Head(head.seq, bytes(head.hash)), last)


def _last(tenant_id: UUID | None) -> int:
    return _all(tenant_id).aggregate(last=Max("seq"))["last"] or 0


def _rows(tenant_id: UUID | None, end: _End) -> Iterator[AuditFields]:
    after = -1
    seen: set[UUID] = set()  # of the last number, should there be two with it
    while True:
        with scope.operator("the audit trail is verified over all tenants"):
            rows = _all(tenant_id).filter(seq__gte=after, seq__lte=end.seq).exclude(id__in=seen)
            batch = list(rows.order_by("seq", "id")[:BATCH])
        if not batch:
            return
        yield from batch
        after = batch[-1].seq
        seen = {row.id for row in batch if row.seq == after}


def _all(tenant_id: UUID | None) -> QuerySet[Any]:
    if tenant_id is None:
        return PlatformAuditEntry.objects.all()
    return AuditEntry.objects.filter(tenant_id=tenant_id)
