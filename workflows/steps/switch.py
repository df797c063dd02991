from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from workflows.definition import JSON, NAME
from workflows.steps.base import Config, Done, Result, StepType, World

RESERVED = ("success", "failure", "always", "default")


def _case_name(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise ValueError("A case name starts with a-z and goes on with a-z, 0-9 or _.")
    if name in RESERVED:
        raise ValueError(f'"{name}" cannot name a case; it already means something as an outcome.')
    return name


class Case(Config):
    name: Annotated[str, AfterValidator(_case_name)] = Field(
        title="Name", description="The outcome of the step when this case is the first true one."
    )
    if_: bool = Field(alias="if", title="If", description="An expression that is true or false.")


def _distinct(cases: tuple[Case, ...]) -> tuple[Case, ...]:
    names = [case.name for case in cases]
    if not names:
        raise ValueError("A switch needs at least one case.")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'Two cases are called "{name}"; every case needs its own name.')
    return cases


class SwitchConfig(Config):
    cases: Annotated[tuple[Case, ...], AfterValidator(_distinct)] = Field(
        title="Cases", description="Looked at in order; the first true one wins, else `default`."
    )


class Switch(StepType[SwitchConfig]):
    """Ends with the name of its first true case, or `default`; the output is that name."""

    key = "switch"
    title = "Switch"
    summary = "Go one of several ways."
    Config = SwitchConfig

    def outcomes(self, config: dict[str, JSON]) -> tuple[str, ...]:
        cases = config.get("cases")
        listed = cases if isinstance(cases, list) else []
        names = [case.get("name") for case in listed if isinstance(case, dict)]
        return (*(name for name in names if isinstance(name, str)), "default")

    def run(self, config: SwitchConfig, world: World) -> Result:
        name = next((case.name for case in config.cases if case.if_), "default")
        return Done(name, name)
