"""The sealed columns of webhooks."""

from __future__ import annotations

from tenants.services import SealedColumn
from webhooks import trial_receive
from webhooks.models import Endpoint, TrialAddress
from webhooks.receive import secret_purpose


def _of_endpoint(row: Endpoint) -> str:
    return secret_purpose(row.id)


def _of_trial(row: TrialAddress) -> str:
    return trial_receive.secret_purpose(row.id)


SEALED = (
    SealedColumn(Endpoint, "sealed_secret", _of_endpoint),
    SealedColumn(Endpoint, "sealed_previous", _of_endpoint),
    SealedColumn(TrialAddress, "sealed_secret", _of_trial),
)
