"""One run for one wish, however often it is sent: keys that callers give their starts.

A key is a row, written in one transaction with the run that it stands for. Whoever brings the same
key at once waits for that transaction: if it commits, the run is theirs too; if it does not, as
when the start is refused, the key is free. So nothing is kept of what was refused.

Keys are a tenant's, not a caller's: one who goes on after its API key was replaced must not start a
second run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import uuid_utils.compat
from django.conf import settings

from executions.models import Execution, IdempotencyKey
from executions.services.retention import REASON, in_batches
from tenants import ids, scope
from tenants.problems import Problem
from tenants.scope import Prepared
from workflows import canonical

BATCH = 1_000  # keys in a transaction
_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")

# Whoever brings the same key at once waits here for the first to commit. No row comes back if the
# key is kept already; one that is too old is as good as none.
_KEEP = """
INSERT INTO executions_idempotencykey AS k
  (tenant_id, key, fingerprint, execution_id, created_at)
VALUES (%(tenant)s, %(key)s, %(fingerprint)s, %(execution)s, now())
ON CONFLICT (tenant_id, key) DO UPDATE
SET fingerprint = excluded.fingerprint, execution_id = excluded.execution_id, created_at = now()
WHERE k.created_at < now() - make_interval(secs => %(kept)s)
RETURNING 1
"""

_FORGET = """
DELETE FROM executions_idempotencykey
WHERE (tenant_id, key) IN (
  SELECT tenant_id, key FROM executions_idempotencykey
  WHERE created_at < now() - make_interval(secs => %(kept)s)
  ORDER BY created_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED)
RETURNING 1
"""

_COUNT = """
SELECT count(*) FROM executions_idempotencykey
WHERE created_at < now() - make_interval(secs => %(kept)s)
"""


@dataclass(frozen=True)
class Wish:
    """A caller's key, and what it asks for with it: two wishes are the same if both are."""

    key: str
    fingerprint: str


def wish(key: str, *asked: Any) -> Wish:
    """The wish for what is asked, in JSON values. Raises Problem 400 for a key that is none."""
    if not _VISIBLE.fullmatch(key):
        raise Problem(
            400,
            "bad-idempotency-key",
            "An Idempotency-Key is 1 to 255 visible ASCII characters without spaces, such as a "
            "UUID.",
        )
    return Wish(key, canonical.digest(list(asked)))


def form_wish(token: UUID, *asked: Any) -> Wish:
    """The wish of a form that carries this token. No caller of the API can give such a key."""
    return Wish(f"form {token}", canonical.digest(list(asked)))


def once(
    tenant_id: UUID, wish: Wish | None, make: Callable[[UUID | None], Execution]
) -> tuple[Execution, bool]:
    """The run that was made for a wish, and whether that was before; in the open tenant scope.

    `make` starts the run under the id that it is given. Without a wish it always does. Raises
    Problem 422 for a key that was used for another wish, and what `make` raises, which must undo
    the transaction.
    """
    if wish is None:
        return make(None), False
    execution_id = uuid_utils.compat.uuid7()
    values = {
        "tenant": tenant_id,
        "key": wish.key,
        "fingerprint": wish.fingerprint,
        "execution": execution_id,
        "kept": settings.KEEP_IDEMPOTENCY_KEYS_SECONDS,
    }
    if scope.prepared().first(_KEEP, values) is not None:
        return make(execution_id), False
    kept = IdempotencyKey.objects.get(tenant_id=tenant_id, key=wish.key)
    if kept.fingerprint != wish.fingerprint:
        raise Problem(
            422,
            "idempotency-key-reused",
            "This Idempotency-Key was used for another request. Give each request a key of its "
            "own, and the same key only to the same request again.",
        )
    rows = Execution.objects.select_related("workflow", "version")
    return rows.get(id=kept.execution_id), True


def forget_keys(batches: int) -> Counter[str]:
    """Delete keys that are past their time; says how many `keys` there were."""
    return in_batches(_forget, batches)


def expired_keys() -> Counter[str]:
    """What `forget_keys` would delete now."""
    with scope.operator(REASON):
        row = scope.prepared().first(_COUNT, {"kept": settings.KEEP_IDEMPOTENCY_KEYS_SECONDS})
    return Counter(keys=row[0] if row else 0)


def _forget(db: Prepared, after: UUID) -> tuple[UUID | None, Counter[str]]:
    """They are found by their age: there is no place after which to go on."""
    values = {"kept": settings.KEEP_IDEMPOTENCY_KEYS_SECONDS, "batch": BATCH}
    gone = len(db.run(_FORGET, values))
    return (ids.FIRST if gone else None), Counter(keys=gone)
