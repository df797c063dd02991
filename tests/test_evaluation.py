"""The web process reads tenants' expressions and evaluates none of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from executions import callbacks, sweeper
from executions.callbacks import Callback
from executions.models import Execution
from tenants import scope
from tenants.models import Tenant
from tenants.roles import Role
from tests import factories
from tests.callers import Caller, owner_of
from tests.executions import driving
from tests.workflows.definitions import document, step
from tests.workflows.exhausting_expressions import EXHAUSTION
from tests.workflows.hostile_expressions import ESCAPES
from workflows.expressions import Template
from workflows.models import WorkflowVersion

HOSTILE = (*ESCAPES, *EXHAUSTION)
HUNGRY = "{{ range(9999)|map('string')|join }}"


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The templates that this process evaluates from now on."""
    evaluated: list[object] = []
    real = Template.evaluate

    def noticed(self: Template, *given: Any, **named: Any) -> Any:
        evaluated.append(self)
        return real(self, *given, **named)

    monkeypatch.setattr(Template, "evaluate", noticed)
    return evaluated


def test_what_is_saved_checked_published_started_and_shown_is_only_parsed(
    db: None, evaluated: list[object]
) -> None:
    acme = owner_of("acme")
    definition = document(step("a", config={"message": HUNGRY}, when="{{ 1 == 1 }}"))
    definition["output"] = {"all": HUNGRY}
    subscription = {"workflow": "flow", "statuses": ["failed"], "filter": "{{ 1 == 1 }}"}
    answers = [
        acme.post("workflows/validate/", {"definition": definition}),
        acme.post("workflows/", {"name": "flow", "definition": definition}),
        acme.post("workflows/flow/publish/"),
        acme.post("subscriptions/", subscription),
        acme.post("workflows/flow/run/", {}),
    ]
    started = answers[-1].json()["id"]
    answers += [
        acme.get("workflows/flow/versions/1/"),
        acme.get(f"executions/{started}/"),
        acme.get(f"executions/{started}/events/"),
        acme.post(f"executions/{started}/cancel/"),
    ]
    assert [answer.status_code for answer in answers if answer.status_code >= 400] == []
    assert evaluated == []


# A longer one is refused for its length before anybody looks for an expression in it.
STORED = [source for source in HOSTILE if len(source) <= 10_000]
BATCHES = [STORED[start : start + 40] for start in range(0, len(STORED), 40)]


@pytest.mark.filterwarnings("ignore:No directory at")
@pytest.mark.parametrize("batch", range(len(BATCHES)))
def test_no_hostile_expression_is_run_where_it_is_written_down(
    db: None, evaluated: list[object], batch: int
) -> None:
    acme = owner_of("acme")
    steps = [
        step(f"s{number}", config={"message": source})
        for number, source in enumerate(BATCHES[batch])
    ]
    definition = document(*steps, output=BATCHES[batch][0])
    acme.post("workflows/", {"name": "flow", "definition": document(step("a"))})
    answers = [
        acme.post("workflows/validate/", {"definition": definition}),
        acme.put("workflows/flow/draft/", {"definition": definition}, if_match="*"),
        acme.get("workflows/flow/draft/"),
        acme.get("workflows/flow/versions/diff/?from=draft&to=draft"),
        acme.post("workflows/flow/draft/run/", {"input": {}}),
        acme.post("workflows/flow/publish/"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 422, 422]
    with scope.tenant(acme.tenant_id):
        user = factories.make_member(Tenant.objects.get(), Role.OWNER)
    pages = Client()
    pages.force_login(user)
    assert pages.get("/t/acme/workflows/flow/").status_code == 200
    assert evaluated == []


@pytest.mark.parametrize("source", STORED[::12])
def test_no_hostile_expression_is_run_by_a_filter_or_an_answer(
    committed_db: None, evaluated: list[object], source: str
) -> None:
    """Past publishing, which would have refused most of them."""
    acme = owner_of("acme")
    with scope.tenant(acme.tenant_id):
        tenant = Tenant.objects.get()
    last = step("last", kind="approval", config={"title": "?"})
    execution = driving.drained(driving.started(tenant, document(last)))
    with scope.tenant(tenant.id):
        definition = {**document(last), "output": source, "on_failure": source}
        WorkflowVersion.objects.update(definition=definition)
    evaluated.clear()
    subscription = {"workflow": "x", "statuses": ["succeeded"], "filter": source}
    assert acme.post("subscriptions/", subscription).status_code == 422
    assert decide(acme, execution).status_code < 300
    assert acme.get(f"executions/{execution.id}/").status_code == 200
    assert evaluated == []


def decide(acme: Caller, execution: Execution) -> Any:
    return acme.post(f"executions/{execution.id}/steps/last/decide/", {"decision": "approved"})


def call(acme: Caller, execution: Execution) -> Any:
    address = callbacks.address(Callback(execution.tenant_id, execution.id, "last"))
    return acme.post(urlsplit(address).path, {"a": 1})


def resolve(acme: Caller, execution: Execution) -> Any:
    return acme.post(f"executions/{execution.id}/steps/last/resolve/", {"action": "done"})


def cancel_child(acme: Caller, execution: Execution) -> Any:
    with scope.tenant(execution.tenant_id):
        child = Execution.objects.get(parent=execution)
    return acme.post(f"executions/{child.id}/cancel/")


LAST: dict[str, tuple[dict[str, Any], Callable[[Caller, Execution], Any]]] = {
    "decide": (step("last", kind="approval", config={"title": "?"}), decide),
    "call": (step("last", kind="wait_for_callback"), call),
    "resolve": (
        step("last", kind="http", config={"method": "POST", "url": "https://x.example/"}),
        resolve,
    ),
    "cancel-child": (
        step(
            "last",
            kind="sub_workflow",
            config={"workflow": "child"},
            continue_on_failure=True,
        ),
        cancel_child,
    ),
}


@pytest.mark.parametrize("how", LAST)
def test_the_output_of_a_run_that_ends_in_the_web_is_left_to_workers(
    committed_db: None, evaluated: list[object], how: str
) -> None:
    last, end = LAST[how]
    acme = owner_of("acme")
    with scope.tenant(acme.tenant_id):
        tenant = Tenant.objects.get()
    factories.make_workflow(tenant, document(step("wait", kind="wait_for_callback")), slug="child")
    execution = driving.started(tenant, document(last, output={"all": HUNGRY}))
    worker_id = driving.new_worker()
    if how == "resolve":
        claim = driving.claimed(worker_id)
        driving.finish(claim, worker_id, driving.BROKEN_OFF, repeatable=False)
    driving.drained(execution)
    evaluated.clear()
    assert end(acme, execution).status_code < 300
    assert evaluated == []
    assert driving.fresh(execution).status == "waiting"
    sweeper.sweep()
    assert driving.fresh(execution).status == "succeeded"
    assert len(evaluated) == 1
