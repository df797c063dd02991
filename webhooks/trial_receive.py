"""What comes in at a test address: judged as at an endpoint, kept to be shown, run as a test.

Nothing here touches production: no delivery is stored, so nothing is a duplicate of anything.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import uuid_utils.compat
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from executions import events
from executions import services as executions
from executions.models import Execution
from executions.storable import storable
from tenants import scope
from tenants import services as tenants
from tenants.problems import Problem
from webhooks import addresses, receive, signatures, targets
from webhooks.incoming import LARGEST, Incoming, Received
from webhooks.models import ACK, Endpoint, TrialAddress, TrialRequest
from webhooks.receive import Challenged
from webhooks.refusals import IP_DENIED, REFUSED, UNKNOWN, Refusal, too_large
from webhooks.signatures import Options
from workflows.definition import JSON

KEPT = 20  # requests of one address
NOT_RUNNABLE = Refusal(409, "not-runnable", "The workflow's draft has errors and cannot be run.")


@dataclass(frozen=True)
class _Outcome:
    """What became of a request: the answer to its sender, and what the listener is told."""

    problem: Problem | None = None
    reason: str = ""
    errors: list[JSON] = field(default_factory=list)
    execution: Execution | None = None
    challenge: str | None = None

    @property
    def status(self) -> int:
        """Of the answer."""
        if self.problem is not None:
            return self.problem.status
        return 202 if self.challenge is None else 200


def receive_trial(token: str, incoming: Incoming, raw_query: str = "") -> Received:
    """Take in one request. What is returned, and what is shown, is committed.

    `raw_query` is the query as it was sent, without its question mark. Raises Challenged.
    Raises Problem: 404 nobody listens there, 403 address not allowed, 401 bad or stale signature,
    409 the draft has errors, 413 too large, 415 a type that is not read, 422 not what it says it
    is, or not what the draft's input schema asks for. With an endpoint's signatures it takes
    requests from where the endpoint does, and answers as it does.
    """
    with scope.tenant(_tenant_of(token)):
        address = _taken(token)
        outcome = _refusal(address, incoming) or _outcome(address, incoming, raw_query)
        request = _keep(address, incoming, outcome)
    if outcome.problem is not None:
        raise outcome.problem
    if outcome.challenge is not None:
        raise Challenged(outcome.challenge)
    mode = address.endpoint.answer if address.endpoint else ACK
    return Received(request.id, request.execution_id, address.tenant_id, mode)


def note_unread(token: str, incoming: Incoming, problem: Problem) -> None:
    """Show the listener a request whose body could not be read. Raises Problem 404."""
    with scope.tenant(_tenant_of(token)):
        _keep(_taken(token), incoming, _Outcome(problem, problem.detail))


def url(token: str, raw_query: str = "") -> str:
    """Where requests are to be sent, as their senders write and some of them sign it."""
    address = f"{settings.PUBLIC_URL}/hooks/test/{token}/"
    return f"{address}?{raw_query}" if raw_query else address


def group(address_id: UUID) -> str:
    """The channel layer's group of everyone who looks at what comes in there."""
    return f"trial.{address_id}"


def wake(address_id: UUID) -> None:
    """Make those who look at it look again, once this transaction is committed."""
    transaction.on_commit(partial(events.wake, group(address_id)))


def secret_purpose(address_id: UUID) -> str:
    """What a test address's own secret is sealed for."""
    return f"trial:{address_id}"


def _tenant_of(token: str) -> UUID:
    if not targets.TOKEN.fullmatch(token):
        raise UNKNOWN.problem()
    with scope.operator("a test address's token says whose it is"):
        tenant = TrialAddress.objects.filter(token=token).values_list("tenant_id", flat=True)
        found = tenant.first()
    if found is None:
        raise UNKNOWN.problem()
    return found


def _taken(token: str) -> TrialAddress:
    """The address, kept from who would replace it until the request is kept."""
    rows = TrialAddress.objects.select_for_update(of=("self",), no_key=True)
    rows = rows.select_related("endpoint", "workflow")
    address = rows.filter(token=token, expires_at__gt=Now(), workflow__archived_at=None).first()
    if address is None:
        raise UNKNOWN.problem()
    return address


def _refusal(address: TrialAddress, incoming: Incoming) -> _Outcome | None:
    """What is refused before its signature is looked at."""
    allowed = json.dumps(address.endpoint.allowed_ips if address.endpoint else [])
    if not addresses.is_allowed(allowed, incoming.client):
        sender = incoming.client or "an address that cannot be told"
        reason = f"It came from {sender}, and the endpoint's allow-list leaves that out."
        return _Outcome(IP_DENIED.problem(), reason)
    if incoming.size > settings.MAX_PAYLOAD_BYTES:
        problem = too_large()
        return _Outcome(problem, problem.detail)
    return None


def _outcome(address: TrialAddress, incoming: Incoming, raw_query: str) -> _Outcome:
    scheme, options, secrets = _proof(address)
    now = time.time()
    sent_to = url(address.token, raw_query)
    message = signatures.Message(incoming.headers, incoming.body, sent_to)
    verdict = signatures.verify(scheme, options, secrets, message, now)
    if not verdict.ok:
        reason = signatures.explain(scheme, options, verdict, message, now)
        return _Outcome(REFUSED.problem(), reason)
    if verdict.challenge is not None:
        reason = (
            "The provider only tries the address; it was answered as it asked, and nothing ran."
        )
        return _Outcome(reason=reason, challenge=verdict.challenge)
    try:
        with transaction.atomic():
            execution = executions.run_draft(
                workflow=address.workflow,
                kind="webhook",
                body=receive.read_body(incoming.headers, incoming.body),
                message="A test of the draft by a webhook.",
                headers=incoming.shown,
                query=incoming.query,
            )
    except Problem as problem:
        answer = NOT_RUNNABLE.problem() if problem.code == "not-runnable" else problem
        return _Outcome(answer, problem.detail, list(problem.errors))
    return _Outcome(execution=execution)


def _proof(address: TrialAddress) -> tuple[str, Options | None, list[str]]:
    """Scheme, options and secrets: the endpoint's as they are now, or its own."""
    endpoint = address.endpoint
    if endpoint is None:
        purpose, sealed = secret_purpose(address.id), address.sealed_secret or b""
        return signatures.DEFAULT, None, [tenants.unseal(address.tenant_id, purpose, sealed)]
    purpose = receive.secret_purpose(endpoint.id)
    form = signatures.OPTIONS.get(endpoint.scheme)
    options = form.model_validate(endpoint.options) if form else None
    return (
        endpoint.scheme,
        options,
        [tenants.unseal(endpoint.tenant_id, purpose, sealed) for sealed in _good_secrets(endpoint)],
    )


def _good_secrets(endpoint: Endpoint) -> list[bytes | memoryview]:
    """The sealed ones: the newest, and the one before it while a rotation's overlap lasts."""
    until = endpoint.previous_expires_at
    is_good = until is not None and until > timezone.now()
    previous = endpoint.sealed_previous if is_good else None
    return [sealed for sealed in (endpoint.sealed_secret, previous) if sealed]


def _keep(address: TrialAddress, incoming: Incoming, outcome: _Outcome) -> TrialRequest:
    request = TrialRequest.objects.create(
        id=uuid_utils.compat.uuid7(),
        tenant_id=address.tenant_id,
        address=address,
        status=outcome.status,
        reason=outcome.reason,
        errors=storable(outcome.errors),
        headers=storable({**incoming.shown}),
        query=storable({**incoming.query}),
        body=incoming.body.decode("utf-8", "replace").replace("\0", "\ufffd"),
        size=min(incoming.size, LARGEST),
        execution=outcome.execution,
    )
    newest = address.requests.order_by("-id").values("id")[:KEPT]
    address.requests.exclude(id__in=list(newest.values_list("id", flat=True))).delete()
    wake(address.id)
    return request
