"""A version compiled for running."""

from __future__ import annotations

import pytest

from executions.plan import Reads, compile_plan
from tests.workflows.definitions import document, step


def test_a_step_reads_what_its_templates_name() -> None:
    call = {
        "url": "https://x.example/{{ steps.a.output.id }}",
        "headers": {"Authorization": "Bearer {{ secrets.token }}"},
        "json": ["{{ vars.region }}", {"deep": "{{ trigger.body.x }}{{ steps.b.outcome }}"}],
        "method": "POST",
    }
    steps = (step("a"), step("b"), step("c", "a", "b", kind="http", config=call))
    plan = compile_plan(document(*steps, output="{{ steps.c.output }}"))
    assert plan.reads["c"] == Reads(
        steps=frozenset({"a", "b"}), secrets=frozenset({"token"}), variables=frozenset({"region"})
    )
    assert plan.reads["a"] == Reads()
    assert plan.output_reads == Reads(steps=frozenset({"c"}))


def test_a_guard_is_read_for_too() -> None:
    plan = compile_plan(document(step("a"), step("b", "a", when="{{ steps.a.output == 1 }}")))
    assert plan.reads["b"].steps == {"a"}


def test_a_steps_own_settings_come_before_its_types() -> None:
    steps = (
        step("own", kind="http", timeout=3, retry={"attempts": 7}),
        step("default", kind="http"),
        step("none"),
    )
    plan = compile_plan(document(*steps))
    retries = {step.key: plan.retry(step.key) for step in plan.definition.steps}
    assert (plan.timeout("own"), plan.timeout("default")) == (3, 30)
    assert [retry and retry.attempts for retry in retries.values()] == [7, 4, None]


def test_an_unreadable_definition_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="This must be 1"):
        compile_plan({"schema": 99, "steps": []})
