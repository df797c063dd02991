from __future__ import annotations

from typing import Literal

from pydantic import Field

from workflows.definition import JSON
from workflows.steps.base import Config, Done, Result, StepType, World


class LogConfig(Config):
    message: str = Field(
        title="Message", description="One line for the execution's history.", max_length=2000
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", title="Level", description="How much attention the line asks for."
    )
    data: JSON = Field(None, title="Data", description="Any JSON value, kept beside the message.")


class Log(StepType[LogConfig]):
    key = "log"
    title = "Log"
    summary = "Write a line into the execution's history."
    Config = LogConfig

    def run(self, config: LogConfig, world: World) -> Result:
        world.log(config.level, config.message, config.data)
        return Done()
