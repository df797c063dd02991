"""The poll step: the same request again and again, until an expression holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from workflows import expressions
from workflows.definition import JSON, Retry
from workflows.expressions import ExpressionError
from workflows.steps import http
from workflows.steps.base import (
    Config,
    ConfigError,
    Done,
    Error,
    Failed,
    Result,
    StepType,
    Wait,
    World,
)
from workflows.steps.http_config import HttpConfig
from workflows.steps.moments import DAY, moment

RESPONSE = http.Http.output_keys


def _expression(source: str) -> str:
    try:
        is_constant = expressions.parse(source).is_constant
    except ExpressionError:
        return source  # reported where all expressions are
    if is_constant:
        raise ValueError('This must hold an expression, such as "{{ response.body.done }}".')
    return source


class PollConfig(Config):
    request: HttpConfig = Field(
        title="Request", description="What to ask, as in the config of an HTTP request."
    )
    until: Annotated[str, AfterValidator(_expression)] = Field(
        title="Until",
        description="When to stop asking, such as {{ response.body.state == 'done' }}.",
    )
    interval: float = Field(
        5, title="Interval", description="Seconds between two tries.", ge=1, le=DAY
    )
    limit: float = Field(
        300,
        title="Limit",
        description="Seconds after which the step fails with poll_limit; 7 days at most.",
        gt=0,
        le=7 * DAY,
    )


@dataclass(frozen=True)
class _Asked:
    tries: int
    started_at: datetime


class Poll(StepType[PollConfig]):
    """Output: that of the last request, `{status, headers, body, elapsed_ms}`, and `tries`.

    A request that fails is tried again as an HTTP step is; tries count anew after that.
    """

    key = "poll"
    title = "Poll"
    summary = "Ask an API until its answer says it is done."
    Config = PollConfig
    takes_secrets = True
    calls_out = True
    default_retry = Retry()
    max_timeout = 30
    default_timeout = 30
    output_keys = RESPONSE | {"tries"}
    deferred = frozenset(("until",))
    deferred_names = {"until": {"response": RESPONSE}}
    repeats = True
    failures = frozenset(("poll_limit",))

    def repeatable(self, config: PollConfig) -> bool:
        return config.request.method not in http.UNREPEATABLE

    def may_park(self, config: dict[str, JSON]) -> bool:
        request = config.get("request")
        method = http.method_of(request) if isinstance(request, dict) else "GET"
        return method in http.UNREPEATABLE or "{" in method

    def run(self, config: PollConfig, world: World) -> Result:
        asked = _asked(world)
        key = f"{world.idempotency_key}.{asked.tries}"
        result = http.call(config.request, world, key)
        if not isinstance(result, Done):
            return result
        if self._holds(config, world, result.output):
            return Done(_with_tries(result.output, asked.tries))
        return _later(config, asked, world.now())

    def _holds(self, config: PollConfig, world: World, response: JSON) -> bool:
        value = world.evaluate(config.until, {"response": response})
        if not isinstance(value, bool):
            raise ConfigError("with.until: This must be true or false.")
        return value


def _asked(world: World) -> _Asked:
    """The count of this try, and when the first one was."""
    match world.waited:
        case {"tries": int() as tries, "started_at": str() as started_at}:
            return _Asked(tries + 1, moment(started_at))
        case _:
            return _Asked(1, world.now())


def _later(config: PollConfig, asked: _Asked, now: datetime) -> Result:
    again = now + timedelta(seconds=config.interval)
    if again > asked.started_at + timedelta(seconds=config.limit):
        message = f"After {asked.tries} tries in {config.limit:g} s `until` still did not hold."
        return Failed(Error("poll_limit", message, {"tries": asked.tries}))
    return Wait(again, state={"tries": asked.tries, "started_at": asked.started_at.isoformat()})


def _with_tries(output: JSON, tries: int) -> JSON:
    return {**output, "tries": tries} if isinstance(output, dict) else output
