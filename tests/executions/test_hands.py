"""A few hands for many threads, in turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from threading import Event, Thread

import pytest

from executions.hands import SLICE_SECONDS, Hands

HANG = 10.0  # seconds


def in_thread(act: Callable[[], None]) -> Thread:
    thread = Thread(target=act, daemon=True)
    thread.start()
    return thread


def until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + HANG
    while not holds():
        assert time.monotonic() < give_up, "hung"
        time.sleep(0.001)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_more_threads_work_than_there_are_hands(count: int) -> None:
    hands = Hands(count)
    working, most, go_on = set[int](), [0], Event()

    def work(number: int) -> None:
        with hands.held():
            working.add(number)
            most[0] = max(most[0], len(working))
            go_on.wait(HANG)
            working.remove(number)

    threads = [in_thread(partial(work, number)) for number in range(6)]
    until(lambda: len(working) == count)
    go_on.set()
    for thread in threads:
        thread.join(HANG)
    assert (most[0], working) == (count, set())


def test_a_hand_that_is_laid_down_serves_another_who_returns_it() -> None:
    hands, seen = Hands(1), list[str]()
    with hands.held():
        with hands.laid_down():
            other = in_thread(lambda: note(hands, seen, "other"))
            other.join(HANG)
        seen.append("we")
    assert seen == ["other", "we"]


def test_everyone_has_a_turn_before_anyone_has_a_second() -> None:
    """Who comes back from a call does not pass over those who wait: they may hold a step."""
    hands, called, gone = Hands(1), Event(), Event()
    seen: list[str] = []

    def caller() -> None:
        with hands.held():
            with hands.laid_down():
                gone.set()
                called.wait(HANG)
            seen.append("caller")

    away = in_thread(caller)
    until(lambda: bool(hands._free) and gone.is_set())
    with hands.held():
        waiting = in_thread(lambda: note(hands, seen, "waiting"))
        until(lambda: len(hands._waiting) == 1)
        called.set()
        until(lambda: len(hands._waiting) == 2)
    for thread in (away, waiting):
        thread.join(HANG)
    assert seen == ["waiting", "caller"]


def test_a_hand_is_wanted_only_by_others_and_after_a_while() -> None:
    hands = Hands(1)
    with hands.held():
        time.sleep(SLICE_SECONDS * 2)
        assert not hands.wanted()
        other = in_thread(lambda: note(hands, [], "other"))
        until(hands.wanted)
        with hands.laid_down():
            other.join(HANG)
        assert not hands.wanted()


def test_an_error_lays_the_hand_down() -> None:
    hands = Hands(1)
    with pytest.raises(RuntimeError), hands.held():
        raise RuntimeError
    with hands.held():
        pass


def note(hands: Hands, seen: list[str], name: str) -> None:
    with hands.held():
        seen.append(name)
