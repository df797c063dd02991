"""The workflows that are put through faults. A call names its execution and step to the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from config.local.loopback import HOST
from tests.workflows.definitions import step

Step = dict[str, Any]

TIMEOUT = 5  # seconds of a step; what a live worker does not know of is free that and a lease later
OUTPUT = {"output": "{{ steps.done.output }}"}  # says whose it is, for I7


class Receiver:
    """Makes steps that call the receiver."""

    def __init__(self, port: int) -> None:
        self._base = f"http://{HOST}:{port}"

    def call(self, key: str, *needs: str, does: str, method: str = "GET", **more: Any) -> Step:
        """A step that makes a call which the receiver treats so, e.g. `wait/200`."""
        url = f"{self._base}/{does}/{{{{ execution.id }}}}/{key}"
        config: dict[str, Any] = {"method": method, "url": url}
        if method != "GET":
            config["json"] = {"id": "{{ execution.id }}"}
        given = {"timeout": TIMEOUT, **more}
        return step(key, *needs, kind="http", config=config, **given)


def done(*needs: str) -> Step:
    """The last step; its output names the tenant."""
    return step("done", *needs, kind="transform", config={"value": {"tenant": "{{ tenant.slug }}"}})


def order(receiver: Receiver) -> list[Step]:
    """Seven steps of all sorts, a join among them; half a second if nothing is in the way."""
    status = "{{ steps.fetch.output.status == 200 }}"
    return [
        receiver.call("fetch", does="wait/300"),
        step("found", "fetch", kind="condition", config={"if": status}),
        step("shape", "found.true", kind="transform", config={"value": status}),
        receiver.call("store", "shape", does="wait/80", method="PUT"),
        receiver.call("create", "shape", does="wait/80", method="POST"),
        step("note", "shape"),
        done("store", "create", "note"),
    ]


def errand(receiver: Receiver) -> list[Step]:
    """Calls out, looks at what came, and calls out again. Answers come at once: so many threads
    come back that hands are always wanted."""
    status = "{{ steps.fetch.output.status == 200 }}"
    return [
        receiver.call("fetch", does="wait/0"),
        step("found", "fetch", kind="condition", config={"if": status}),
        done("found.true"),
        receiver.call("create", "done", does="wait/0", method="POST"),
    ]


def chain(length: int) -> list[Step]:
    """Steps one after another that call nobody: their thread never lays down its turn by itself."""
    keys = [f"s{number}" for number in range(1, length)]
    steps = [step(keys[0], kind="transform", config={"value": 1})]
    for before, key in pairwise(keys):
        value = f"{{{{ steps.{before}.output + 1 }}}}"
        steps.append(step(key, before, kind="transform", config={"value": value}))
    return [*steps, done(keys[-1])]


def quick() -> list[Step]:
    """Two steps that call nobody."""
    return [step("first"), done("first")]


def fan(receiver: Receiver, width: int) -> list[Step]:
    """Branches that end at the same moment, and their join."""
    keys = [f"branch{number}" for number in range(1, width + 1)]
    calls = [receiver.call(key, does=f"gather/{width}") for key in keys]
    return [*calls, done(*keys)]


def by_type(receiver: Receiver) -> Mapping[str, list[Step]]:
    """For each step type two steps of it, one after the other, then a join: the rows of F4.

    A new step type is put through every failpoint by a line here.
    """
    switch = {"cases": [{"name": "red", "if": True}]}
    call = receiver.call
    return {
        "http GET": _pair(call("a", does="wait/30"), call("b", "a", does="wait/30")),
        "http PUT": _pair(
            call("a", does="wait/30", method="PUT"), call("b", "a", does="wait/30", method="PUT")
        ),
        "http POST": _pair(
            call("a", does="wait/30", method="POST"), call("b", "a", does="wait/30", method="POST")
        ),
        "condition": _pair(
            step("a", kind="condition", config={"if": True}),
            step("b", "a.true", kind="condition", config={"if": True}),
            "true",
        ),
        "switch": _pair(
            step("a", kind="switch", config=switch),
            step("b", "a.red", kind="switch", config=switch),
            "red",
        ),
        "transform": _pair(step("a", kind="transform"), step("b", "a", kind="transform")),
        "log": _pair(step("a"), step("b", "a")),
        "for_each": _pair(_loop("a"), _loop("b", "a")),
        "fail": _pair(step("a", kind="fail"), step("b", "a.failure", kind="fail"), "failure"),
    }


def _loop(key: str, *needs: str) -> Step:
    config = {"items": [1, 2], "steps": [step(f"{key}_body", kind="transform")]}
    return step(key, *needs, kind="for_each", config=config)


def _pair(first: Step, second: Step, outcome: str = "success") -> list[Step]:
    edges = (f"{first['key']}.{outcome}", f"{second['key']}.{outcome}")
    return [first, second, done(*edges)]
