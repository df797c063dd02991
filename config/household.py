"""A tenant with one of everything, made by the product's own verbs, for the proof to knock at.

It lives in a transaction that is never committed: nobody else sees it, and no mail leaves.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass

from django.db.models.functions import Now

from executions import services as executions
from executions.models import StepRun
from tenants import scope, services
from tenants.models import Membership, Tenant, TenantLimits, User, Variable
from tenants.roles import Role
from webhooks import services as webhooks
from webhooks import signatures, trials
from webhooks.receive import receive
from workflows import services as workflows
from workflows import subscriptions
from workflows.definition import JSON
from workflows.models import Schedule, Workflow


@dataclass(frozen=True)
class Household:
    """A tenant and its owner."""

    tenant: Tenant
    owner: User
    token: str  # the owner's API key

    @property
    def word(self) -> str:
        """In each of its rows, and in nobody else's; also what its workflow is called by."""
        return self.tenant.slug


def settle() -> Household:
    """A new tenant with an owner and a key, for whom no rates count: 429 would prove nothing."""
    word = f"proof{secrets.token_hex(8)}"  # fits a slug as well as a secret's name
    owner = User.objects.create_user(f"owner@{word}.invalid")
    with scope.operator("the proof of isolation makes a tenant"):
        tenant = Tenant.objects.create(slug=word, name=word)
    services.set_address(owner, verified=True)
    with scope.tenant(tenant.id):
        TenantLimits.objects.create(tenant=tenant, requests="0", writes="0", webhooks="0")
        Membership.objects.create(tenant=tenant, user=owner, role=Role.OWNER)
        issued = services.issue_key(tenant_id=tenant.id, name=word, role=Role.OWNER)
    return Household(tenant, owner, issued.token)


def furnish(home: Household) -> None:
    """Give it one of everything that a route may name."""
    word, tenant = home.word, home.tenant
    message: JSON = {"key": "only", "type": "log", "with": {"message": word}}
    definition: JSON = {"schema": 1, "steps": [message]}
    with scope.tenant(tenant.id):
        workflow = workflows.create(
            tenant_id=tenant.id, name=word, slug=word, definition=definition
        )
        workflows.publish(workflow=workflow, by=None)
        workflow.refresh_from_db()
        services.put_secret(tenant_id=tenant.id, name=word, value=word * 2)
        Variable.objects.create(tenant=tenant, name=word, value=word)
        services.issue_key(tenant_id=tenant.id, name=f"{word} 2", role=Role.VIEWER)
        subscriptions.create(
            tenant_id=tenant.id,
            workflow=word,
            source=None,
            values={"statuses": ["failed"], "filter": f"{{{{ event.output == '{word}' }}}}"},
        )
        # Not by its verb, which keeps others from making one until the transaction ends.
        Schedule.objects.create(
            tenant=tenant, workflow=workflow, name=word, cron="0 9 * * *", handled_until=Now()
        )
    _invite(home)
    _deliver(workflow)
    with scope.tenant(tenant.id):
        trials.listen(workflow=workflow, by=word)
        run = executions.start(workflow=workflow, kind="manual", body={"word": word})
        # As a worker would write it, who must not be let near.
        StepRun.objects.create(
            tenant=tenant, execution=run, key="only", type="log", status="queued", timeout=1
        )


def _invite(home: Household) -> None:
    """Another member, and somebody who may become one."""
    other = User.objects.create_user(f"other@{home.word}.invalid")
    by = services.find_member(home.owner, home.tenant.slug)
    if by is None:
        raise LookupError("the owner is no member of the tenant that the proof made")
    with scope.tenant(home.tenant.id):
        Membership.objects.create(tenant=home.tenant, user=other, role=Role.EDITOR)
        services.invite(by=by, email=f"new@{home.word}.invalid", role=Role.VIEWER)


def _deliver(workflow: Workflow) -> None:
    """A signed webhook at a new endpoint."""
    with scope.tenant(workflow.tenant_id):
        issued = webhooks.create(workflow=workflow)
    body = json.dumps({"word": workflow.slug}).encode()
    headers = signatures.sign(
        signatures.DEFAULT,
        None,
        issued.secret,
        signatures.Message({}, body),
        delivery_id=f"msg_{workflow.slug}",
        timestamp=int(time.time()),
    )
    receive(issued.endpoint.token, {"content-type": "application/json", **headers}, {}, body)
