"""Why runs wait, as the database has it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from executions import services
from executions.models import Execution, StepRun, Worker
from executions.services.explaining import Reasons
from tenants import limits, scope
from tenants.models import Tenant, TenantLimits
from tenants.roles import Role
from tests import factories
from tests.executions import driving, standing
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Tenant:
    return factories.make_tenant("acme")


def explained(execution: Execution) -> Reasons:
    with scope.tenant(execution.tenant_id):
        return services.explain(driving.fresh(execution))


def test_what_has_ended_or_runs_has_no_reason(acme: Tenant) -> None:
    assert explained(standing.failed(acme)) == Reasons()
    execution = driving.started(acme, document(step("only")))
    driving.claimed(driving.new_worker())
    assert explained(execution) == Reasons()


def test_a_queued_run_says_how_many_are_ahead(acme: Tenant) -> None:
    driving.new_worker()
    first, second = (driving.started(acme, document(step("only"))) for _ in range(2))
    other = factories.make_tenant()
    driving.started(other, document(step("only")))
    assert explained(first).execution == "Ready; the next free worker takes it."
    assert explained(second).execution.endswith("(1 other of this tenant is ahead).")


def test_a_run_whose_tenant_has_enough_running_says_so(acme: Tenant, settings: Any) -> None:
    settings.MAX_RUNNING_EXECUTIONS = 1
    driving.started(acme, document(step("a")))
    driving.claimed(driving.new_worker())
    execution = driving.started(acme, document(step("b")))
    said = explained(execution).execution
    assert said == "The tenant has 1 execution running, as many as it may."


def test_a_tenant_s_own_limit_of_runs_is_what_is_said(acme: Tenant) -> None:
    with scope.tenant(acme.id):
        TenantLimits.objects.create(tenant=acme, running_executions=2)
    limits.forget(acme.id)
    for _ in range(2):
        driving.started(acme, document(step("a")))
        driving.claimed(driving.new_worker())
    said = explained(driving.started(acme, document(step("b")))).execution
    assert said == "The tenant has 2 executions running, as many as it may."


def test_without_a_worker_that_is_said_first(acme: Tenant) -> None:
    execution = driving.started(acme, document(step("only")))
    assert explained(execution).execution == "No worker is alive: none has ever been seen."
    driving.new_worker()
    Worker.objects.update(seen_at=Now() - timedelta(seconds=40))
    assert explained(execution).execution == "No worker is alive: none has been seen for 40 s."


def test_a_held_run_names_who_has_the_place(acme: Tenant) -> None:
    definition = document(step("only"), limits={"executions": 1})
    workflow = factories.make_workflow(acme, definition)
    first, second = (factories.start_execution(workflow) for _ in range(2))
    assert explained(second).execution == (
        f"The workflow may have 1 execution at once; {first.id} has the place."
    )


def test_a_retry_says_which_try_failed_and_when_the_next_is(acme: Tenant) -> None:
    call = {"url": "https://api.example/"}
    execution = driving.started(acme, document(step("call", kind="http", config=call)))
    worker_id = driving.new_worker()
    driving.finish(driving.claimed(worker_id), worker_id, driving.REFUSED)
    with scope.tenant(acme.id):
        StepRun.objects.update(due_at=Now() + timedelta(days=2))
    said = explained(execution)
    wanted = "Try 1 of 4 failed because nothing could be reached; the next is due at "
    assert said.steps["call"].startswith(wanted)
    assert said.execution == f"call: {said.steps['call']}"
    driving.hurry(execution)
    assert "the next free worker makes the next" in explained(execution).steps["call"]


def test_steps_that_are_ready_say_how_many_are_ahead(acme: Tenant) -> None:
    execution = driving.started(acme, document(step("a"), step("b"), step("c")))
    driving.claimed(driving.new_worker())
    assert explained(execution) == Reasons(
        "",
        {
            "b": "Ready; the next free worker takes it.",
            "c": "Ready; the next free worker takes it (1 other of this tenant is ahead).",
        },
    )


def test_waits_say_for_what(acme: Tenant) -> None:
    assert (
        explained(standing.callback(acme))
        .steps["call"]
        .startswith("Waits for a call at its one-time address until ")
    )
    assert explained(standing.items(acme, 3)).steps == {"each": "Waits for 3 of 3 items."}
    assert "somebody has to say" in explained(standing.unknown(acme)).steps["pay"]


def test_a_delay_and_a_child_say_for_what(acme: Tenant) -> None:
    slow = document(step("rest", kind="delay", config={"seconds": 600}))
    factories.make_workflow(acme, slow, slug="slow")
    config = {"workflow": "slow"}
    execution = driving.drained(
        driving.started(acme, document(step("sub", kind="sub_workflow", config=config)))
    )
    with scope.tenant(acme.id):
        child = Execution.objects.get(parent=execution)
    said = explained(execution)
    assert said.steps == {"sub": f"Waits for the execution {child.id} of slow."}
    assert explained(child).steps["rest"].startswith("Waits until ")


def test_of_several_reasons_the_run_tells_the_one_that_a_person_can_end(acme: Tenant) -> None:
    definition = document(
        step("ask", kind="approval"), step("rest", kind="delay", config={"seconds": 600})
    )
    said = explained(driving.drained(driving.started(acme, definition))).execution
    assert said.startswith("ask: Waits for an approval by ")
    assert said.endswith("(1 other step too).")


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(
    "asks",
    [
        {},
        {"roles": ["viewer"]},
        {"people": ["me@acme.example"]},
        {"people": ["Me@Acme.example"]},
        {"people": ["x@y.example"]},
    ],
)
def test_attention_finds_just_the_approvals_that_may_be_given(
    acme: Tenant, role: Role, asks: dict[str, list[str]]
) -> None:
    execution = standing.approval(acme, **asks)
    me = factories.principal_of(factories.make_member(acme, role, "me@acme.example"), acme)
    ask = driving.step_run(execution, "ask").waits["ask"]
    with scope.tenant(acme.id):
        assert services.attention(me).exists() is services.may_decide(ask, me)
