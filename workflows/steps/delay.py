from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from workflows.definition import JSON
from workflows.steps.base import Config, ConfigError, Done, Result, StepType, Wait, World
from workflows.steps.moments import DAY, moment

LONGEST = 366 * DAY


def _at_most_a_year(seconds: float) -> float:
    if seconds > LONGEST:
        raise ValueError(f"A delay lasts a year at most, {LONGEST} seconds.")
    return seconds


def _time(text: str) -> str:
    moment(text)
    return text


class DelayConfig(Config):
    seconds: Annotated[float, AfterValidator(_at_most_a_year)] | None = Field(
        None, title="Seconds", description="How long to wait; a year at most.", ge=0
    )
    until: Annotated[str, AfterValidator(_time)] | None = Field(
        None,
        title="Until",
        description="When to go on, with its offset: 2026-05-01T09:00:00+02:00.",
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> DelayConfig:
        if (self.seconds is None) == (self.until is None):
            raise ValueError("A delay has either seconds or until.")
        return self


class Delay(StepType[DelayConfig]):
    """Output `{until}`, the time at which it went on. A time that has passed does not wait."""

    key = "delay"
    title = "Delay"
    summary = "Wait for some time, or until a time."
    Config = DelayConfig
    output_keys = frozenset(("until",))

    def run(self, config: DelayConfig, world: World) -> Result:
        if world.waited is not None:
            return Done(world.waited)
        now = world.now()
        if config.until is not None:
            until = moment(config.until)
        else:
            until = now + timedelta(seconds=config.seconds or 0)
        if until > now + timedelta(seconds=LONGEST):
            raise ConfigError(f"with.until: {config.until} is more than a year ahead.")
        state: JSON = {"until": until.isoformat()}
        return Done(state) if until <= now else Wait(until, state)
