"""The bodies of for-each steps, each as a definition of its own that is run once for each item.

A body's expressions see `item`, `index` and whatever its step may see; its edges stay inside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from workflows.definition import FOR_EACH, JSON, Body, Definition, Limits, Step

PARALLEL = 10
"""Steps of one item that run at once."""


def body_of(definition: Definition, key: str) -> Definition:
    """The body of the for-each step with this key, wherever it is nested.

    Its output is the step's `result`. Raises KeyError if there is no such step.
    """
    for owner, body in bodies(definition):
        if owner.key == key:
            return body
    raise KeyError(key)


def bodies(definition: Definition) -> Iterator[tuple[Step, Definition]]:
    """Every for-each step with its body, a nested one after the body that holds it."""
    for step, body in own_bodies(definition):
        yield step, body
        yield from bodies(body)


def own_bodies(definition: Definition) -> Iterator[tuple[Step, Definition]]:
    """As `bodies`, without those inside other bodies."""
    for step in definition.steps:
        if step.type == FOR_EACH:
            yield step, _body(definition, step)


def all_steps(definition: Definition) -> Iterator[Step]:
    """The steps of the definition and of every body in it."""
    yield from definition.steps
    for _, body in bodies(definition):
        yield from body.steps


def _body(definition: Definition, step: Step) -> Definition:
    steps = Body.model_validate_json(json.dumps(step.config)).steps
    result = step.config["result"] if "result" in step.config else _usual_result(steps)
    limits = Limits(timeout=definition.limits.timeout, parallel=PARALLEL)
    return Definition(schema=1, limits=limits, output=result, steps=steps)


def _usual_result(steps: tuple[Step, ...]) -> JSON:
    """The output of the only step that none needs, else those outputs by the steps' keys."""
    needed = {need.step for step in steps for need in step.needs}
    outputs: dict[str, JSON] = {
        step.key: f"{{{{ steps.{step.key}.output }}}}" for step in steps if step.key not in needed
    }
    return next(iter(outputs.values())) if len(outputs) == 1 else {**outputs}
