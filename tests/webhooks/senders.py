"""The other systems: they sign with the published libraries and rules, not with our code."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook

from executions.models import Event, Execution
from tenants import scope
from tenants.models import Tenant
from tests import factories
from webhooks import services
from webhooks.incoming import Received
from webhooks.models import Delivery, Endpoint
from webhooks.receive import receive
from workflows.models import Workflow

BODY = b'{"order_id": "1001"}'


@dataclass(frozen=True)
class Address:
    """An endpoint as its sender knows it."""

    tenant: Tenant
    endpoint_id: UUID
    token: str
    secret: str

    @property
    def path(self) -> str:
        return f"/hooks/{self.token}/"

    def endpoint(self) -> Endpoint:
        with scope.tenant(self.tenant.id):
            return Endpoint.objects.get(id=self.endpoint_id)


def make_address(
    scheme: str = "standard-webhooks",
    options: dict[str, Any] | None = None,
    secret: str | None = None,
    *,
    definition: dict[str, Any] | None = None,
    workflow: Workflow | None = None,
    answer: str = "ack",
) -> Address:
    """A new endpoint, of a new tenant's published workflow unless one is given."""
    workflow = workflow or factories.make_workflow(factories.make_tenant(), definition)
    with scope.tenant(workflow.tenant_id):
        issued = services.create(
            workflow=workflow,
            scheme=scheme,
            options=options,
            secret=secret,
            confirm=workflow.slug,
            answer=answer,
        )
        tenant = Tenant.objects.get(id=workflow.tenant_id)
    return Address(tenant, issued.endpoint.id, issued.endpoint.token, issued.secret)


def standard(
    address: Address,
    body: bytes = BODY,
    *,
    delivery_id: str = "msg_1",
    age: timedelta = timedelta(),
    secret: str | None = None,
) -> dict[str, str]:
    """The headers that a sender with the Standard Webhooks library sends, `age` ago."""
    webhook = Webhook(secret or address.secret)
    return standard_headers(webhook, body, delivery_id=delivery_id, age=age)


def standard_headers(
    webhook: Webhook, body: bytes, *, delivery_id: str = "msg_1", age: timedelta = timedelta()
) -> dict[str, str]:
    """The same, by the holder of the secret only."""
    at = datetime.now(UTC) - age
    signature = webhook.sign(delivery_id, at, body.decode())
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }


def github(secret: str, body: bytes, *, delivery_id: str | None = None) -> dict[str, str]:
    """GitHub's headers (docs.github.com, "Validating webhook deliveries")."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    signed = {"x-hub-signature-256": f"sha256={digest}"}
    return {**signed, "x-github-delivery": delivery_id} if delivery_id else signed


def plain_hmac(secret: str, body: bytes) -> dict[str, str]:
    """The headers of the generic scheme without options."""
    return {"x-signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def deliver(
    address: Address, headers: dict[str, str], body: bytes = BODY, *, client: str | None = None
) -> Received:
    return receive(address.token, headers, {}, body, client=client)


def kept(address: Address) -> list[Delivery]:
    """All rows of the endpoint's deliveries, oldest first."""
    with scope.tenant(address.tenant.id):
        return list(Delivery.objects.order_by("id"))


@dataclass(frozen=True)
class Stored:
    """How many rows there are, over all tenants; of deliveries those that were taken."""

    deliveries: int = 0
    executions: int = 0
    events: int = 0


NOTHING = Stored()


def stored() -> Stored:
    with scope.operator("a test counts what was stored"):
        return Stored(
            Delivery.objects.exclude(dedupe_key=None).count(),
            Execution.objects.count(),
            Event.objects.count(),
        )
