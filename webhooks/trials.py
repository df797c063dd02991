"""Test addresses: a workflow listens for a few minutes, and its draft runs with what comes in.

All of it works in the open tenant scope. Receiving is `webhooks.trial_receive`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils import timezone

from tenants import services as tenants
from tenants.actions import Action
from tenants.problems import Problem
from tenants.services import audit
from webhooks import signatures, trial_receive
from webhooks.models import Endpoint, TrialAddress, TrialRequest
from workflows.models import Workflow


@dataclass(frozen=True)
class Opened:
    """A test address and its new secret, shown once; empty if it takes an endpoint's."""

    address: TrialAddress
    secret: str


def listen(*, workflow: Workflow, endpoint_id: UUID | None = None, by: str) -> Opened:
    """Give the workflow's draft an address, in place of the one it has.

    It takes the scheme and the secrets of an endpoint of the workflow, so that a provider's own
    test delivery is believed; without one, Standard Webhooks with a secret of its own.
    Raises Problem 422 if the workflow has no such endpoint.
    """
    Workflow.objects.select_for_update(no_key=True).get(pk=workflow.pk)  # one at a time
    endpoint = None if endpoint_id is None else _endpoint(workflow, endpoint_id)
    _forget(workflow)
    address = TrialAddress(
        tenant_id=workflow.tenant_id,
        workflow=workflow,
        endpoint=endpoint,
        token=secrets.token_urlsafe(32),
        opened_by=by,
        expires_at=_end(),
    )
    secret = ""
    if endpoint is None:
        secret = signatures.new_secret(signatures.DEFAULT)
        address.sealed_secret = tenants.seal(
            address.tenant_id, trial_receive.secret_purpose(address.id), secret
        )
    address.save(force_insert=True)
    address.refresh_from_db(fields=["expires_at"])
    after = {"workflow": workflow.slug, "scheme": scheme(address), "endpoint": endpoint_id}
    audit.record(Action.TRIAL_OPENED, address, after={**after, "expires_at": address.expires_at})
    return Opened(address, secret)


def latest(*, workflow: Workflow) -> TrialAddress | None:
    """The workflow's test address, whether it still listens or not."""
    return TrialAddress.objects.select_related("endpoint").filter(workflow=workflow).first()


def extend(*, workflow: Workflow) -> TrialAddress:
    """Let it listen for the whole time from now on. Raises Problem 409 if it listens no more."""
    address = _open(workflow)
    if address is None:
        raise Problem(409, "not-listening", "No test address listens just now. Listen anew.")
    _end_at(address, _end(), Action.TRIAL_EXTENDED)
    return address


def stop(*, workflow: Workflow) -> None:
    """Close the address; what came in can still be looked at. Nothing happens if it is closed."""
    address = _open(workflow)
    if address is not None:
        _end_at(address, Now(), Action.TRIAL_CLOSED)


@dataclass(frozen=True)
class Came:
    """A request that came in: how its run stands, if there is one."""

    id: UUID
    run_id: UUID | None
    run: str | None  # the status


def came(*, address: TrialAddress) -> tuple[Came, ...]:
    """All that came in, the newest first, without what was sent."""
    rows = address.requests.values_list("id", "execution_id", "execution__status")
    return tuple(Came(*row) for row in rows)


def headings(*, address: TrialAddress) -> QuerySet[TrialRequest]:
    """As `requests`, without what was sent."""
    return requests(address=address).defer("headers", "query", "body", "errors", "reason")


def requests(*, address: TrialAddress) -> QuerySet[TrialRequest]:
    """What came in, the newest first, with the executions."""
    rows = address.requests.select_related("execution")
    return rows.defer("execution__trigger", "execution__output", "execution__error")


def url(address: TrialAddress) -> str:
    """Where requests are to be sent."""
    return trial_receive.url(address.token)


def scheme(address: TrialAddress) -> str:
    """How its requests are signed."""
    return address.endpoint.scheme if address.endpoint else signatures.DEFAULT


def is_listening(address: TrialAddress) -> bool:
    """Whether it still takes requests."""
    return address.expires_at > timezone.now()


def _open(workflow: Workflow) -> TrialAddress | None:
    """The address that listens, kept from others until the transaction ends."""
    rows = TrialAddress.objects.select_for_update(of=("self",), no_key=True)
    rows = rows.select_related("endpoint")
    return rows.filter(workflow=workflow, expires_at__gt=Now()).first()


def _forget(workflow: Workflow) -> None:
    """Delete the address that the workflow has, and tell those who look at it."""
    for address in TrialAddress.objects.filter(workflow=workflow):
        trial_receive.wake(address.id)
        address.delete()


def _end_at(address: TrialAddress, moment: Now | CombinedExpression, verb: Action) -> None:
    before = {"expires_at": address.expires_at}
    address.expires_at = moment
    address.save(update_fields=["expires_at"])
    address.refresh_from_db(fields=["expires_at"])
    trial_receive.wake(address.id)
    audit.record(verb, address, before=before, after={"expires_at": address.expires_at})


def _end() -> CombinedExpression:
    return Now() + timedelta(seconds=settings.TEST_ADDRESS_SECONDS)


def _endpoint(workflow: Workflow, endpoint_id: UUID) -> Endpoint:
    endpoint = Endpoint.objects.filter(workflow=workflow, id=endpoint_id).first()
    if endpoint is None:
        message = f"The workflow {workflow.slug!r} has no such endpoint."
        error = {"field": "endpoint", "code": "unknown", "message": message}
        raise Problem(422, "invalid", message, errors=[error])
    return endpoint
