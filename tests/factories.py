"""Rows for tests, made by the product's own verbs.

Every function opens the scope that it needs, so it can be called outside one. Needs the fixture
`db` or `committed_db`.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from executions import services as execution_services
from executions.models import Execution
from tenants import scope
from tenants import services as tenant_services
from tenants.models import ApiKey, Invitation, Membership, Tenant, User, Variable
from tenants.principals import Principal
from tenants.roles import Permission, Role
from tests.workflows.definitions import document, step
from workflows import schedules, subscriptions
from workflows import services as workflow_services
from workflows.definition import JSON
from workflows.models import Schedule, Subscription, Workflow, WorkflowVersion

PASSWORD = "correct horse battery staple"

_numbers = itertools.count(1)


@dataclass(frozen=True)
class People:
    """One person of each role in `acme`, a stranger who owns `globex`, and one of the staff."""

    acme: Tenant
    globex: Tenant
    alice: User
    ed: User
    otto: User
    vera: User
    mallory: User
    staff: User


def make_people() -> People:
    """alice (owner), ed (editor), otto (operator) and vera (viewer) at acme; mallory at globex."""
    acme, globex = make_tenant("acme"), make_tenant("globex")
    return People(
        acme=acme,
        globex=globex,
        alice=make_member(acme, Role.OWNER, "alice@acme.example"),
        ed=make_member(acme, Role.EDITOR, "ed@acme.example"),
        otto=make_member(acme, Role.OPERATOR, "otto@acme.example"),
        vera=make_member(acme, Role.VIEWER, "vera@acme.example"),
        mallory=make_member(globex, Role.OWNER, "mallory@globex.example"),
        staff=User.objects.create_superuser("staff@stepwell.example", PASSWORD),
    )


def make_tenant(slug: str | None = None) -> Tenant:
    """A tenant without people."""
    chosen = slug or f"tenant-{next(_numbers)}"
    with scope.operator("a test's tenant"):
        return Tenant.objects.create(slug=chosen, name=chosen.title())


def make_member(tenant: Tenant, role: Role, email: str | None = None) -> User:
    """A new person with this role and a verified address; the password is PASSWORD."""
    user = User.objects.create_user(email or f"person{next(_numbers)}@x.example", PASSWORD)
    tenant_services.set_address(user, verified=True)
    with scope.tenant(tenant.id):
        Membership.objects.create(tenant=tenant, user=user, role=role)
    return user


def make_key(
    tenant: Tenant, role: Role = Role.OWNER, scopes: Collection[Permission] | None = None
) -> str:
    """A new API key's token, as it stands behind `Authorization: Bearer`."""
    with scope.tenant(tenant.id):
        issued = tenant_services.issue_key(
            tenant_id=tenant.id, name="test", role=role, scopes=scopes
        )
    return issued.token


def make_key_row(tenant: Tenant, role: Role = Role.OWNER, *, name: str = "test") -> ApiKey:
    """A new API key whose token nobody needs."""
    with scope.tenant(tenant.id):
        return tenant_services.issue_key(tenant_id=tenant.id, name=name, role=role).key


def make_invitation(tenant: Tenant, by: User, email: str, role: Role = Role.VIEWER) -> Invitation:
    """An open invitation; its mail goes out."""
    principal = principal_of(by, tenant)
    with scope.tenant(tenant.id):
        return tenant_services.invite(by=principal, email=email, role=role)


def principal_of(user: User, tenant: Tenant) -> Principal:
    """The user as a caller in the tenant."""
    principal = tenant_services.find_member(user, tenant.slug)
    assert principal is not None, f"{user} is not a member of {tenant}"
    return principal


def make_secret(tenant: Tenant, name: str, value: str, hosts: Sequence[str] | None = None) -> None:
    """A secret of the tenant, or a new value of it."""
    with scope.tenant(tenant.id):
        tenant_services.put_secret(tenant_id=tenant.id, name=name, value=value, hosts=hosts)


def secret_values(tenant_id: UUID, names: Iterable[str]) -> dict[str, str]:
    """The named secrets of the open scope's tenant in clear."""
    opened = tenant_services.open_secrets(tenant_id, names)
    return {name: secret.value for name, secret in opened.items()}


def make_variable(tenant: Tenant, name: str, value: JSON) -> None:
    """A plain setting of the tenant."""
    with scope.tenant(tenant.id):
        Variable.objects.create(tenant=tenant, name=name, value=value)


def make_draft(
    tenant: Tenant, definition: dict[str, Any] | None = None, *, slug: str | None = None
) -> Workflow:
    """A workflow that was never published; by default with one log step."""
    chosen = slug or f"workflow-{next(_numbers)}"
    with scope.tenant(tenant.id):
        return workflow_services.create(
            tenant_id=tenant.id,
            name=chosen.replace("-", " ").capitalize(),
            slug=chosen,
            definition=definition or document(step("only")),
        )


def make_workflow(
    tenant: Tenant, definition: dict[str, Any] | None = None, *, slug: str | None = None
) -> Workflow:
    """A published workflow: the definition passed all checks. By default with one log step."""
    return publish(make_draft(tenant, definition, slug=slug))


def make_unchecked_workflow(tenant: Tenant, definition: dict[str, Any]) -> Workflow:
    """A workflow whose definition is live although no check would let it pass."""
    workflow = make_draft(tenant, definition)
    with scope.tenant(tenant.id):
        workflow.current = WorkflowVersion.objects.create(
            tenant=tenant, workflow=workflow, number=1, definition=definition, digest="unchecked"
        )
        workflow.save(update_fields=["current"])
    return workflow


def publish(workflow: Workflow, definition: dict[str, Any] | None = None) -> Workflow:
    """Publish the workflow's draft; the definition is put there first if one is given."""
    with scope.tenant(workflow.tenant_id):
        if definition is not None:
            workflow_services.save_draft(
                workflow=workflow, definition=definition, expected_revision=None
            )
        workflow_services.publish(workflow=workflow, by=None)
        workflow.refresh_from_db()
    return workflow


def make_schedule(workflow: Workflow, cron: str = "0 9 * * *", **values: Any) -> Schedule:
    """A schedule of the workflow; its slots are those from now on."""
    return schedules.create(
        tenant_id=workflow.tenant_id,
        workflow=workflow.slug,
        values={"name": "Nightly", "cron": cron, **values},
    )


def subscribe(
    workflow: Workflow,
    source: Workflow | None,
    *statuses: str,
    filter: str = "",  # noqa: A002 - the API's word
) -> Subscription:
    """Let the workflow start when runs of the other end so, by default when they succeed."""
    with scope.tenant(workflow.tenant_id):
        return subscriptions.create(
            tenant_id=workflow.tenant_id,
            workflow=workflow.slug,
            source=source.slug if source else None,
            values={"statuses": list(statuses) or ["succeeded"], "filter": filter},
        )


def start_execution(workflow: Workflow, body: JSON = None) -> Execution:
    """A queued execution of the workflow's current version, committed if the test commits."""
    with scope.tenant(workflow.tenant_id):
        return execution_services.start(workflow=workflow, kind="manual", body=body)
