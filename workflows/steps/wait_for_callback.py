from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from workflows.definition import JSON
from workflows.steps.base import Config, Done, Result, StepType, Wait, World
from workflows.steps.moments import DAY

MONTH = 30 * DAY


class WaitForCallbackConfig(Config):
    timeout: float = Field(
        DAY,
        title="Timeout",
        description="Seconds to wait for the call: a day, if not said; 30 days at most.",
        gt=0,
        le=MONTH,
    )
    schema_: dict[str, JSON] | None = Field(
        None,
        alias="schema",
        title="Schema",
        description="JSON Schema of the call's body; another body is refused and waited on.",
    )


class WaitForCallback(StepType[WaitForCallbackConfig]):
    """Ends when its one-time address is called: `success`, output `{body, headers, query,
    received_at}`; or at its time: `expired`, the same keys without values.

    Steps that come before it or beside it hand the address out: `callbacks.<its key>`.
    """

    key = "wait_for_callback"
    title = "Wait for a call"
    summary = "Wait until another system calls a one-time address."
    Config = WaitForCallbackConfig
    output_keys = frozenset(("body", "headers", "query", "received_at"))
    deferred = frozenset(("schema",))
    schema_keys = frozenset(("schema",))

    def outcomes(self, config: dict[str, JSON]) -> tuple[str, ...]:
        return ("success", "expired")

    def run(self, config: WaitForCallbackConfig, world: World) -> Result:
        if world.waited is not None:
            return Done({"body": None, "headers": {}, "query": {}, "received_at": None}, "expired")
        until = world.now() + timedelta(seconds=config.timeout)
        return Wait(
            until,
            state={"expired_at": until.isoformat()},
            answer="callback",
            ask={"schema": config.schema_},
        )
