"""Keeping some of what started nothing, so that its sender can be helped and no flood does harm.

Of an endpoint and a reason, in an hour, the first requests are kept as rows, with their bodies as
long as those fit a budget together; the others are only counted, exactly, in one row (Tally). So a
flood costs one small update a request, whose commit waits for no disk. It locks nothing that an
accepted webhook needs: not the endpoint, only its own counter. What is done here comes after the
answer is decided and never changes it.
"""

from __future__ import annotations

import structlog
import uuid_utils.compat
from django.conf import settings

from executions.storable import dump
from tenants.problems import Problem
from tenants.scope import prepared_transaction
from webhooks import statements
from webhooks.incoming import Incoming, Target
from webhooks.refusals import Reason, reason_of
from workflows.definition import JSON

log = structlog.get_logger(__name__)

BODY_BYTES = 65_536  # of one refused request
HOUR_BYTES = 1_048_576  # of the bodies of one endpoint, reason and hour
HEADER_CHARACTERS = 16_384
ERRORS = 20  # of a problem


def keep_refused(target: Target, request: Incoming, problem: Problem) -> None:
    """Write down, or count, a request that was answered with this problem."""
    errors: list[JSON] = [*problem.errors[:ERRORS]]
    said = dump({"detail": problem.detail, "errors": errors})
    _keep(target, request, reason_of(problem), problem.status, {"problem": said})


def keep_duplicate(target: Target, request: Incoming, of: object, execution: object) -> None:
    """Write down, or count, a repeat of the delivery `of`, which that execution came of."""
    known = {"duplicate_of": of, "execution": execution}
    _keep(target, request, Reason.DUPLICATE, 200, known)


def _keep(
    target: Target, request: Incoming, reason: Reason, status: int, more: dict[str, object]
) -> None:
    try:
        _write(target, request, reason, status, more)
    except Exception:  # whatever it is, the sender has nothing to do with it
        log.warning("did not keep a request", endpoint=str(target.id), reason=reason, exc_info=True)


def _write(
    target: Target, request: Incoming, reason: Reason, status: int, more: dict[str, object]
) -> None:
    body = None if reason is Reason.TOO_LARGE else request.body[:BODY_BYTES]
    values = {
        "problem": None,
        "duplicate_of": None,
        "execution": None,
        **request.columns(),
        **more,
        "id": uuid_utils.compat.uuid7(),
        "tenant": target.tenant_id,
        "endpoint": target.id,
        "reason": reason.value,
        "status": status,
        "headers": _bounded(request.shown),
        "body": body,
        "rows": settings.MAX_KEPT_REFUSALS,
        "body_bytes": len(body or b""),
        "hour_bytes": HOUR_BYTES,
    }
    with prepared_transaction() as db:
        db.enter_tenant(target.tenant_id)
        db.run(statements.UNHURRIED)
        db.run(statements.REJECT, values, last=True)


def _bounded(headers: dict[str, str]) -> str | None:
    """As JSON; the longest are left out if they are too long together."""
    left = HEADER_CHARACTERS
    kept: dict[str, JSON] = {}
    for name, value in sorted(headers.items(), key=lambda pair: len(pair[1])):
        left -= len(name) + len(value)
        if left < 0:
            break
        kept[name] = value
    return dump(kept)
