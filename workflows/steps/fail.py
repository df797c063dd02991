from __future__ import annotations

from pydantic import Field

from workflows.definition import JSON
from workflows.steps.base import Config, Error, Failed, Result, StepType, World


class FailConfig(Config):
    message: str = Field(
        title="Message",
        description="Why the execution cannot go on, for whoever reads it.",
        min_length=1,
        max_length=2000,
    )
    details: dict[str, JSON] = Field(
        default_factory=dict, title="Details", description="Facts kept with the error."
    )


class Fail(StepType[FailConfig]):
    """Always fails, so its only outcome is `failure`."""

    key = "fail"
    title = "Fail"
    summary = "End with an error of your own."
    Config = FailConfig

    def outcomes(self, config: dict[str, JSON]) -> tuple[str, ...]:
        return ()

    def run(self, config: FailConfig, world: World) -> Result:
        return Failed(Error("fail", config.message, config.details))
