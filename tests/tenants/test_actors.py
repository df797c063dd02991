"""Who acts: whom the innermost door has set, or this process."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tenants import actors
from tenants.actors import Actor

ANN = Actor("user", uuid4(), "ann@acme.example", "page", "192.0.2.1", "Firefox", "a" * 32)


def test_the_innermost_wins_and_the_outer_one_comes_back() -> None:
    otto = actors.named("api_key", None, "otto")
    with actors.acting(ANN):
        with actors.acting(otto):
            assert actors.current() == otto
        assert actors.current() == ANN
    assert actors.current().kind == "system"


def test_who_turns_out_to_be_somebody_acts_from_the_same_place() -> None:
    with actors.acting(ANN):
        eve = actors.named("staff", None, "eve")
    assert (eve.label, eve.id) == ("eve", None)
    assert (eve.door, eve.ip, eve.agent) == (ANN.door, ANN.ip, ANN.agent)
    assert eve.request_id == ANN.request_id


def test_a_process_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors, "_process", actors.current())
    assert actors.current().door == "command"
    actors.serve_as("worker")
    assert (actors.current().kind, actors.current().door) == ("system", "worker")
