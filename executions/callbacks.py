"""The one-time addresses of steps that wait for a call: signed, so that none can be guessed."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.urls import reverse

_SALT = "stepwell.callback"


class Callback(NamedTuple):
    """The step that an address is for."""

    tenant_id: UUID
    execution_id: UUID
    step: str


def address(callback: Callback) -> str:
    """The URL to call."""
    token = signing.Signer(salt=_SALT).sign(
        f"{callback.tenant_id.hex}.{callback.execution_id.hex}.{callback.step}"
    )
    return f"{settings.PUBLIC_URL}{reverse('executions:callback', args=[token])}"


def read(token: str) -> Callback | None:
    """The step that a token is for; None if it is not one of ours."""
    try:
        tenant, execution, step = signing.Signer(salt=_SALT).unsign(token).split(".")
    except (signing.BadSignature, ValueError):
        return None
    return Callback(UUID(tenant), UUID(execution), step)
