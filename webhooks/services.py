"""What is done with endpoints: create, rotate, switch, delete. Receiving is `webhooks.receive`.

All of it works in the open tenant scope.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import Http404
from pydantic import ValidationError

from tenants import services as tenant_services
from tenants.principals import Principal
from tenants.problems import Problem
from tenants.roles import Permission
from webhooks import addresses, signatures
from webhooks.addresses import AllowListError
from webhooks.models import Endpoint
from webhooks.receive import secret_purpose
from webhooks.signatures import GenericOptions
from workflows.models import Workflow

OVERLAP = timedelta(hours=24)  # after a rotation the secret before it stays good for so long
WITH_OPTIONS = "generic"


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
    return f"{settings.PUBLIC_URL}/hooks/{endpoint.token}/"


def may_know(endpoint: Endpoint, caller: Principal | None) -> bool:
    """Whether to show the address: one that is all it takes is for those who may start runs.

    Without a caller the staff asks.
    """
    return not endpoint.is_open or caller is None or caller.may(Permission.RUN)


def create(
    *,
    workflow: Workflow,
    scheme: str = signatures.DEFAULT,
    options: Mapping[str, Any] | None = None,
    secret: str | None = None,
    allowed_ips: Sequence[str] = (),
) -> IssuedSecret:
    """Give a workflow an address. `secret` is for providers that choose it themselves.

    Raises Problem 422 for an unknown scheme, options or a secret that do not fit it, and as
    `set_allowed_ips` does.
    """
    checked = check_options(scheme, options)
    secret = _fitting(scheme, secret)
    endpoint = Endpoint(
        tenant_id=workflow.tenant_id,
        workflow=workflow,
        token=secrets.token_urlsafe(32),
        scheme=scheme,
        options=checked.model_dump() if checked else {},
        allowed_ips=checked_ips(allowed_ips),
    )
    endpoint.sealed_secret = _seal(endpoint, secret)
    endpoint.save(force_insert=True)
    return IssuedSecret(endpoint, secret)


def rotate(*, endpoint: Endpoint, secret: str | None = None) -> IssuedSecret:
    """Replace the secret; the old one stays good for 24 hours.

    Raises Problem 409 for a scheme without secrets, 422 for a secret that does not fit.
    """
    secret = _fitting(endpoint.scheme, secret)
    if not secret:
        raise Problem(409, "no-secret", f"The scheme {endpoint.scheme!r} has no secret to rotate.")
    locked = Endpoint.objects.select_for_update(no_key=True).get(id=endpoint.id)
    endpoint.sealed_previous = locked.sealed_secret
    endpoint.sealed_secret = _seal(endpoint, secret)
    endpoint.previous_expires_at = Now() + OVERLAP
    endpoint.save(update_fields=["sealed_secret", "sealed_previous", "previous_expires_at"])
    endpoint.refresh_from_db(fields=["previous_expires_at"])
    return IssuedSecret(endpoint, secret)


def set_allowed_ips(*, endpoint: Endpoint, allowed_ips: Sequence[str]) -> None:
    """Take requests from these addresses and networks only; an empty list is all.

    Raises Problem 422 for an entry that is none, and for too many.
    """
    endpoint.allowed_ips = checked_ips(allowed_ips)
    endpoint.save(update_fields=["allowed_ips"])


def set_enabled(*, endpoint: Endpoint, enabled: bool) -> None:
    """A disabled endpoint answers as if it did not exist."""
    endpoint.enabled = enabled
    endpoint.save(update_fields=["enabled"])


def delete(*, endpoint: Endpoint) -> None:
    """Remove the address and the record of what came in there; executions stay."""
    endpoint.delete()


def check_options(scheme: str, options: Mapping[str, Any] | None) -> GenericOptions | None:
    """The options of the generic scheme; the other schemes have none. Raises Problem 422."""
    if scheme not in signatures.SCHEMES:
        known = ", ".join(signatures.SCHEMES)
        raise _unfit("scheme", f"There is no signature scheme {scheme!r}. Known: {known}.")
    if scheme != WITH_OPTIONS:
        if options:
            raise _unfit("options", f"Only the scheme {WITH_OPTIONS!r} has options.")
        return None
    try:
        return GenericOptions.model_validate(dict(options or {}))
    except ValidationError as invalid:
        raise _unfit_options(invalid) from None


def checked_ips(entries: Sequence[str]) -> list[str]:
    """An allow-list in its shortest spelling. Raises Problem 422 with the entry that is none."""
    if isinstance(entries, str) or not all(isinstance(entry, str) for entry in entries):
        raise _unfit("allowed_ips", 'This must be a list of addresses, such as ["192.0.2.0/24"].')
    try:
        return addresses.normalised(entries)
    except AllowListError as flaw:
        field = "allowed_ips" if flaw.index is None else f"allowed_ips.{flaw.index}"
        raise _unfit(field, flaw.message) from None


def _fitting(scheme: str, secret: str | None) -> str:
    """The given secret if it fits the scheme, or a new one. Raises Problem 422."""
    if secret is None:
        return signatures.new_secret(scheme)
    try:
        signatures.check_secret(scheme, secret)
    except ValueError as flaw:
        raise _unfit("secret", str(flaw)) from None
    return secret


def _seal(endpoint: Endpoint, secret: str) -> bytes:
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
