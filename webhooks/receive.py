"""The front door: find, verify, count, dedupe, store, start; one transaction, an honest answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

import uuid_utils.compat
from django.conf import settings

from executions import dispatch, failpoints
from executions import services as executions
from executions.moves import NewExecution
from executions.plan import Plan
from tenants import services as tenants
from tenants.problems import Problem
from tenants.scope import Call, Prepared, prepared_transaction
from webhooks import addresses, bodies, dedupe, limits, rejects, signatures, statements, targets
from webhooks.incoming import Incoming, Received, Target
from webhooks.refusals import (
    IP_DENIED,
    NOT_LIVE,
    REFUSED,
    Hold,
    Reason,
    reason_of,
    too_large,
)
from webhooks.signatures import GenericOptions
from workflows.definition import JSON


class Challenged(Exception):  # noqa: N818 - it is no error
    """The provider only tries the address: answer with `text`, store nothing, run nothing."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def receive(
    token: str,
    headers: Mapping[str, str],
    query: Mapping[str, JSON],
    body: bytes,
    *,
    raw_query: str = "",
    client: str | None = None,
    size: int | None = None,
) -> Received:
    """Take in one request; header names are lower case. What is returned is committed.

    `raw_query` is the query as it was sent, without its question mark; `client` the sender's IP
    address; `size` what it declared, if the body was not read. Raises Challenged.
    Raises Problem: 404 unknown endpoint, 403 address not allowed, 401 bad or stale signature, 409
    nothing published, 413 too large, 415 a type that is not read, 422 not what it says it is, or
    not what the input schema asks for, 429 too many, 507 the tenant has stored as much as it may.
    A refusal at an endpoint that exists is written down, but for one sender's flood of them.
    """
    limits.check_flood(token, client)
    request = Incoming(headers, query, body, client, len(body) if size is None else size)
    message = signatures.Message(headers, body, address(token, raw_query))
    arrival = _Arrival(token, request, message)
    try:
        target, received, ready = arrival.stored()
    except Problem as problem:
        if arrival.target is not None:
            limits.count_refused(token, client, reason_of(problem))
            rejects.keep_refused(arrival.target, request, problem)
        raise
    if received.duplicate:
        rejects.keep_duplicate(target, request, received.delivery_id, received.execution_id)
    failpoints.hit("after_begin_before_wake")
    dispatch.wake(ready)
    return received


def address(token: str, raw_query: str = "") -> str:
    """Where the world sends its requests, by our own settings and not by what a request says."""
    url = f"{settings.PUBLIC_URL}/hooks/{token}/"
    return f"{url}?{raw_query}" if raw_query else url


def secret_purpose(endpoint_id: UUID) -> str:
    """What an endpoint's secret is sealed for."""
    return f"endpoint:{endpoint_id}"


def read_body(headers: Mapping[str, str], body: bytes) -> JSON:
    """What a body says, by the type that its headers declare. Raises Problem 415 or 422."""
    value = bodies.parse(headers.get("content-type", ""), body)
    if not isinstance(value, bodies.Flaw):
        return value
    status, code, detail, field = value
    errors = [{"field": field, "code": code, "message": detail}] if field else []
    raise Problem(status, code, detail, errors=errors)


class _Stored(NamedTuple):
    """A delivery at its endpoint, and how many steps of its run workers are to be woken for."""

    target: Target
    received: Received
    ready: int


class _Arrival:
    """A request on its way in, and the endpoint that it came in at, once that is known."""

    def __init__(self, token: str, request: Incoming, message: signatures.Message) -> None:
        self._token, self._request, self._message = token, request, message
        self._counted = False
        self.target: Target | None = None

    def stored(self) -> _Stored:
        """Take it in. Raises Problem and Challenged, by what was looked up only now: nobody is
        refused for what was true once.
        """
        known = targets.known(self._token)
        while True:
            try:
                stored = self._try(known)
                if stored is not None:
                    return stored
            except targets.ChangedError:
                known = None
            except (Problem, Challenged):
                if known is None:
                    raise
                known = None

    def _try(self, known: Target | None) -> _Stored | None:
        """One transaction: find, verify, count, store. None: it was counted now, and not stored."""
        self.target = known
        with prepared_transaction() as db:
            target = self.target = known or targets.find(db, self._token)
            dedupe_key = _check(target, self._request, self._message)
            self._counted = self._counted or limits.admit_at_once(target)
            if self._counted:
                return _Stored(target, *_store(db, target, dedupe_key, self._request))
        limits.admit(target)  # asks others, so no transaction is open; then it begins anew
        self._counted = True
        return None


def _check(target: Target, request: Incoming, message: signatures.Message) -> str:
    """What makes the delivery known when it comes again, of one that its sender may send."""
    if not addresses.is_allowed(target.allowed_ips, request.client):
        raise IP_DENIED.problem(Reason.IP_DENIED)
    if request.size > settings.MAX_PAYLOAD_BYTES:
        raise too_large()
    return _verify(target, message)


def _verify(target: Target, message: signatures.Message) -> str:
    """What makes the delivery known when it comes again. Raises Problem 401, Challenged."""
    purpose = secret_purpose(target.id)
    secrets = [
        tenants.unseal(target.tenant_id, purpose, sealed)
        for sealed in (target.secret, target.previous)
        if sealed
    ]
    form = signatures.OPTIONS.get(target.scheme)
    options = form.model_validate_json(target.options) if form else None
    verdict = signatures.verify(target.scheme, options, secrets, message, time.time())
    if not verdict.ok:
        raise REFUSED.problem(Reason(verdict.reason))
    if verdict.challenge is not None:
        raise Challenged(verdict.challenge)
    generic = options if isinstance(options, GenericOptions) else None
    return dedupe.key(target.scheme, generic, verdict.delivery_id, message.headers, message.body)


def _store(
    db: Prepared, target: Target, dedupe_key: str, request: Incoming
) -> tuple[Received, int]:
    """The delivery, and how many steps of its execution workers are to be woken for.

    Raises Problem, ChangedError.
    """
    paused = target.is_paused
    received = Received(
        uuid_utils.compat.uuid7(),
        None if paused else uuid_utils.compat.uuid7(),
        target.tenant_id,
        target.answer,
        paused=paused,
    )
    key = {
        "tenant": target.tenant_id,
        "endpoint": target.id,
        "revision": target.revision,
        "key": dedupe_key,
    }
    db.enter_tenant(target.tenant_id)
    try:
        plan, new = _planned(db, target, request)
    except Problem:
        first = _stored_before(db, key, received)  # before another version was live
        if first is None:
            raise
        return first, 0
    deliver = (statements.DELIVER, {**key, **_row(received, request)})
    if paused:
        stored, ready = db.first(*deliver) is not None, 0
    else:
        stored, ready = _started(db, deliver, target, plan, new, received)
    if stored:
        return received, ready
    with prepared_transaction() as again:  # that which was to store it may have ended
        again.enter_tenant(target.tenant_id)
        first = _stored_before(again, key, received)
    if first is None:
        raise targets.ChangedError
    return first, 0


def _row(received: Received, request: Incoming) -> dict[str, object]:
    return {
        **request.columns(),
        "id": received.delivery_id,
        "execution": received.execution_id,
        "reason": (Reason.PAUSED if received.paused else Reason.ACCEPTED).value,
        "hold": Hold.WAITING.value if received.paused else "",
    }


def _stored_before(db: Prepared, key: Mapping[str, object], received: Received) -> Received | None:
    """What was stored of it before. Raises ChangedError: who is told of it is looked at again."""
    first = db.first(statements.FIRST, key)
    if first is None or not first[0]:
        raise targets.ChangedError
    _, delivery_id, execution_id, hold = first
    if delivery_id is None:
        return None
    return replace(
        received,
        delivery_id=delivery_id,
        execution_id=execution_id,
        duplicate=True,
        paused=hold == Hold.WAITING,
    )


def _planned(db: Prepared, target: Target, request: Incoming) -> tuple[Plan, NewExecution]:
    """The run that it is to begin: of a paused workflow, too, it is seen whether there could be
    one."""
    if target.version_id is None:
        raise NOT_LIVE.problem(Reason.NOT_PUBLISHED)
    plan = executions.known(target.version_id)
    if plan is None:
        db.open()
        plan = executions.plan_of(target.version_id)
    value = read_body(request.headers, request.body)
    executions.check_input(plan, value)
    return plan, NewExecution(
        workflow_id=target.workflow_id,
        version_id=target.version_id,
        kind="webhook",
        trigger=executions.trigger(
            kind="webhook", body=value, headers=request.shown, query=request.query
        ),
        timeout=plan.definition.limits.timeout,
    )


def _started(
    db: Prepared,
    deliver: Call,
    target: Target,
    plan: Plan,
    new: NewExecution,
    received: Received,
) -> tuple[bool, int]:
    """Whether the delivery and its run were stored, and how many steps are ready."""
    assert received.execution_id is not None  # noqa: S101 - of one that is not paused
    begun = executions.begin_if(
        db,
        deliver,
        tenant_id=target.tenant_id,
        plan=plan,
        new=new,
        message="Started by a webhook.",
        execution_id=received.execution_id,
    )
    return begun is not None, begun.ready if begun else 0
