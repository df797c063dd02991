"""What is done with endpoints: create, change, rotate, delete. Receiving is `webhooks.receive`.

All of it works in the open tenant scope.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import Http404
from pydantic import ValidationError

from executions import services as executions
from tenants import services as tenant_services
from tenants.actions import Action
from tenants.limits import Quota
from tenants.principals import Principal
from tenants.problems import Problem
from tenants.roles import Permission
from tenants.services import audit
from webhooks import addresses, signatures
from webhooks.addresses import AllowListError
from webhooks.models import ACK, RESPOND, Endpoint
from webhooks.receive import address, secret_purpose
from webhooks.signatures import Options
from workflows.models import Workflow

OVERLAP = timedelta(hours=24)  # after a rotation the secret before it stays good for so long


@dataclass(frozen=True)
class IssuedSecret:
    """An endpoint and its new secret, which is shown once and never again."""

    endpoint: Endpoint
    secret: str


def listed() -> QuerySet[Endpoint]:
    """The endpoints of the tenant."""
    return Endpoint.objects.select_related("workflow").defer("workflow__draft")


def find(*, endpoint_id: UUID) -> Endpoint:
    """The endpoint with this id. Raises Http404."""
    endpoint = listed().filter(id=endpoint_id).first()
    if endpoint is None:
        raise Http404
    return endpoint


def url(endpoint: Endpoint) -> str:
    """Where the world sends its requests."""
    return address(endpoint.token)


def may_know(endpoint: Endpoint, caller: Principal | None) -> bool:
    """Whether to show the address: one that is all it takes is for those who may start runs.

    Without a caller the staff asks.
    """
    return not endpoint.is_open or caller is None or caller.may(Permission.RUN)


def create(
    *,
    workflow: Workflow,
    name: str = "",
    scheme: str = signatures.DEFAULT,
    options: Mapping[str, Any] | None = None,
    secret: str | None = None,
    answer: str = ACK,
    rate: str = "",
    confirm: str = "",
    allowed_ips: Sequence[str] = (),
) -> IssuedSecret:
    """Give a workflow an address; without a name it has the workflow's slug for one.

    `secret` is for providers that choose it themselves, empty for those that have yet to show it:
    until it is rotated in, nothing is accepted. `confirm` is the name again, for a scheme that
    lets everyone in. Raises Problem 422 for an unknown scheme, options or a secret that do not fit
    it, an answer that the workflow cannot give, what is not confirmed, and as `change`;
    409 when the tenant has as many as it may.
    """
    name = name or workflow.slug
    check_answer(workflow, answer)
    _check_rate(rate)
    checked = _checked_options(scheme, options)
    _check_confirmed(scheme, name, confirm)
    secret = _fitting(scheme, secret)
    tenant_services.check_quota(workflow.tenant_id, Quota.ENDPOINTS, Endpoint.objects.all())
    endpoint = Endpoint(
        tenant_id=workflow.tenant_id,
        workflow=workflow,
        name=name,
        token=secrets.token_urlsafe(32),
        scheme=scheme,
        options=checked.model_dump() if checked else {},
        answer=answer,
        rate=rate,
        allowed_ips=checked_ips(allowed_ips),
    )
    return _issued(endpoint, secret)


def _issued(endpoint: Endpoint, secret: str) -> IssuedSecret:
    """Write a new endpoint with its secret, and tell of it."""
    endpoint.sealed_secret = _seal(endpoint, secret)
    endpoint.save(force_insert=True)
    settled = {name: getattr(endpoint, name) for name in ("scheme", "options", "answer")}
    after = {"workflow": endpoint.workflow.slug, **settled}
    audit.record(Action.ENDPOINT_CREATED, endpoint, after=after)
    return IssuedSecret(endpoint, secret)


def rotate(*, endpoint: Endpoint, secret: str | None = None) -> IssuedSecret:
    """Replace the secret; the old one stays good for 24 hours.

    Raises Problem 409 for a scheme without secrets, 422 for a secret that does not fit or that
    only the provider can choose.
    """
    secret = _fitting(endpoint.scheme, secret)
    if not secret:
        raise Problem(409, "no-secret", f"The scheme {endpoint.scheme!r} has no secret to rotate.")
    locked = Endpoint.objects.select_for_update(no_key=True).get(id=endpoint.id)
    endpoint.sealed_previous = locked.sealed_secret or None
    endpoint.previous_expires_at = Now() + OVERLAP if locked.sealed_secret else None
    endpoint.sealed_secret = _seal(endpoint, secret)
    endpoint.save(update_fields=["sealed_secret", "sealed_previous", "previous_expires_at"])
    endpoint.refresh_from_db(fields=["previous_expires_at"])
    after = {"previous_expires_at": endpoint.previous_expires_at}
    audit.record(Action.ENDPOINT_ROTATED, endpoint, after=after)
    return IssuedSecret(endpoint, secret)


def change(
    *,
    endpoint: Endpoint,
    name: str | None = None,
    answer: str | None = None,
    rate: str | None = None,
    enabled: bool | None = None,
    allowed_ips: Sequence[str] | None = None,
) -> None:
    """Change what is given: what people call it, with what callers are answered, how many webhooks
    it takes in a time (empty: as many as its tenant may), whether it is there at all, and from
    which addresses it takes requests (none: all).

    Raises Problem 422, and then changes nothing: an answer that the workflow cannot give, what is
    no rate or no address, too many addresses.
    """
    ips = None if allowed_ips is None else checked_ips(allowed_ips)
    _check_rate(rate or "")
    given = {"name": name, "answer": answer, "rate": rate, "enabled": enabled, "allowed_ips": ips}
    values = {key: value for key, value in given.items() if value is not None}
    locked = Endpoint.objects.select_for_update(no_key=True).get(id=endpoint.id)
    before = {key: getattr(locked, key) for key in values}
    if answer is not None and answer != locked.answer:
        check_answer(endpoint.workflow, answer)
    for key, value in values.items():
        setattr(endpoint, key, value)
    endpoint.save(update_fields=list(values))
    if enabled is not None:  # in the trail a verb of its own
        verb = Action.ENDPOINT_ENABLED if enabled else Action.ENDPOINT_DISABLED
        was = {"enabled": before.pop("enabled")}
        audit.record(verb, endpoint, before=was, after={"enabled": values.pop("enabled")})
    audit.record(Action.ENDPOINT_CHANGED, endpoint, before=before, after=values)


def delete(*, endpoint: Endpoint) -> None:
    """Remove the address and the record of what came in there; executions stay."""
    audit.record(Action.ENDPOINT_DELETED, endpoint, before={"scheme": endpoint.scheme})
    endpoint.delete()


def _check_rate(rate: str) -> None:
    try:
        Endpoint._meta.get_field("rate").clean(rate, None)
    except DjangoValidationError as invalid:
        raise _unfit("rate", invalid.messages[0]) from None


def check_answer(workflow: Workflow, answer: str) -> None:
    """Raises Problem 422 where callers would wait for a respond step that there is not.

    A workflow that is not published yet may get one.
    """
    version_id = workflow.current_id
    if answer == RESPOND and version_id is not None and not executions.responds(version_id):
        message = f"The live version of {workflow.slug!r} has no respond step. Publish one first."
        raise _unfit("answer", message)


def check(
    *,
    scheme: str,
    name: str,
    options: Mapping[str, Any] | None,
    secret: str | None,
    confirm: str,
) -> None:
    """Whether `create` would take these; raises its Problem 422 if not."""
    _checked_options(scheme, options)
    _check_confirmed(scheme, name, confirm)
    _fitting(scheme, secret)


def _checked_options(scheme: str, options: Mapping[str, Any] | None) -> Options | None:
    """The options of a scheme that has some, defaults included. Raises Problem 422."""
    if scheme not in signatures.SCHEMES:
        known = ", ".join(signatures.SCHEMES)
        raise _unfit("scheme", f"There is no signature scheme {scheme!r}. Known: {known}.")
    form = signatures.OPTIONS.get(scheme)
    if form is None:
        if options:
            known = " and ".join(signatures.OPTIONS)
            raise _unfit("options", f"The scheme {scheme!r} has no options; {known} have.")
        return None
    try:
        return form.model_validate(dict(options or {}))
    except ValidationError as invalid:
        raise _unfit_options(invalid) from None


def checked_ips(entries: Sequence[str]) -> list[str]:
    """An allow-list in its shortest spelling. Raises Problem 422 with the entry that is none."""
    is_list = isinstance(entries, Sequence) and not isinstance(entries, str)
    if not is_list or not all(isinstance(entry, str) for entry in entries):
        raise _unfit("allowed_ips", 'This must be a list of addresses, such as ["192.0.2.0/24"].')
    try:
        return addresses.normalised(entries)
    except AllowListError as flaw:
        field = "allowed_ips" if flaw.index is None else f"allowed_ips.{flaw.index}"
        raise _unfit(field, flaw.message) from None


def _check_confirmed(scheme: str, name: str, confirm: str) -> None:
    """Raises Problem 422 where everyone would be let in and the name was not typed again."""
    if scheme == "none" and confirm != name:
        raise _unfit(
            "confirm",
            "With the scheme 'none' everyone who learns the address can start runs. "
            f"To confirm, type the endpoint's name: {name}",
        )


def _fitting(scheme: str, secret: str | None) -> str:
    """The given secret if it fits the scheme, or a new one. Raises Problem 422."""
    try:
        if secret is None:
            return signatures.new_secret(scheme)
        signatures.check_secret(scheme, secret)
    except ValueError as flaw:
        raise _unfit("secret", str(flaw)) from None
    return secret


def _seal(endpoint: Endpoint, secret: str) -> bytes:
    if not secret:
        return b""
    return tenant_services.seal(endpoint.tenant_id, secret_purpose(endpoint.id), secret)


def _unfit(field: str, message: str) -> Problem:
    error = {"field": field, "code": "invalid", "message": message}
    return Problem(422, "invalid", message, errors=[error])


def _unfit_options(invalid: ValidationError) -> Problem:
    errors = [
        {
            "field": ".".join(["options", *map(str, detail["loc"])]),
            "code": detail["type"],
            "message": detail["msg"].removeprefix("Value error, "),
        }
        for detail in invalid.errors()
    ]
    return Problem(422, "invalid", "The options do not fit the scheme.", errors=errors)
