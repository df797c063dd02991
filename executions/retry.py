"""Whether a failed attempt is tried again, and when. Pure.

Two questions are kept apart. *Is it worth it?* `Retry.on` answers that. *Is it safe?* No setting
of `on` changes the answer: a call may be repeated if it was not done (nothing was sent, or the
other side refused it) or if repeating does no harm. What may have been done and would do harm
twice waits for a person, unless the definition decided beforehand (`on_unknown`).
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from workflows.definition import Retry
from workflows.steps.base import Error

RETRY_AFTER_CAP = 300.0
"""Seconds; the longest that a Retry-After header can make an execution wait."""

_WORTH_IT: tuple[str | int, ...] = ("connect", "timeout", "broken", 408, 425, 429, "5xx")
# What no policy tries again: it was tried often enough, or it may not go there.
_HOPELESS = frozenset({"poison", "blocked"})
_CALL_FAILED = frozenset({"connect", "timeout", "broken", "lost"})
_WHAT_HAPPENED = {
    "connect": "Could not connect",
    "timeout": "No answer in time",
    "broken": "The connection broke",
    "lost": "The worker was lost",
}

OnUnknown = Literal["park", "retry", "fail"]


@dataclass(frozen=True)
class Verdict:
    """What becomes of a step after a failed attempt.

    `delay` is in seconds and 0 unless `action` is "retry". `reason` is a sentence for the record.
    """

    action: Literal["retry", "fail", "park"]
    delay: float
    reason: str


def decide(
    policy: Retry | None,
    error: Error,
    *,
    attempt: int,
    repeatable: bool,
    on_unknown: OnUnknown,
    rng: Random,
) -> Verdict:
    """What to do after try number `attempt` (from 1) ended with this error.

    `policy` is the step's own or its type's default; None never tries again. A lost worker is not
    the call's doing: it needs no policy and uses up no tries (claims have their own cap).
    `repeatable` says that the step may run twice without harm.
    """
    unknown = _is_unknown(error) and not repeatable
    if unknown and on_unknown != "retry":
        return _undecidable(error, on_unknown)
    if error.kind == "lost":
        return Verdict("retry", 0.0, f"{_what(error)}; trying again at once.")
    if policy is None or not (unknown or _worth_it(policy, error)):
        return Verdict("fail", 0.0, f"{_what(error)}; this is not tried again.")
    if _maybe_done(error) and not (repeatable or unknown):
        return Verdict("fail", 0.0, f"{_what(error)}; repeating might do its work twice.")
    if attempt >= policy.attempts:
        return Verdict("fail", 0.0, f"{_what(error)}; no tries are left ({attempt} made).")
    delay = _delay(policy, error, attempt, rng)
    when = f"trying again in {delay:.1f} s (try {attempt + 1} of {policy.attempts})"
    return Verdict("retry", delay, f"{_what(error)}; {when}.")


def _is_unknown(error: Error) -> bool:
    """The call may have been done and nobody told us."""
    return error.sent and error.kind in _CALL_FAILED


def _maybe_done(error: Error) -> bool:
    """The call may have been done. 4xx and 503 refuse it; 408 and the other 5xx may follow it."""
    if error.kind == "status" and error.status is not None:
        refused = 400 <= error.status < 500 and error.status != 408
        return not refused and error.status != 503
    return error.sent


def _worth_it(policy: Retry, error: Error) -> bool:
    wanted = _WORTH_IT if policy.on is None else policy.on
    if "any" in wanted:
        return error.kind not in _HOPELESS
    if error.kind == "status" and error.status is not None:
        return error.status in wanted or f"{error.status // 100}xx" in wanted
    return error.kind in wanted


def _undecidable(error: Error, on_unknown: OnUnknown) -> Verdict:
    what = f"{_what(error)} after the call was sent, so it may have been done"
    if on_unknown == "fail":
        return Verdict("fail", 0.0, f"{what}; it fails, as its step says for this case.")
    return Verdict("park", 0.0, f"{what}; it waits for somebody to decide.")


def _delay(policy: Retry, error: Error, attempt: int, rng: Random) -> float:
    try:
        longest = min(policy.delay * policy.factor ** (attempt - 1), policy.max_delay)
    except OverflowError:
        longest = policy.max_delay
    delay = rng.uniform(0.0, longest) if policy.jitter == "full" else longest
    return max(delay, min(error.retry_after or 0.0, RETRY_AFTER_CAP))


def _what(error: Error) -> str:
    if error.kind == "status" and error.status is not None:
        return f"Answered {error.status}"
    return _WHAT_HAPPENED.get(error.kind, "It failed")
