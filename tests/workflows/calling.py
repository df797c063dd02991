"""What tests send to the API of workflows, and what it answers."""

from __future__ import annotations

from typing import Any

from tests.callers import Caller
from tests.workflows.definitions import document, step

GOOD = document(step("a", kind="transform"), step("b", "a", config={"message": "hi"}))
CYCLIC = document(step("a", "b"), step("b", "a"))
YAML = "application/yaml"


def created(caller: Caller, name: str = "Order sync", definition: Any = GOOD) -> str:
    answer = caller.post("workflows/", {"name": name, "definition": definition})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["slug"])


def codes(answer: Any) -> list[str]:
    return [error["code"] for error in answer.json().get("errors", [])]
