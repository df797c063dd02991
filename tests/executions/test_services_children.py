"""Runs that a for_each starts, one for each item."""

from __future__ import annotations

import pytest
from django.conf import LazySettings

from executions import services, worker
from executions.models import Execution
from tenants import scope
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    claimed,
    drained,
    error_of,
    finish,
    fresh,
    in_threads,
    kinds,
    let_time_pass,
    new_worker,
    started,
    statuses,
    step_run,
)
from tests.executions.families import ITEM, children, for_each, results, run_with
from tests.workflows.definitions import document, step
from workflows.definition import JSON
from workflows.steps.base import Done

pytestmark = pytest.mark.usefixtures("committed_db")


def test_each_item_is_run_and_the_results_come_in_their_order() -> None:
    double = step("one", kind="transform", config={"value": ["{{ index }}", "{{ item * 2 }}"]})
    execution = run_with(factories.make_tenant(), for_each("each", [5, 6, 7], double, parallel=2))
    assert step_run(execution, "each").output == {
        "results": [[0, 10], [1, 12], [2, 14]],
        "errors": [],
        "succeeded": 3,
        "failed": 0,
    }
    assert [child.item_index for child in children(execution)] == [0, 1, 2]
    assert kinds(execution, "each") == ["step.started", "step.waiting", "step.succeeded"]
    invariants.check_family(execution.id)


def test_the_order_is_that_of_the_items_whichever_ends_first() -> None:
    execution = started(factories.make_tenant(), document(for_each("each", ["a", "b", "c"])))
    worker_id = new_worker()
    parent = claimed(worker_id)
    worker._step(parent, worker_id, worker.Watch())
    claims = [claimed(worker_id) for _ in range(3)]
    for claim in reversed(claims):
        assert claim.run.item is not None
        finish(claim, worker_id, Done(claim.run.item.value))
    assert results(drained(execution)) == ["a", "b", "c"]
    invariants.check_family(execution.id)


@pytest.mark.parametrize("items", [[], "{{ trigger.body }}"])
def test_no_items_are_done_at_once(items: JSON) -> None:
    execution = run_with(factories.make_tenant(), for_each("each", items), body=[])
    assert step_run(execution, "each").output == {
        "results": [],
        "errors": [],
        "succeeded": 0,
        "failed": 0,
    }
    assert children(execution) == []
    assert invariants.check_ended(execution.id) == "succeeded"


def test_a_body_branches_joins_and_reads_what_is_around_it() -> None:
    tenant = factories.make_tenant()
    factories.make_variable(tenant, "unit", "EUR")
    body = [
        step("left", kind="transform", config={"value": "{{ item.n + steps.base.output }}"}),
        step("right", kind="transform", config={"value": "{{ trigger.body.factor }}"}),
        step("small", kind="condition", config={"if": "{{ item.n < 2 }}"}),
        step("note", "small.true"),
        step(
            "sum",
            *("left", "right", "note.always", "small.false"),
            kind="transform",
            config={"value": "{{ steps.left.output * steps.right.output }} {{ vars.unit }}"},
        ),
    ]
    execution = run_with(
        tenant,
        step("base", kind="transform", config={"value": 100}),
        for_each("each", "{{ trigger.body.rows }}", *body, needs=("base",)),
        body={"factor": 2, "rows": [{"n": 1}, {"n": 2}]},
    )
    assert results(execution) == ["202 EUR", "204 EUR"]
    assert [statuses(child)["note"] for child in children(execution)] == ["succeeded", "skipped"]
    invariants.check_family(execution.id)


def test_what_an_item_leaves_behind_is_what_result_says() -> None:
    body = [ITEM, step("two", "one", kind="transform", config={"value": "{{ index }}"})]
    each = for_each("each", ["x"], *body, result=["{{ steps.one.output }}", "{{ item }}"])
    assert results(run_with(factories.make_tenant(), each)) == [["x", "x"]]


def test_an_expression_sees_the_run_around_the_items_as_its_execution() -> None:
    ident = step("one", kind="transform", config={"value": "{{ execution.id }}"})
    execution = run_with(factories.make_tenant(), for_each("each", [1], ident))
    assert results(execution) == [str(execution.id)]


def test_items_of_items() -> None:
    pair = step("pair", kind="transform", config={"value": "{{ steps.row.output }}{{ item }}"})
    row = step("row", kind="transform", config={"value": "{{ item.name }}"})
    inner = for_each("inner", "{{ item.cells }}", pair, needs=("row",))
    rows: JSON = [
        {"name": "a", "cells": [1, 2]},
        {"name": "b", "cells": []},
        {"name": "c", "cells": [3]},
    ]
    each = for_each("each", rows, row, inner, result="{{ steps.inner.output.results }}")
    execution = run_with(factories.make_tenant(), each)
    assert results(execution) == [["a1", "a2"], [], ["c3"]]
    invariants.check_family(execution.id)


def test_the_keys_of_calls_in_items_differ_and_say_where() -> None:
    inner = for_each("inner", [7, 8], step("post", kind="http"))
    execution = started(factories.make_tenant(), document(for_each("each", [1, 2], inner)))
    worker_id, keys = new_worker(), []
    while claim := services.claim(worker_id):
        while claim is not None:
            if claim.key == "post":
                keys.append(claim.run.idempotency_key("post"))
                claim = finish(claim, worker_id)
            else:
                claim = worker._step(claim, worker_id, worker.Watch())
    assert sorted(keys) == [f"{execution.id}.{a}.post.{b}" for a in (0, 1) for b in (0, 1)]


def test_a_wait_in_a_body_holds_only_its_item() -> None:
    body = [
        step("late", kind="condition", config={"if": "{{ item == 1 }}"}),
        step("pause", "late.true", kind="delay", config={"seconds": 60}),
        step("end", "late.false", "pause", kind="transform", config={"value": "{{ item }}"}),
    ]
    execution = started(factories.make_tenant(), document(for_each("each", [0, 1, 2], *body)))
    drained(execution)
    assert [child.status for child in children(execution)] == ["succeeded", "waiting", "succeeded"]
    assert fresh(execution).status == "waiting"
    let_time_pass(children(execution)[1], "pause")
    assert results(drained(execution)) == [0, 1, 2]
    invariants.check_family(execution.id)


@pytest.mark.parametrize("threads", [1, 4])
def test_no_more_items_are_open_at_once_than_the_step_says(threads: int) -> None:
    execution = started(factories.make_tenant(), document(for_each("each", [0] * 20, parallel=3)))
    worker_id = new_worker()
    worker._step(claimed(worker_id), worker_id, worker.Watch())

    def work(_: int) -> int:
        most = 0
        while claim := services.claim(worker_id):
            with scope.tenant(execution.tenant_id):
                rows = Execution.objects.filter(parent=execution, finished_at=None)
                most = max(most, rows.count())
            while claim := finish(claim, worker_id):
                pass
        return most

    assert max(in_threads(threads, work)) <= 3
    drained(execution)
    assert len(children(execution)) == 20
    invariants.check_family(execution.id)


def test_a_thousand_items() -> None:
    numbers = "{{ range(1000) | list }}"
    execution = run_with(factories.make_tenant(), for_each("each", numbers, parallel=10))
    assert results(execution) == list(range(1000))


def test_more_items_than_are_allowed_fail_the_step() -> None:
    execution = run_with(factories.make_tenant(), for_each("each", "{{ range(1001) | list }}"))
    assert execution.error == {
        "step": "each",
        "kind": "config",
        "message": "with.items: This may have at most 1000 items, not 1001.",
    }


def test_results_that_are_too_large_fail_the_step(settings: LazySettings) -> None:
    settings.MAX_RESULT_BYTES = 100
    execution = run_with(factories.make_tenant(), for_each("each", ["x" * 60] * 2))
    assert execution.error is not None
    assert error_of(execution)["kind"] == "too_large"
    invariants.check_family(execution.id)
