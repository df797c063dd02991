"""Hostile templates end in a sentence or a small value, and cost little time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from typing import Any

import pytest

from tests.workflows.exhausting_expressions import EXHAUSTION
from tests.workflows.hostile_expressions import ESCAPES, SCOPE
from workflows import expressions
from workflows.expressions import ExpressionError
from workflows.expressions.limits import MAX_OUTPUT

HOSTILE = (*EXHAUSTION, *ESCAPES)
_MOST_CPU = 1.0  # seconds of this process alone, three times what the worst of them takes
_MAX_GROWTH = 64 * 2**20

_CHILD = """
import json, resource, sys, time
from tests.workflows.exhausting_expressions import EXHAUSTION
from tests.workflows.hostile_expressions import ESCAPES, SCOPE
from workflows import expressions

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
before, outcomes = peak(), []
for source in (*EXHAUSTION, *ESCAPES):
    started = time.process_time()
    try:
        result = expressions.parse(source).evaluate(SCOPE)
        outcome = {"size": len(json.dumps(result, ensure_ascii=False))}
    except expressions.ExpressionError as error:
        outcome = {"message": error.message}
    outcomes.append({**outcome, "seconds": time.process_time() - started})
json.dump({"growth": peak() - before, "outcomes": outcomes}, sys.stdout)
"""

Report = dict[str, Any]


@pytest.fixture(scope="module")
def report() -> Report:
    """What happened to every template of HOSTILE, in a process of 1 GB at most."""
    command = [sys.executable, "-c", _CHILD]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    read: Report = json.loads(done.stdout)
    return read


# What an escape that "works" may give: the few payloads that are harmless text or keys here.
_HARMLESS: dict[str, object] = {
    "{{ ['x']|rejectattr('__class__', 'defined')|list }}": ["x"],
    "{% raw %}{{ ''.__class__ }}{% endraw %}": "{{ ''.__class__ }}",
}


def test_the_lists_are_long_enough() -> None:
    assert len(set(ESCAPES)) >= 180
    assert len(set(EXHAUSTION)) >= 160


@pytest.mark.parametrize("source", ESCAPES)
def test_no_escape_gives_anything(source: str) -> None:
    if source in _HARMLESS:
        assert expressions.parse(source).evaluate(SCOPE) == _HARMLESS[source]
        return
    with pytest.raises(ExpressionError) as caught:
        expressions.parse(source).evaluate(SCOPE)
    assert "object at 0x" not in caught.value.message
    assert "Traceback" not in caught.value.message
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_each_ends_soon_in_a_sentence_or_a_bounded_value(number: int, report: Report) -> None:
    outcome = report["outcomes"][number]
    assert outcome["seconds"] < _MOST_CPU, HOSTILE[number]
    assert outcome.get("size", 0) <= MAX_OUTPUT
    assert len(outcome.get("message", "")) < 1000


def test_all_of_them_together_take_little_memory(report: Report) -> None:
    assert report["growth"] < _MAX_GROWTH


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 300000000 }}",
        "{{ 'a'|center(100000000) }}",
        "{{ [0] * 100000000 }}",
        "{{ range(100000000)|list }}",
        "{{ 10 ** 8 ** 8 }}",
        "{% if 'a' * 300000000 %}{% endif %}",
        "{% set x = 'a' * 300000000 %}",
        "{{ x|replace('a' * 100000000, 'b') }}",
    ],
)
def test_parsing_evaluates_no_constant(source: str) -> None:
    tracemalloc.start()
    try:
        expressions.parse(source)
    except ExpressionError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 2 * 2**20


@pytest.mark.parametrize(
    ("source", "fragment"),
    [
        ("{{ 'a' }}" + "x" * 10_000, "10000 characters"),
        ("{{ 1 }}" * 250 + "{{ a }}" * 250, "more than 400 parts"),
        ("{{ " + "[" * 50 + "]" * 50 + " }}", "nested deeper than 40"),
        ("{{ " + "(" * 4000 + "1" + ")" * 4000 + " }}", "nested deeper than 40"),
    ],
)
def test_a_template_that_is_too_large_is_refused(source: str, fragment: str) -> None:
    with pytest.raises(ExpressionError, match=fragment):
        expressions.parse(source)


def test_deep_input_is_refused_and_not_recursed_into() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for source in ("{{ x }}", "{{ x|tojson }}", "{{ x == [x][0] }}", "{{ x[:] == x }}", "a{{ x }}"):
        with pytest.raises(ExpressionError, match="nested"):
            expressions.parse(source).evaluate({"x": deep})
