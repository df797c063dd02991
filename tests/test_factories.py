"""What other tests stand on."""

from __future__ import annotations

from tenants import scope
from tenants.roles import Permission
from tests import factories


def test_everybody_is_who_they_are_said_to_be(db: None) -> None:
    people = factories.make_people()
    assert factories.principal_of(people.alice, people.acme).may(Permission.ADMINISTER)
    assert factories.principal_of(people.ed, people.acme).may(Permission.EDIT)
    assert factories.principal_of(people.otto, people.acme).may(Permission.RUN)
    assert factories.principal_of(people.vera, people.acme).may(Permission.VIEW)
    assert factories.principal_of(people.mallory, people.globex).may(Permission.ADMINISTER)
    assert people.staff.is_staff


def test_a_workflow_can_be_started_once_it_is_made(db: None) -> None:
    tenant = factories.make_tenant()
    execution = factories.start_execution(factories.make_workflow(tenant), body={"n": 1})
    with scope.tenant(tenant.id):
        execution.refresh_from_db()
        assert (execution.status, execution.trigger["body"]) == ("queued", {"n": 1})
