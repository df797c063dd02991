from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.definitions import definition, step
from workflows import graph
from workflows.problems import Problem


def warnings(*steps: dict[str, Any], **more: Any) -> list[Problem]:
    found = graph.problems(definition(*steps, **more))
    assert [problem for problem in found if problem.severity == "error"] == []
    return found


def call(key: str, *needs: str, method: str = "GET", **more: Any) -> dict[str, Any]:
    config = {"method": method, "url": "https://api.example/"}
    return step(key, *needs, kind="http", config=config, **{"idempotent": True, **more})


def test_a_path_that_may_outlast_the_time_limit_is_told_with_its_seconds() -> None:
    (problem,) = warnings(
        call("a", method="PUT"),
        call("b", "a", method="PUT", timeout=25, retry={"attempts": 8}),
        step("c", "b", kind="http"),
        call("short", "a", timeout=1),
    )
    assert (problem.code, problem.field) == ("may_outlast_limit", "limits.timeout")
    # 4 tries of 30 s by default, 8 of 25 s, 4 of 30 s
    assert "a -> b -> c takes 440 seconds" in problem.message
    assert "after 300" in problem.message


def test_a_path_that_just_fits_is_not_warned_about() -> None:
    fits: dict[str, Any] = {"timeout": 30, "retry": {"attempts": 5}, "method": "PUT"}
    assert warnings(call("a", **fits), call("b", "a", **fits)) == []


@pytest.mark.parametrize(
    ("method", "more", "parks"),
    [
        ("POST", {"idempotent": None}, True),
        ("patch", {"idempotent": None}, True),
        ("POST", {"idempotent": False}, True),
        ("POST", {"idempotent": True}, False),
        ("POST", {"idempotent": None, "on_unknown": "retry"}, False),
        ("POST", {"idempotent": None, "on_unknown": "fail"}, False),
        ("PUT", {"idempotent": None}, False),
        ("GET", {"idempotent": None}, False),
        ("DELETE", {"idempotent": None}, False),
    ],
)
def test_a_write_that_would_park_is_told(method: str, more: dict[str, Any], parks: bool) -> None:
    found = warnings(call("a", method=method, **more))
    assert [(p.code, p.step) for p in found] == ([("would_park", "a")] if parks else [])


@pytest.mark.parametrize(
    ("first", "reader", "output", "unread"),
    [
        (call("a"), "{{ trigger.body }}", None, True),
        (step("a", kind="transform"), "plain", None, True),
        (call("a"), "{{ steps.a.outcome }}", None, True),
        (call("a"), "{{ steps.a.output.status }}", None, False),
        (call("a"), "{{ steps.a }}", None, False),
        (call("a"), "{{ steps[trigger.body.which].output }}", None, False),
        (call("a"), "plain", {"x": "{{ steps.a.output }}"}, False),
        (call("a", method="POST"), "plain", None, False),
        (step("a"), "plain", None, False),
    ],
)
def test_an_output_that_nobody_reads_is_told(
    first: dict[str, Any], reader: str, output: Any, unread: bool
) -> None:
    second = step("b", "a", config={"message": "x", "data": reader})
    found = warnings(first, second, output=output)
    assert [(p.code, p.step) for p in found] == ([("unread_output", "a")] if unread else [])


def test_a_last_step_need_not_be_read() -> None:
    assert warnings(step("a"), call("b", "a")) == []


@pytest.mark.parametrize("needs", [[], ["a"]])
def test_a_join_of_less_than_two_edges_is_told(needs: list[str]) -> None:
    found = warnings(step("a"), step("b", *needs, join="every"))
    assert [(p.severity, p.code, p.step) for p in found] == [("warning", "idle_join", "b")]


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        (["ok.approved", "ok.rejected"], []),
        (["ok.approved", "ok.expired"], []),
        (["ok.approved", "ok.always"], ["b"]),
        (["ok.approved", "ok.approved"], ["b"]),
    ],
)
def test_two_responses_that_can_both_be_given_are_told(
    needs: list[str], expected: list[str]
) -> None:
    found = warnings(
        step("ok", kind="approval"),
        step("a", needs[0], kind="respond"),
        step("b", needs[1], kind="respond"),
    )
    assert [(p.code, p.step) for p in found] == [("second_response", key) for key in expected]


def test_a_response_after_another_is_told_once() -> None:
    found = warnings(
        step("a", kind="respond"), step("b", "a", kind="respond"), step("c", "b", kind="respond")
    )
    assert [(p.code, p.step) for p in found] == [("second_response", "b"), ("second_response", "c")]


def test_a_mail_that_would_park_is_told_in_its_own_words() -> None:
    (problem,) = warnings(step("a", kind="email"))
    assert (problem.code, problem.step) == ("would_park", "a")
    assert "mail may have gone out" in problem.message
    assert warnings(step("a", kind="email", on_unknown="fail")) == []


@pytest.mark.parametrize(
    "kind", ["approval", "delay", "poll", "sub_workflow", "wait_for_callback", "respond"]
)
def test_what_is_done_for_its_own_sake_need_not_be_read(kind: str) -> None:
    need = "a.approved" if kind == "approval" else "a"
    assert warnings(step("a", kind=kind), step("b", need)) == []
