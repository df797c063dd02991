"""The front door: find, verify, count; dedupe, store, start at once; then an honest answer."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple
from uuid import UUID

import uuid_utils.compat
from django.conf import settings

from executions import dispatch, failpoints
from executions import services as executions
from executions.moves import NewExecution
from executions.storable import dump
from tenants import services as tenants
from tenants.masking import masked_headers
from tenants.problems import Problem
from tenants.scope import Prepared, prepared_transaction
from webhooks import bodies, limits, signatures, statements
from webhooks.signatures import GenericOptions, Message
from workflows.definition import JSON

LONGEST_ID = 150  # characters of a provider's delivery id that is kept in clear
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Challenged(Exception):  # noqa: N818 - it is no error
    """The provider only tries the address: answer with `text`, store nothing, run nothing."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Refusal(NamedTuple):
    """An answer that is always the same. A new exception each time: one that is raised again keeps
    the frames of every request that it was raised for, bodies and secrets with them."""

    status: int
    code: str
    detail: str

    def problem(self) -> Problem:
        return Problem(*self)


REFUSED = Refusal(401, "bad-signature", "The request's signature is missing, wrong or too old.")
UNKNOWN = Refusal(404, "not-found", "There is no webhook endpoint at this address.")
NOT_LIVE = Refusal(409, "not-published", "The endpoint's workflow has no live version.")
BROKEN_OFF = Refusal(400, "broken-off", "The request broke off before its end.")


@dataclass(frozen=True)
class Received:
    """A delivery that is stored; `duplicate` when it had been before."""

    delivery_id: UUID
    execution_id: UUID | None
    tenant_id: UUID
    answer: str  # of webhooks.models.ANSWERS: with what its caller is answered
    duplicate: bool = False


class _Endpoint(NamedTuple):
    tenant_id: UUID
    id: UUID
    scheme: str
    options: str  # JSON
    secret: bytes
    previous: bytes | None  # while it is still good
    workflow_id: UUID
    version_id: UUID | None
    answer: str
    rate: str


def receive(
    token: str,
    headers: Mapping[str, str],
    query: Mapping[str, JSON],
    body: bytes,
    *,
    raw_query: str = "",
    client: str = "",
) -> Received:
    """Take in one request; header names are lower case. What is returned is committed.

    `raw_query` is the query as it was sent, without its question mark; `client` the sender's
    address. Raises Challenged.
    Raises Problem: 404 unknown endpoint, 401 bad or stale signature, 409 nothing published, 413
    too large, 415 a type that is not read, 422 not what it says it is, or not what the input
    schema asks for, 429 too many, 507 the tenant has stored as much as it may.
    """
    if len(body) > settings.MAX_PAYLOAD_BYTES:
        raise too_large()
    if not _TOKEN.fullmatch(token):
        raise UNKNOWN.problem()
    limits.check_flood(token, client)
    with prepared_transaction() as db:
        endpoint = _find(db, token)
    try:
        delivery_id = _verify(endpoint, Message(headers, body, address(token, raw_query)))
    except Problem:
        limits.count_refused(token, client)
        raise
    limits.admit(endpoint.tenant_id, endpoint.id, endpoint.rate)
    with prepared_transaction() as db:
        received, queued = _store(db, endpoint, delivery_id, headers, query, body)
    failpoints.hit("after_begin_before_wake")
    dispatch.wake(queued)
    return received


def too_large() -> Problem:
    """The answer to a body over the limit."""
    limit = settings.MAX_PAYLOAD_BYTES
    return Problem(413, "too-large", f"A webhook's body may have {limit} bytes at most.")


def address(token: str, raw_query: str = "") -> str:
    """Where the world sends its requests, by our own settings and not by what a request says."""
    url = f"{settings.PUBLIC_URL}/hooks/{token}/"
    return f"{url}?{raw_query}" if raw_query else url


def secret_purpose(endpoint_id: UUID) -> str:
    """What an endpoint's secret is sealed for."""
    return f"endpoint:{endpoint_id}"


def _find(db: Prepared, token: str) -> _Endpoint:
    db.enter_operator()  # the token says whose endpoint it is
    row = db.first(statements.FIND, {"token": token}, last=True)
    if row is None:
        raise UNKNOWN.problem()
    return _Endpoint(*row)


def _verify(endpoint: _Endpoint, message: Message) -> str | None:
    """The provider's id of the delivery, if it has one. Raises Problem 401, Challenged."""
    purpose = secret_purpose(endpoint.id)
    secrets = [
        tenants.unseal(endpoint.tenant_id, purpose, sealed)
        for sealed in (endpoint.secret, endpoint.previous)
        if sealed
    ]
    form = signatures.OPTIONS.get(endpoint.scheme)
    options = form.model_validate_json(endpoint.options) if form else None
    verdict = signatures.verify(endpoint.scheme, options, secrets, message, time.time())
    if not verdict.ok:
        raise REFUSED.problem()
    if verdict.challenge is not None:
        raise Challenged(verdict.challenge)
    return verdict.delivery_id


def _store(
    db: Prepared,
    endpoint: _Endpoint,
    delivery_id: str | None,
    headers: Mapping[str, str],
    query: Mapping[str, JSON],
    body: bytes,
) -> tuple[Received, int]:
    """The delivery and how many steps of its execution workers are to be woken for."""
    shown = masked_headers(headers)
    received = Received(
        uuid_utils.compat.uuid7(), uuid_utils.compat.uuid7(), endpoint.tenant_id, endpoint.answer
    )
    key = {
        "tenant": endpoint.tenant_id,
        "endpoint": endpoint.id,
        "key": _dedupe_key(endpoint, delivery_id, headers, body),
    }
    row = {
        **key,
        "id": received.delivery_id,
        "execution": received.execution_id,
        "headers": dump({**shown}),
        "size": len(body),
    }
    db.enter_tenant(endpoint.tenant_id)
    if db.first(statements.DELIVER, row) is None:
        first = db.first(statements.FIRST, key)
        delivery, execution = first or (received.delivery_id, None)
        earlier = replace(received, delivery_id=delivery, execution_id=execution, duplicate=True)
        return earlier, 0
    return received, _begin(db, endpoint, received, shown, query, body)


def _begin(
    db: Prepared,
    endpoint: _Endpoint,
    received: Received,
    headers: Mapping[str, str],
    query: Mapping[str, JSON],
    body: bytes,
) -> int:
    if endpoint.version_id is None:
        raise NOT_LIVE.problem()
    plan = executions.plan_of(endpoint.version_id)
    value = _value(headers.get("content-type", ""), body)
    executions.check_input(plan, value)
    begun = executions.begin(
        db,
        tenant_id=endpoint.tenant_id,
        plan=plan,
        new=NewExecution(
            workflow_id=endpoint.workflow_id,
            version_id=endpoint.version_id,
            kind="webhook",
            trigger=executions.trigger(kind="webhook", body=value, headers=headers, query=query),
            timeout=plan.definition.limits.timeout,
        ),
        message="Started by a webhook.",
        execution_id=received.execution_id,
        last=True,
    )
    return begun.ready


def _dedupe_key(
    endpoint: _Endpoint, delivery_id: str | None, headers: Mapping[str, str], body: bytes
) -> str:
    if delivery_id is not None:
        return _id_key(delivery_id)
    if endpoint.scheme == "none":
        return f"none:{uuid_utils.compat.uuid7()}"  # nothing tells a repeat from a second event
    digest = hashlib.sha256(body)
    for name in _signing_headers(endpoint):
        digest.update(b"\0" + headers.get(name, "").encode("utf-8", "surrogatepass"))
    return f"sha256:{digest.hexdigest()}"


def _id_key(delivery_id: str) -> str:
    """The id itself, so that people find it; a hash of one that is too long for the column."""
    if len(delivery_id) <= LONGEST_ID:
        return f"id:{delivery_id}"
    return f"id-sha256:{hashlib.sha256(delivery_id.encode()).hexdigest()}"


def _signing_headers(endpoint: _Endpoint) -> list[str]:
    if endpoint.scheme != "generic":
        return []
    options = _options(endpoint.options)
    return [name for name in (options.header, options.timestamp_header) if name is not None]


def _options(text: str) -> GenericOptions:
    return GenericOptions.model_validate_json(text)


def _value(content_type: str, body: bytes) -> JSON:
    """What the body says. Raises Problem 415 or 422."""
    value = bodies.parse(content_type, body)
    if not isinstance(value, bodies.Flaw):
        return value
    status, code, detail, field = value
    errors = [{"field": field, "code": code, "message": detail}] if field else []
    raise Problem(status, code, detail, errors=errors)
