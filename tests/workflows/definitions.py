"""Small definitions for the tests, and random valid ones."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from workflows.definition import Definition, parse

CONFIGS: dict[str, dict[str, Any]] = {
    "approval": {"title": "Refund?"},
    "condition": {"if": "{{ trigger.body.paid }}"},
    "delay": {"seconds": 60},
    "email": {"to": "ops@shop.example", "subject": "Paid", "text": "It is paid."},
    "fail": {"message": "no"},
    "for_each": {
        "items": [1, 2],
        "steps": [{"key": "one", "type": "log", "with": {"message": "{{ item }}"}}],
    },
    "http": {"url": "https://api.example/"},
    "log": {"message": "hello"},
    "poll": {
        "request": {"url": "https://api.example/"},
        "until": "{{ response.status == 200 }}",
    },
    "respond": {"json": {"ok": True}},
    "sub_workflow": {"workflow": "other"},
    "switch": {"cases": [{"name": "red", "if": True}, {"name": "blue", "if": True}]},
    "transform": {"value": 1},
    "wait_for_callback": {},
}


def step(
    key: str, *needs: str, kind: str = "log", config: Any = None, **more: Any
) -> dict[str, Any]:
    """A step of the kind with a valid config, unless another is given."""
    given = CONFIGS.get(kind, {}) if config is None else config
    return {"key": key, "type": kind, "needs": list(needs), "with": given, **more}


def document(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"schema": 1, "steps": list(steps), **more}


def logging(message: str) -> dict[str, Any]:
    """Two steps; the second logs this."""
    return document(step("first"), step("second", "first", config={"message": message}))


def calling(url: str) -> dict[str, Any]:
    return document(step("call", kind="http", config={"url": url}))


def definition(*steps: dict[str, Any], **more: Any) -> Definition:
    parsed, problems = parse(document(*steps, **more))
    assert parsed is not None, problems
    return parsed


def acyclic(max_steps: int = 12) -> st.SearchStrategy[Definition]:
    """Log and condition steps with every kind of join; needs point backwards only."""
    return documents(["log", "log", "condition"], max_steps).map(
        lambda made: definition(*made["steps"])
    )


@st.composite
def documents(
    draw: st.DrawFn, kinds: list[str], max_steps: int = 10, *, tolerant: bool = False
) -> dict[str, Any]:
    """Steps of these kinds with every kind of join; if `tolerant` some may fail."""
    steps: list[dict[str, Any]] = []
    for index in range(draw(st.integers(1, max_steps))):
        edges = [edge for earlier in steps for edge in _edges_of(earlier)]
        needs = draw(st.lists(st.sampled_from(edges), unique=True, max_size=3)) if edges else []
        kind = draw(st.sampled_from(kinds))
        join = draw(st.sampled_from(["settled", "first", "every"]))
        more = {"continue_on_failure": True} if tolerant and draw(st.booleans()) else {}
        steps.append(step(f"s{index}", *needs, kind=kind, join=join, **more))
    return document(*draw(st.permutations(steps)))


def _edges_of(source: dict[str, Any]) -> list[str]:
    labels = ["true", "false"] if source["type"] == "condition" else ["success"]
    return [f"{source['key']}.{label}" for label in (*labels, "failure", "always")]
