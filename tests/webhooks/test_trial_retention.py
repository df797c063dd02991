"""What came in at a test address is forgotten some days after it closed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.db.models.functions import Now

from tenants import scope
from tests.webhooks.listeners import Listener, draft_that_listens
from webhooks import retention
from webhooks.models import TrialAddress, TrialRequest

pytestmark = pytest.mark.usefixtures("committed_db")


def closed(days: float) -> Listener:
    """An address with a request, that closed so many days ago."""
    listener = draft_that_listens()
    listener.send()
    with scope.tenant(listener.workflow.tenant_id):
        TrialAddress.objects.update(expires_at=Now() - timedelta(days=days))
    return listener


def test_an_old_address_goes_with_what_came_in_there() -> None:
    old = closed(settings.KEEP_DELIVERIES_DAYS + 0.1)
    new = closed(settings.KEEP_DELIVERIES_DAYS - 0.1)
    assert retention.expired_addresses() == {"addresses": 1}
    assert retention.forget_addresses(10) == {"addresses": 1}
    with scope.operator("a test looks at what is left"):
        left = set(TrialRequest.objects.values_list("tenant_id", flat=True))
    assert left == {new.workflow.tenant_id}
    assert len(old.runs()) == 1  # a run is forgotten in its own time
