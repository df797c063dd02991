"""The sealed columns of webhooks."""

from __future__ import annotations

from tenants.services import SealedColumn
from webhooks.models import Endpoint
from webhooks.receive import secret_purpose


def _of_endpoint(row: Endpoint) -> str:
    return secret_purpose(row.id)


SEALED = (
    SealedColumn(Endpoint, "sealed_secret", _of_endpoint),
    SealedColumn(Endpoint, "sealed_previous", _of_endpoint),
)
