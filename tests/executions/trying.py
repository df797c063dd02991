"""One try of one step by hand: no worker, no database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from executions import runner
from executions.plan import compile_plan
from executions.runs import Attempt, Claim, Item, Run, Settings, StepFacts
from executions.states import ExecutionStatus
from tests.workflows.definitions import document, step
from workflows.definition import JSON
from workflows.steps.base import Error, Failed

RUN, STEP, TENANT = UUID(int=1), UUID(int=2), UUID(int=3)
TOKEN = "s3cr3t/+tök en"
TRIGGER: JSON = {"kind": "manual", "body": {"n": 7, "paid": True}, "headers": {}, "query": {}}


def claim_of(
    under_test: dict[str, Any],
    facts: dict[str, StepFacts] | None = None,
    *,
    wait: JSON = None,
    item: Item | None = None,
    beside: tuple[dict[str, Any], ...] = (),
) -> Claim:
    """A claim of this step, which comes after the step `before`."""
    plan = compile_plan(document(step("before"), {**under_test, "needs": ["before"]}, *beside))
    run = Run(
        tenant_id=TENANT,
        execution_id=RUN,
        version_id=UUID(int=4),
        workflow_id=UUID(int=5),
        kind="manual",
        plan=plan,
        status=ExecutionStatus.RUNNING,
        seq=1,
        states={},
        trigger=TRIGGER,
        execution={"id": str(RUN), "workflow": "orders", "version": 3},
        tenant={"slug": "acme", "name": "Acme"},
        key_root=str(RUN),
        item=item,
        facts=facts or {},
    )
    return Claim(run, STEP, under_test["key"], fence=1, attempt=1, wait=wait)


def attempt(
    under_test: dict[str, Any],
    *,
    facts: dict[str, StepFacts] | None = None,
    secrets: dict[str, str] | None = None,
    variables: dict[str, JSON] | None = None,
    marks: list[JSON] | None = None,
) -> Attempt:
    def mark(sent: JSON) -> bool:
        if marks is not None:
            marks.append(sent)
        return True

    given = Settings(secrets or {}, variables or {})
    return runner.run(claim_of(under_test, facts), given, mark)


def tried(claim: Claim) -> Attempt:
    """The claim, tried; nothing hinders its calls."""
    return runner.run(claim, Settings(), lambda _: True)


def transform(value: JSON, **more: Any) -> dict[str, Any]:
    return step("a", kind="transform", config={"value": value}, **more)


def call(url: str, method: str = "GET", **config: Any) -> dict[str, Any]:
    return step("a", kind="http", config={"method": method, "url": url, **config})


def error_of(tried: Attempt) -> Error:
    assert isinstance(tried.result, Failed), tried.result
    return tried.result.error
