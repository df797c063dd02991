"""A draft that is tried is kept like a version, and nobody sees it among them."""

from __future__ import annotations

from typing import Any

import pytest

from tenants import scope
from tenants.problems import Problem
from tests import factories
from tests.callers import owner_of
from tests.workflows.definitions import document, step
from workflows import services, trials
from workflows.models import Workflow, WorkflowVersion

pytestmark = pytest.mark.django_db


def tried(workflow: Workflow) -> WorkflowVersion:
    with scope.tenant(workflow.tenant_id):
        return trials.snapshot(workflow)


def save(workflow: Workflow, definition: dict[str, Any]) -> Workflow:
    with scope.tenant(workflow.tenant_id):
        return services.save_draft(workflow=workflow, definition=definition, expected_revision=None)


def test_it_has_no_number_and_is_not_current() -> None:
    workflow = factories.make_draft(factories.make_tenant())
    version = tried(workflow)
    with scope.tenant(workflow.tenant_id):
        workflow.refresh_from_db()
        assert (version.number, version.definition) == (None, workflow.draft)
        assert workflow.current is None
        assert list(services.versions(workflow=workflow)) == []


def test_the_same_draft_is_kept_once() -> None:
    workflow = factories.make_draft(factories.make_tenant(), document(step("a")))
    first = tried(workflow)
    assert tried(workflow) == first
    assert tried(save(workflow, document(step("b")))) != first


def test_publishing_counts_on_as_if_nothing_had_been_tried() -> None:
    workflow = factories.make_workflow(factories.make_tenant(), document(step("a")))
    tried(save(workflow, document(step("b"))))
    factories.publish(workflow)
    with scope.tenant(workflow.tenant_id):
        numbers = [version.number for version in services.versions(workflow=workflow)]
    assert numbers == [2, 1]


def test_it_pins_what_publishing_would() -> None:
    tenant = factories.make_tenant()
    child = factories.make_workflow(tenant, slug="child")
    definition = document(step("call", kind="sub_workflow", config={"workflow": "child"}))
    version = tried(factories.make_draft(tenant, definition))
    assert version.pins == {"child": str(child.current_id)}


def test_a_new_version_of_a_sub_workflow_is_tried_anew() -> None:
    tenant = factories.make_tenant()
    child = factories.make_workflow(tenant, document(step("a")), slug="child")
    definition = document(step("call", kind="sub_workflow", config={"workflow": "child"}))
    workflow = factories.make_draft(tenant, definition)
    first = tried(workflow)
    factories.publish(child, document(step("b")))
    assert tried(workflow).pins != first.pins


def test_a_draft_with_errors_is_refused_with_all_problems() -> None:
    workflow = factories.make_draft(factories.make_tenant(), document(step("a", "nobody")))
    with pytest.raises(Problem) as refused:
        tried(workflow)
    assert (refused.value.status, refused.value.code) == (422, "not-runnable")
    assert "nobody" in str(refused.value.errors)


def test_no_list_and_no_page_of_versions_shows_it() -> None:
    acme = owner_of("acme")
    definition = {"name": "flow", "definition": document(step("a"))}
    acme.post("workflows/", definition)
    acme.post("workflows/flow/publish/", {})
    acme.put("workflows/flow/draft/", {"definition": document(step("b"))}, if_match="*")
    assert acme.post("workflows/flow/draft/run/", {}).status_code == 202
    listed = acme.get("workflows/flow/versions/").json()["results"]
    assert [version["number"] for version in listed] == [1]
    assert acme.get("workflows/flow/versions/0/").status_code == 404
    assert acme.get("workflows/flow/").json()["current_version"] == 1
