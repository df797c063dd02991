from __future__ import annotations

from itertools import product
from random import Random
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.retry import RETRY_AFTER_CAP, OnUnknown, Verdict, decide
from workflows.definition import Retry
from workflows.steps.base import Error

DEFAULT = Retry()
CHOICES: tuple[OnUnknown, ...] = ("park", "retry", "fail")
STATUSES = (200, 302, 400, 404, 408, 409, 425, 429, 500, 502, 503, 504, 599)
CALL_KINDS = ("connect", "timeout", "broken", "lost")
OTHER_KINDS = ("blocked", "invalid", "too_large", "expression", "config", "fail", "internal")
WHATS = (*STATUSES, *CALL_KINDS, *OTHER_KINDS)


def error(what: str | int, *, sent: bool = True, retry_after: float | None = None) -> Error:
    if isinstance(what, int):
        return Error("status", f"Answered {what}.", status=what, sent=True, retry_after=retry_after)
    return Error(what, "Something happened.", sent=sent, retry_after=retry_after)


def verdict(
    failed: Error,
    policy: Retry | None = DEFAULT,
    *,
    attempt: int = 1,
    repeatable: bool = False,
    on_unknown: OnUnknown = "park",
    seed: int = 1,
) -> Verdict:
    return decide(
        policy,
        failed,
        attempt=attempt,
        repeatable=repeatable,
        on_unknown=on_unknown,
        rng=Random(seed),
    )


def expected_by_default(what: str | int, sent: bool, repeatable: bool, choice: OnUnknown) -> str:
    """DESIGN 4.5 and 4.7, read aloud."""
    if what in (425, 429, 503):
        return "retry"
    if what == 408 or (isinstance(what, int) and what >= 500):
        return "retry" if repeatable else "fail"
    if what in CALL_KINDS:
        return "retry" if repeatable or not sent else choice
    return "fail"


@pytest.mark.parametrize(
    ("what", "sent", "repeatable", "choice"),
    [*product(WHATS, (True, False), (True, False), CHOICES)],
)
def test_the_default_policy(
    what: str | int, sent: bool, repeatable: bool, choice: OnUnknown
) -> None:
    decided = verdict(error(what, sent=sent), repeatable=repeatable, on_unknown=choice)
    assert decided.action == expected_by_default(what, sent, repeatable, choice)


@pytest.mark.parametrize("what", ["connect", "timeout", "broken", 408, 425, 429, 500, 503, 404])
@pytest.mark.parametrize("repeatable", [True, False])
def test_a_step_without_a_policy_is_never_tried_again(what: str | int, repeatable: bool) -> None:
    assert verdict(error(what, sent=False), None, repeatable=repeatable).action == "fail"


def test_a_lost_worker_needs_no_policy_and_uses_up_no_tries() -> None:
    assert verdict(error("lost"), None, repeatable=True) == Verdict(
        "retry", 0.0, "The worker was lost; trying again at once."
    )
    assert verdict(error("lost"), Retry(attempts=1), repeatable=True, attempt=9).action == "retry"
    assert verdict(error("lost", sent=False), None).action == "retry"


@pytest.mark.parametrize("kind", CALL_KINDS)
def test_an_unknown_outcome_parks_whatever_the_policy_says(kind: str) -> None:
    eager = Retry(on=("connect", "timeout", "broken", "lost", "5xx", "4xx"))
    narrow = Retry(on=(429,))
    for policy, attempt in product((None, DEFAULT, eager, narrow, Retry(attempts=1)), (1, 4, 9)):
        assert verdict(error(kind), policy, attempt=attempt).action == "park"


@pytest.mark.parametrize(
    ("on", "what", "repeatable", "action"),
    [
        # It restricts ...
        ((429,), 429, False, "retry"),
        ((429,), 503, True, "fail"),
        ((429,), "timeout", True, "fail"),
        ((429,), "connect", True, "fail"),
        (("timeout",), "broken", True, "fail"),
        ((), 503, True, "fail"),
        # ... and extends what is worth another try ...
        ((404,), 404, True, "retry"),
        ((404,), 404, False, "retry"),
        (("4xx",), 409, False, "retry"),
        (("5xx",), 503, False, "retry"),
        (("5xx",), 502, True, "retry"),
        ((302,), 302, True, "retry"),
        (("any",), "child", True, "retry"),
        (("any",), 404, False, "retry"),
        # ... but not what is forbidden ...
        (("any",), "blocked", True, "fail"),
        # ... or not safe.
        (("any",), 500, False, "fail"),
        (("5xx",), 502, False, "fail"),
        ((500,), 500, False, "fail"),
        (("4xx",), 408, False, "fail"),
        (("2xx",), 202, False, "fail"),
        ((302,), 302, False, "fail"),
    ],
)
def test_on_says_what_is_worth_another_try_and_not_what_is_safe(
    on: tuple[str | int, ...], what: str | int, repeatable: bool, action: str
) -> None:
    assert verdict(error(what), Retry(on=on), repeatable=repeatable).action == action


def test_on_unknown_decides_only_about_the_unknown() -> None:
    assert verdict(error(500), on_unknown="retry").action == "fail"
    assert verdict(error("timeout"), Retry(on=(429,)), on_unknown="retry").action == "retry"
    assert verdict(error("timeout"), repeatable=True, on_unknown="fail").action == "retry"
    assert verdict(error("connect", sent=False), on_unknown="fail").action == "retry"


@pytest.mark.parametrize(("attempts", "attempt"), [(1, 1), (4, 4), (4, 5)])
def test_the_last_try_is_the_last(attempts: int, attempt: int) -> None:
    for choice in CHOICES:
        last = verdict(error(503), Retry(attempts=attempts), attempt=attempt, on_unknown=choice)
        assert (last.action, last.delay) == ("fail", 0.0)
    assert (
        verdict(error("broken"), Retry(attempts=1), attempt=attempt, on_unknown="retry").action
        == "fail"
    )


@pytest.mark.parametrize(
    ("decided", "reason"),
    [
        (
            verdict(error(503), Retry(jitter="none", delay=2.3)),
            "Answered 503; trying again in 2.3 s (try 2 of 4).",
        ),
        (
            verdict(error("connect", sent=False), Retry(jitter="none"), attempt=3),
            "Could not connect; trying again in 4.0 s (try 4 of 4).",
        ),
        (verdict(error(503), attempt=4), "Answered 503; no tries are left (4 made)."),
        (verdict(error(404)), "Answered 404; this is not tried again."),
        (verdict(error(500)), "Answered 500; repeating might do its work twice."),
        (verdict(error("blocked", sent=False)), "It failed; this is not tried again."),
        (
            verdict(error("timeout")),
            "No answer in time after the call was sent, so it may have been done; "
            "it waits for somebody to decide.",
        ),
        (
            verdict(error("lost"), on_unknown="fail"),
            "The worker was lost after the call was sent, so it may have been done; "
            "it fails, as its step says for this case.",
        ),
    ],
)
def test_reasons_are_sentences_for_people(decided: Verdict, reason: str) -> None:
    assert decided.reason == reason


@pytest.mark.parametrize(
    ("attempt", "delay"), [(1, 1.0), (2, 2.0), (3, 4.0), (6, 32.0), (7, 60.0), (5000, 60.0)]
)
def test_the_delay_doubles_up_to_a_minute(attempt: int, delay: float) -> None:
    policy = Retry(attempts=10_000, jitter="none")
    assert verdict(error(503), policy, attempt=attempt).delay == delay


@pytest.mark.parametrize(
    ("asked", "delay"),
    [(None, 1.0), (0.0, 1.0), (0.5, 1.0), (120.0, 120.0), (1e9, RETRY_AFTER_CAP)],
)
def test_retry_after_is_the_least_delay_up_to_a_cap(asked: float | None, delay: float) -> None:
    policy = Retry(jitter="none")
    assert verdict(error(429, retry_after=asked), policy).delay == delay


def test_full_jitter_spreads_over_the_whole_delay() -> None:
    delays = [verdict(error(503), Retry(delay=10), seed=seed).delay for seed in range(500)]
    assert min(delays) < 1
    assert max(delays) > 9


policies = st.builds(
    Retry,
    attempts=st.integers(1, 10_000),
    delay=st.floats(0, 1e6),
    factor=st.floats(1, 1e6),
    max_delay=st.floats(0, 1e6),
    jitter=st.sampled_from(["full", "none"]),
)
whats = st.sampled_from(WHATS)
choices: st.SearchStrategy[Literal["park", "retry", "fail"]] = st.sampled_from(CHOICES)


@given(
    st.none() | policies,
    whats,
    st.booleans(),
    st.none() | st.floats(0, 1e9),
    st.integers(1, 10_000),
    st.booleans(),
    choices,
    st.integers(),
)
def test_every_verdict_is_bounded_and_safe(
    policy: Retry | None,
    what: str | int,
    sent: bool,
    retry_after: float | None,
    attempt: int,
    repeatable: bool,
    choice: OnUnknown,
    seed: int,
) -> None:
    failed = error(what, sent=sent, retry_after=retry_after)
    decided = verdict(
        failed, policy, attempt=attempt, repeatable=repeatable, on_unknown=choice, seed=seed
    )
    longest = max(policy.max_delay if policy else 0.0, min(retry_after or 0.0, RETRY_AFTER_CAP))
    assert 0 <= decided.delay <= longest
    assert decided.reason.endswith(".")
    if decided.action != "retry":
        assert decided.delay == 0
    elif what != "lost":
        assert policy is not None
        assert attempt < policy.attempts
        assert decided.delay >= min(retry_after or 0.0, RETRY_AFTER_CAP)
    if decided.action == "retry" and failed.sent and not repeatable and choice != "retry":
        assert what in STATUSES
