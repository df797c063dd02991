"""The for-each step: a body of steps, run once for each item of a list."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from workflows.definition import JSON
from workflows.steps.base import Config, Done, ForEach, Result, StepType, World

MAX_ITEMS = 1000


def _list(value: object) -> object:
    if isinstance(value, dict):
        raise ValueError(
            "This must be a list, not an object: take its values with {{ x.values() }} or its"
            " pairs with {{ x.items() }}."
        )
    if not isinstance(value, list):
        return value
    if len(value) > MAX_ITEMS:
        raise ValueError(f"This may have at most {MAX_ITEMS} items, not {len(value)}.")
    return tuple(value)


class ForEachConfig(Config):
    items: Annotated[tuple[JSON, ...], BeforeValidator(_list)] = Field(
        title="Items", description=f"The list to go through, of at most {MAX_ITEMS} items."
    )
    parallel: int = Field(
        5, title="Parallel", description="Items that are worked on at once.", ge=1, le=10
    )
    on_item_failure: Literal["fail", "collect"] = Field(
        "fail",
        title="On an item's failure",
        description="Whether the step fails with its first failed item, or goes on and lists them.",
    )
    steps: Annotated[
        JSON, WithJsonSchema({"type": "array", "items": {"type": "object"}, "minItems": 1})
    ] = Field(
        title="Steps",
        description="What is done with each item: steps that need each other, and no others.",
    )
    result: JSON = Field(
        None,
        title="Result",
        description="What an item leaves behind; the output of the last step, if not said.",
    )


class ForEachStep(StepType[ForEachConfig]):
    """Output `{results, errors, succeeded, failed}`: results in the order of the items, null where
    one failed; errors as `{index, step, kind, message}`.

    What is wrong with the steps of the body is found by `workflows.definition` and
    `workflows.graph`, which treat it as a definition of its own.
    """

    key = "for_each"
    title = "For each"
    summary = "Do the same steps for every item of a list."
    Config = ForEachConfig
    output_keys = frozenset(("results", "errors", "succeeded", "failed"))
    deferred = frozenset(("steps", "result"))
    failures = frozenset(("child",))
    has_children = True

    def run(self, config: ForEachConfig, world: World) -> Result:
        if not config.items:
            return Done({"results": [], "errors": [], "succeeded": 0, "failed": 0})
        return ForEach(config.items, config.parallel, config.on_item_failure == "collect")
