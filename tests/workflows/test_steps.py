"""What every step type owes, and the small types one by one."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.workflows.definitions import CONFIGS
from tests.workflows.worlds import world
from workflows.steps.base import ConfigError, Done, Error, Failed, config_problems
from workflows.steps.registry import STEP_TYPES

ALL = pytest.mark.parametrize("key", sorted(STEP_TYPES))


@ALL
def test_a_type_says_what_it_is(key: str) -> None:
    step_type = STEP_TYPES[key]
    assert step_type.key == key
    assert step_type.title
    assert step_type.summary.endswith(".")
    assert 0 < step_type.default_timeout <= step_type.max_timeout


@ALL
def test_every_field_has_a_title_and_a_description_for_its_form(key: str) -> None:
    schema = STEP_TYPES[key].Config.model_json_schema()
    assert schema["properties"]
    for model in (schema, *schema.get("$defs", {}).values()):
        for field in model.get("properties", {}).values():  # JsonValue is a definition without
            assert field["title"]
            assert field["description"].endswith((".", "}}"))


@ALL
def test_a_valid_config_loads_and_its_outcome_is_announced(key: str) -> None:
    step_type, raw = STEP_TYPES[key], CONFIGS[key]
    config = step_type.load({**raw, "if": True} if key == "condition" else raw)
    result = step_type.run(config, world())
    assert list(config_problems(step_type, raw)) == []
    if isinstance(result, Done):
        assert result.outcome in step_type.outcomes(raw)


@ALL
def test_outcomes_are_usable_in_needs_and_survive_any_config(key: str) -> None:
    raws: list[Any] = [{}, {"cases": 5}, {"cases": [5, {}, {"name": 5}]}, CONFIGS[key]]
    for raw in raws:
        for outcome in STEP_TYPES[key].outcomes(raw):
            assert re.fullmatch("[a-z][a-z0-9_]*", outcome)
            assert outcome not in ("failure", "always")


@ALL
def test_an_unknown_key_is_refused_at_publish_and_at_run(key: str) -> None:
    raw = {**CONFIGS[key], "surprise": 1}
    assert [found.code for found in config_problems(STEP_TYPES[key], raw)][-1] == "unknown_key"
    with pytest.raises(ConfigError, match=r"^with\."):
        STEP_TYPES[key].load(raw)


@pytest.mark.parametrize(
    ("key", "raw", "places"),
    [
        ("condition", {"if": "{{ anything }}"}, []),
        ("condition", {"if": "true"}, [("if",)]),
        ("condition", {}, [("if",)]),
        ("switch", {"cases": "{{ x }}"}, []),
        ("switch", {"cases": [{"name": "a", "if": "{{ x }}"}, {"name": "B", "if": 1}]}, None),
        ("log", {"message": "{{ x }}", "level": "{{ x }}"}, []),
        ("log", {"message": 5, "level": "loud"}, [("message",), ("level",)]),
        ("fail", {"message": "x", "details": "{{ x }}"}, []),
        ("http", {"url": "{{ x }}", "auth": "{{ x }}", "expect": ["{{ x }}", 1]}, [("expect", 1)]),
    ],
)
def test_at_publish_only_what_no_expression_will_change_is_judged(
    key: str, raw: dict[str, Any], places: list[tuple[str | int, ...]] | None
) -> None:
    expected = [("cases", 1, "name"), ("cases", 1, "if")] if places is None else places
    assert [found.location for found in config_problems(STEP_TYPES[key], raw)] == expected


def nested(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("value", [float("nan"), "\ud800", nested(500), nested(5000)])
def test_a_rendered_value_that_is_not_json_is_refused_with_a_sentence(value: Any) -> None:
    with pytest.raises(ConfigError, match="with: This holds a number, a text or a nesting"):
        STEP_TYPES["transform"].load({"value": value})


def run(key: str, rendered: dict[str, Any]) -> Any:
    step_type = STEP_TYPES[key]
    return step_type.run(step_type.load(rendered), world())


@pytest.mark.parametrize("value", [True, False])
def test_a_condition_ends_with_its_value(value: bool) -> None:
    assert run("condition", {"if": value}) == Done(value, str(value).lower())


@pytest.mark.parametrize("value", ["true", "", 0, 1, None, []])
def test_a_condition_takes_nothing_but_a_boolean(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"with\.if: This must be true or false, not"):
        STEP_TYPES["condition"].load({"if": value})


@pytest.mark.parametrize(
    ("values", "outcome"),
    [((True, True), "a"), ((False, True), "b"), ((False, False), "default")],
)
def test_a_switch_ends_with_its_first_true_case(values: tuple[bool, bool], outcome: str) -> None:
    cases = [{"name": name, "if": value} for name, value in zip("ab", values, strict=True)]
    assert run("switch", {"cases": cases}) == Done(outcome, outcome)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "at least one case"),
        (["a", "a"], 'Two cases are called "a"'),
        (["default"], "already means something"),
        (["success"], "already means something"),
        (["failure"], "already means something"),
        (["always"], "already means something"),
        (["Bad name"], "starts with a-z"),
    ],
)
def test_case_names_are_distinct_outcomes(names: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        STEP_TYPES["switch"].load({"cases": [{"name": name, "if": True} for name in names]})


@pytest.mark.parametrize("value", [None, 1, "x", [1, {"a": None}], {"a": {"b": 1.5}}])
def test_a_transform_gives_its_value(value: Any) -> None:
    assert run("transform", {"value": value}) == Done(value)


def test_a_log_writes_one_line() -> None:
    log, here = STEP_TYPES["log"], world()
    config = log.load({"message": "paid", "level": "warning", "data": {"order": 1}})
    assert log.run(config, here) == Done()
    assert here.lines == [("warning", "paid", {"order": 1})]


def test_fail_fails_with_its_message() -> None:
    details: dict[str, Any] = {"order": 1}
    result = run("fail", {"message": "Out of stock.", "details": details})
    assert result == Failed(Error("fail", "Out of stock.", details))
