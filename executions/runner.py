"""One try of one step: render, check, call. No transaction is open and nothing is written."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache

import structlog
from django.conf import settings

from executions.egress import EgressPolicy
from executions.outbound import Limits, OutboundClient
from executions.placeholders import Placeholders
from executions.runs import Attempt, Claim, LogLine, Settings, Skip
from executions.world import SecretsClient, StepWorld
from workflows import expressions
from workflows.definition import JSON
from workflows.problems import dotted
from workflows.steps.base import ConfigError, Done, Error, Failed, Result

log = structlog.get_logger(__name__)


Outside = Callable[[], AbstractContextManager[None]]


class LeaseLostError(Exception):
    """Another worker has the step: nothing may be sent or recorded any more."""


@dataclass(frozen=True)
class _Rendered:
    """What came of a try so far; `input` is the rendered config, placeholders still in it."""

    result: Result | Skip
    input: JSON = None
    repeatable: bool = True


def run(
    claim: Claim,
    given: Settings,
    mark_sending: Callable[[JSON], bool],
    outside: Outside = nullcontext,
) -> Attempt:
    """Try a claimed step. Secrets are masked in all that is returned.

    `mark_sending` is called with the step's input right before a call that must not be repeated
    blindly; if it says False the lease is lost and LeaseLostError is raised.
    """
    started_at, started = datetime.now(UTC), time.perf_counter()
    placeholders = Placeholders(given.secrets)
    lines: list[LogLine] = []
    done = _try(claim, given, placeholders, lines, mark_sending, outside)
    return Attempt(
        result=_hidden(done.result, placeholders),
        started_at=started_at,
        elapsed_ms=(time.perf_counter() - started) * 1000,
        input=placeholders.hide(done.input),
        repeatable=done.repeatable,
        logs=tuple(
            replace(
                line,
                message=str(placeholders.hide(line.message)),
                data=placeholders.hide(line.data),
            )
            for line in lines
        ),
    )


def _try(
    claim: Claim,
    given: Settings,
    placeholders: Placeholders,
    lines: list[LogLine],
    mark_sending: Callable[[JSON], bool],
    outside: Outside,
) -> _Rendered:
    step, step_type = claim.step, claim.run.plan.step_type(claim.key)
    reads = claim.run.plan.reads[claim.key]
    names = {
        **claim.run.names(reads),
        "secrets": placeholders.names,
        "vars": given.variables,
    }
    rendered: JSON = None
    repeatable = True

    def before_sending() -> None:
        if not repeatable and not mark_sending(placeholders.hide(rendered)):
            raise LeaseLostError

    world = StepWorld(
        http=SecretsClient(_client(), placeholders, before_sending, outside),
        timeout=claim.run.plan.timeout(claim.key),
        idempotency_key=f"{claim.run.execution_id}.{claim.key}",
        lines=lines,
    )
    field = "when"
    try:
        if step.when is not None and not _guard(step.when, names):
            return _Rendered(Skip())
        field = "with"
        rendered = expressions.render(step.config, names)
        config = step_type.load(rendered if isinstance(rendered, dict) else {})
        repeatable = step.idempotent is True or step_type.repeatable(config)
        return _Rendered(step_type.run(config, world), rendered, repeatable)
    except expressions.ExpressionError as error:
        where = dotted((field, *error.path))
        return _Rendered(Failed(Error("expression", f"{where}: {error.message}")))
    except ConfigError as error:
        return _Rendered(Failed(Error("config", str(error))), rendered)
    except LeaseLostError:
        raise
    except Exception:
        log.exception("a step type failed", step_type=step_type.key)
        message = "The step failed inside Stepwell. It has been logged."
        return _Rendered(Failed(Error("internal", message)), rendered, repeatable)


def _guard(source: str, names: dict[str, object]) -> bool:
    value = expressions.parse(source).evaluate(names)
    if not isinstance(value, bool):
        raise ConfigError("when: This must be true or false.")
    return value


def _hidden(result: Result | Skip, placeholders: Placeholders) -> Result | Skip:
    match result:
        case Done(output, outcome):
            return Done(placeholders.hide(output), outcome)
        case Failed(error):
            details = placeholders.hide(error.details)
            return Failed(
                replace(
                    error,
                    message=str(placeholders.hide(error.message)),
                    details=details if isinstance(details, dict) else {},
                )
            )
        case _:
            return result


@cache
def _client() -> OutboundClient:
    return OutboundClient(
        EgressPolicy(settings.EGRESS_ALLOW), limits=Limits(body=settings.MAX_RESPONSE_BYTES)
    )
