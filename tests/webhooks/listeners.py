"""A draft that listens, as its listener and its sender see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from executions.models import Execution
from tenants import scope
from tenants.problems import Problem
from tests import factories
from tests.webhooks import senders
from tests.webhooks.senders import BODY, Address
from webhooks import trials
from webhooks.incoming import Incoming, Received
from webhooks.models import TrialAddress, TrialRequest
from webhooks.trial_receive import receive_trial
from workflows.models import Workflow


@dataclass(frozen=True)
class Temporary(Address):
    """A test address as its sender knows it."""

    @property
    def path(self) -> str:
        return f"/hooks/test/{self.token}/"


@dataclass(frozen=True)
class Listener:
    """A workflow with a test address; as an Address it is known to those who sign."""

    workflow: Workflow
    address: Address

    def send(
        self,
        headers: dict[str, str] | None = None,
        body: bytes = BODY,
        client: str | None = "127.0.0.1",
    ) -> Received:
        """Deliver; signed rightly unless headers are given."""
        signed = senders.standard(self.address, body) if headers is None else headers
        return receive_trial(self.address.token, Incoming(signed, {}, body, client, len(body)))

    def refused(
        self,
        headers: dict[str, str] | None = None,
        body: bytes = BODY,
        client: str | None = "127.0.0.1",
    ) -> Problem:
        try:
            self.send(headers, body, client)
        except Problem as problem:
            return problem
        raise AssertionError("it was taken in")

    def came(self) -> list[TrialRequest]:
        """What the listener is shown, the newest first."""
        with scope.tenant(self.workflow.tenant_id):
            address = TrialAddress.objects.get(workflow=self.workflow)
            return list(trials.requests(address=address))

    def runs(self) -> list[Execution]:
        """All executions of the tenant, the oldest first."""
        with scope.tenant(self.workflow.tenant_id):
            return list(Execution.objects.select_related("version").order_by("id"))


def listen(workflow: Workflow, endpoint_id: UUID | None = None, secret: str = "") -> Listener:
    """Open its test address."""
    with scope.tenant(workflow.tenant_id):
        workflow.refresh_from_db()
        opened = trials.listen(workflow=workflow, endpoint_id=endpoint_id, by="ed@acme.example")
        tenant = workflow.tenant
    address = Temporary(tenant, opened.address.id, opened.address.token, opened.secret or secret)
    return Listener(workflow, address)


def draft_that_listens(definition: dict[str, Any] | None = None) -> Listener:
    """A workflow that was never published, and listens."""
    return listen(factories.make_draft(factories.make_tenant(), definition))


def close(listener: Listener) -> None:
    """As if its time were over."""
    with scope.tenant(listener.workflow.tenant_id):
        TrialAddress.objects.filter(workflow=listener.workflow).update(
            expires_at=Now() - timedelta(seconds=1)
        )
