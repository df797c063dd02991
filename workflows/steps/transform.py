from __future__ import annotations

from pydantic import Field

from workflows.definition import JSON
from workflows.steps.base import Config, Done, Result, StepType, World


class TransformConfig(Config):
    value: JSON = Field(
        title="Value", description="Any JSON value; the expressions in it make the output."
    )


class Transform(StepType[TransformConfig]):
    key = "transform"
    title = "Transform"
    summary = "Build a value out of others."
    Config = TransformConfig

    def is_for_output(self, config: dict[str, JSON]) -> bool:
        return True

    def run(self, config: TransformConfig, world: World) -> Result:
        return Done(config.value)
