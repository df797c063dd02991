"""The audit trail's pen: `record` in the verb that changes something, one line each.

Entries are written with the change, in its transaction: if they cannot be, the change is undone.
A chain's head is locked right before the commit (`scope.at_end`), so it is the last lock of a
transaction, and held for a millisecond. Receiving webhooks and running steps write no entries.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.utils import timezone

from tenants import actors, chain, scope
from tenants.actions import Action
from tenants.actors import Actor
from tenants.chain import Entry, Head
from tenants.masking import MASKED
from tenants.models import (
    AuditEntry,
    AuditHead,
    Membership,
    PlatformAuditEntry,
    PlatformAuditHead,
    Tenant,
)

MAX_VALUE_LENGTH = 1_000  # characters of one value's JSON; of a longer one its hash is kept
MAX_VALUE_DEPTH = 10  # of lists and objects in one another; of what is deeper its hash is kept
NAMES = ("actor_kind", "actor_id", "actor_label", "door", "ip", "agent", "request_id")
TARGETS = ("action", "target_type", "target_id", "target_label")

# What is named like this is never kept, whatever it is.
_SENSITIVE = re.compile(r"password|secret|sealed|token|digest|api_?key|private|signature|recovery")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """What something was done to, where it is no row, or has no good name of its own."""

    type: str
    id: str
    label: str


@dataclass(frozen=True)
class _Draft:
    """An entry that has no place in its chain yet. No tenant: the deployment's own chain."""

    tenant_id: UUID | None
    actor: Actor
    action: Action
    target: Target
    before: str | None
    after: str | None


def record(
    action: Action,
    target: Model | Target,
    *,
    before: Fields | None = None,
    after: Fields | None = None,
    tenant_id: UUID | None = None,
) -> None:
    """Tell of an act, in its transaction. The actor is the door's (tenants/actors.py).

    The tenant is the target's own, or that of the open scope. With both `before` and `after` only
    what differs is kept; where nothing does, nothing was done and nothing is told. Raises
    ScopeError outside a scope.
    """
    whose = tenant_id or _tenant_of(target)
    _record(whose, action, target, before, after)


def record_member(
    action: Action,
    member: Membership,
    *,
    before: Fields | None = None,
    after: Fields | None = None,
) -> None:
    """As `record`, of a membership, which is called by its person's address."""
    target = Target("member", str(member.user_id), member.user.email)
    record(action, target, before=before, after=after, tenant_id=member.tenant_id)


def record_platform(
    action: Action,
    target: Model | Target,
    *,
    before: Fields | None = None,
    after: Fields | None = None,
) -> None:
    """As `record`, in the deployment's own chain: what belongs to no tenant."""
    if scope.current() is not None:
        _record(None, action, target, before, after)
        return
    with scope.operator("the deployment's own audit trail"):
        _record(None, action, target, before, after)


def _record(
    tenant_id: UUID | None,
    action: Action,
    target: Model | Target,
    before: Fields | None,
    after: Fields | None,
) -> None:
    if before is not None and after is not None:
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        if not names:
            return
        before, after = ({name: side.get(name) for name in names} for side in (before, after))
    draft = _Draft(
        tenant_id, actors.current(), action, _named(target), _written(before), _written(after)
    )
    scope.at_end(_write, draft)


def _tenant_of(target: Model | Target) -> UUID:
    own: UUID | None = (
        target.pk if isinstance(target, Tenant) else getattr(target, "tenant_id", None)
    )
    return own or scope.tenant_id()


def _named(target: Model | Target) -> Target:
    if isinstance(target, Target):
        return target
    return Target(str(target._meta.model_name), str(target.pk), str(target))


# --- What is kept of values --------------------------------------------------------------------


def _written(fields: Fields | None) -> str | None:
    if fields is None:
        return None
    return chain.json_text({name: _kept(name, value) for name, value in fields.items()})


def _kept(name: str, value: Any) -> Any:
    """A value as it may be kept: masked by its name, and short."""
    plain = _plain(name, value)
    text = chain.json_text(plain)
    return plain if len(text) <= MAX_VALUE_LENGTH else _hash_of(text)


def _hash_of(text: str) -> dict[str, object]:
    found = hashlib.sha256(text.encode(errors="replace")).hexdigest()
    return {"sha256": found, "length": len(text)}


def _plain(name: str, value: Any, depth: int = 0) -> Any:
    if value is None or value == "":
        return value
    if _SENSITIVE.search(name.lower()) or isinstance(value, bytes | memoryview):
        return MASKED
    match value:
        case bool() | int() | float():
            return value
        case str():
            return _text(value)
        case Mapping() | list() | tuple() if depth == MAX_VALUE_DEPTH:
            return _hash_of(json.dumps(value, default=str))
        case Mapping():
            return {_text(key): _plain(str(key), it, depth + 1) for key, it in value.items()}
        case list() | tuple():
            return [_plain(name, inner, depth + 1) for inner in value]
        case _:
            return str(value)


def _text(value: object) -> str:
    """As UTF-8 can spell it, half a surrogate pair being none."""
    return str(value).encode(errors="replace").decode()


def _line(text: str, length: int) -> str:
    """Text for one line: what a header or a name may hold has no say over how it is shown."""
    return _CONTROL.sub("?", text)[:length]


# --- Writing -----------------------------------------------------------------------------------


def _write(drafts: list[_Draft]) -> None:
    """Add to the chains of one transaction. Heads are locked in one order: by tenant, ours last."""
    tenants = sorted({draft.tenant_id for draft in drafts if draft.tenant_id is not None}, key=str)
    for tenant_id in tenants:
        some = [draft for draft in drafts if draft.tenant_id == tenant_id]
        AuditEntry.objects.bulk_create(
            AuditEntry(tenant_id=tenant_id, **row) for row in _append(_head_of(tenant_id), some)
        )
    ours = [draft for draft in drafts if draft.tenant_id is None]
    if ours:
        PlatformAuditEntry.objects.bulk_create(
            PlatformAuditEntry(**row) for row in _append(_platform_head(), ours)
        )


def _append(head: AuditHead | PlatformAuditHead, drafts: list[_Draft]) -> list[dict[str, Any]]:
    """Move a locked head on by these entries; their columns."""
    now = timezone.now()  # after the lock: a chain's times do not run backwards
    last, rows = Head(head.seq, bytes(head.hash)), []
    for draft in drafts:
        fields = _fields(draft)
        entry = Entry(tenant=draft.tenant_id, seq=last.seq + 1, at=now, prev=last.hash, **fields)
        last = Head(entry.seq, chain.digest(entry))
        place = {"seq": entry.seq, "at": now, "prev_hash": entry.prev, "hash": last.hash}
        rows.append({**place, **fields})
    head.seq, head.hash = last.seq, last.hash
    head.save(update_fields=["seq", "hash"])
    return rows


def _fields(draft: _Draft) -> dict[str, Any]:
    actor, target = draft.actor, draft.target
    return {
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_label": _line(actor.label, 300),
        "door": actor.door,
        "ip": actor.ip,
        "agent": _line(actor.agent, 200),
        "request_id": actor.request_id,
        "action": draft.action.value,
        "target_type": _line(target.type, 64),
        "target_id": _line(target.id, 200),
        "target_label": _line(target.label, 300),
        "before": draft.before,
        "after": draft.after,
    }


def _head_of(tenant_id: UUID) -> AuditHead:
    """The end of the tenant's chain, locked until the commit."""
    rows = AuditHead.objects.select_for_update()
    head = rows.filter(tenant_id=tenant_id).first()
    if head is None:  # the tenant's first entry, perhaps of two transactions at once
        AuditHead.objects.bulk_create([AuditHead(tenant_id=tenant_id)], ignore_conflicts=True)
        head = rows.get(tenant_id=tenant_id)
    return head


def _platform_head() -> PlatformAuditHead:
    rows = PlatformAuditHead.objects.select_for_update()
    head = rows.first()
    if head is None:
        PlatformAuditHead.objects.bulk_create([PlatformAuditHead()], ignore_conflicts=True)
        head = rows.get()
    return head
