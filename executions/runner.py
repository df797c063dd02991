"""One try of one step: render, check, call. No transaction is open and nothing is written."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import structlog
from django.conf import settings

from executions import callbacks
from executions.callbacks import Callback
from executions.egress import EgressPolicy
from executions.mailing import Mailbox
from executions.outbound import Limits, OutboundClient
from executions.placeholders import Placeholders
from executions.runs import Attempt, Claim, LogLine, Settings, Skip
from executions.world import SecretsClient, StepWorld
from tenants.scope import AWAY
from workflows import expressions
from workflows.definition import JSON
from workflows.problems import dotted
from workflows.steps.base import ConfigError, Done, Error, Failed, Result, StepType

log = structlog.get_logger(__name__)


Outside = Callable[[], AbstractContextManager[None]]


class LeaseLostError(Exception):
    """Another worker has the step: nothing may be sent or recorded any more."""


def run(
    claim: Claim,
    given: Settings,
    mark_sending: Callable[[JSON], bool],
    outside: Outside = nullcontext,
) -> Attempt:
    """Try a claimed step. Secrets are masked in all that is returned.

    `mark_sending` is called with the step's input right before a call that must not be repeated
    blindly; if it says False the lease is lost and LeaseLostError is raised. That the database is
    away (tenants.scope.AWAY) it may raise too, and so does this.
    """
    started_at, started = datetime.now(UTC), time.perf_counter()
    placeholders = Placeholders(given.secrets, given.hosts)
    trying = _Try(claim, given, placeholders, mark_sending, outside)
    result = trying.run()
    return Attempt(
        result=_hidden(result, placeholders),
        started_at=started_at,
        elapsed_ms=(time.perf_counter() - started) * 1000,
        input=placeholders.hide(trying.rendered),
        repeatable=trying.repeatable,
        logs=tuple(
            replace(
                line,
                message=str(placeholders.hide(line.message)),
                data=placeholders.hide(line.data),
            )
            for line in trying.lines
        ),
    )


class _Try:
    """A try under way: what it rendered so far is what it may have sent."""

    def __init__(
        self,
        claim: Claim,
        given: Settings,
        placeholders: Placeholders,
        mark_sending: Callable[[JSON], bool],
        outside: Outside,
    ) -> None:
        self._claim, self._given, self._placeholders = claim, given, placeholders
        self._mark_sending, self._outside = mark_sending, outside
        self.rendered: JSON = None  # the config, placeholders still in it
        self.repeatable = True
        self.lines: list[LogLine] = []

    def run(self) -> Result | Skip:
        """The result; whatever goes wrong is one, but for a lost lease or an absent database."""
        step_type = self._claim.run.plan.step_type(self._claim.key)
        try:
            return self._run(step_type)
        except expressions.ExpressionError as error:
            return Failed(Error("expression", f"{dotted(error.path)}: {error.message}"))
        except ConfigError as error:
            return Failed(Error("config", str(error)))
        except (LeaseLostError, *AWAY):
            raise  # nothing was sent; the step is given back and runs again
        except Exception:  # noqa: BLE001 - it ends the try, and is logged
            # Masked first, for it may quote what was sent; so not with log.exception.
            trace = self._placeholders.hide(traceback.format_exc())
            log.error("a step type failed", step_type=step_type.key, exception=trace)
            return Failed(Error("internal", "The step failed inside Stepwell. It has been logged."))

    def _run(self, step_type: StepType[Any]) -> Result | Skip:
        step, names = self._claim.step, self._names()
        if step.when is not None and self._claim.wait is None:  # before its first wait, not after
            with _within("when"):
                if not _guard(step.when, names):
                    return Skip()
        config = step_type.load(self._render(step_type.deferred, names))
        self.repeatable = step.idempotent is True or step_type.repeatable(config)
        return step_type.run(config, self._world(names))

    def _render(self, deferred: frozenset[str], names: dict[str, object]) -> dict[str, JSON]:
        """The config with its expressions' values, but for what the step type evaluates itself."""
        config = self._claim.step.config
        now = {key: value for key, value in config.items() if key not in deferred}
        with _within("with"):
            values = expressions.render(now, names)
        later = {key: value for key, value in config.items() if key in deferred}
        rendered = {**values, **later} if isinstance(values, dict) else later
        self.rendered = rendered
        return rendered

    def _names(self) -> dict[str, object]:
        run = self._claim.run
        reads = run.plan.reads[self._claim.key]
        return {
            **run.names(reads),
            "secrets": self._placeholders.of(reads.secrets),
            "vars": self._given.variables,
            "callbacks": {
                key: callbacks.address(Callback(run.tenant_id, run.execution_id, key))
                for key in reads.callbacks
            },
        }

    def _world(self, names: dict[str, object]) -> StepWorld:
        claim = self._claim
        wait = claim.wait if isinstance(claim.wait, dict) else {}
        return StepWorld(
            http=SecretsClient(
                _client(),
                self._placeholders,
                self._before_sending,
                self._outside,
                claim.run.egress,
            ),
            mail=Mailbox(self._before_sending, self._outside),
            timeout=min(claim.run.plan.timeout(claim.key), settings.MAX_HTTP_SECONDS),
            idempotency_key=claim.run.idempotency_key(claim.key),
            names=names,
            hide=self._placeholders.hide,
            waited=wait.get("state"),
            lines=self.lines,
        )

    def _before_sending(self) -> None:
        if not self.repeatable and not self._mark_sending(self._placeholders.hide(self.rendered)):
            raise LeaseLostError


@contextmanager
def _within(field: str) -> Iterator[None]:
    """Say of an expression's error in which field of the step it is."""
    try:
        yield
    except expressions.ExpressionError as error:
        error.path = (field, *error.path)
        raise


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
    policy = EgressPolicy(
        settings.EGRESS_ALLOW, settings.EGRESS_DENY, frozenset(settings.EGRESS_DENY_HOSTS)
    )
    return OutboundClient(policy, limits=Limits(body=settings.MAX_RESPONSE_BYTES))
