from __future__ import annotations

from pydantic import Field

from workflows.definition import JSON
from workflows.steps.base import Config, Done, Result, StepType, World


class ConditionConfig(Config):
    if_: bool = Field(
        alias="if",
        title="If",
        description="An expression that is true or false, such as {{ trigger.body.total > 100 }}.",
    )


class Condition(StepType[ConditionConfig]):
    """Ends with the outcome `true` or `false`; the output is the same as a boolean."""

    key = "condition"
    title = "Condition"
    summary = "Go one of two ways."
    Config = ConditionConfig

    def outcomes(self, config: dict[str, JSON]) -> tuple[str, ...]:
        return ("true", "false")

    def run(self, config: ConditionConfig, world: World) -> Result:
        return Done(config.if_, "true" if config.if_ else "false")
