"""What docs/TRIGGERS.md says of triggers, events and subscriptions is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from executions.states import TRIGGERS
from workflows import filters

GUIDE = (Path(__file__).parents[2] / "docs" / "TRIGGERS.md").read_text()
FILTERS = sorted(set(re.findall(r"\{\{ event.*?\}\}", GUIDE)))


@pytest.mark.parametrize("source", FILTERS)
def test_an_example_of_a_filter_is_one(source: str) -> None:
    assert filters.problem(source) == ""


def test_there_are_examples() -> None:
    assert len(FILTERS) >= 4


@pytest.mark.parametrize("word", [*TRIGGERS, *filters.ENDS, *filters.REACTIONS])
def test_every_word_is_explained(word: str) -> None:
    assert f"`{word}`" in GUIDE


def test_the_event_that_is_shown_has_what_an_event_has() -> None:
    [text] = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    event = json.loads(text)
    assert event.keys() == filters.MEMBERS.keys()
    assert event["execution"].keys() == set(filters.MEMBERS["execution"])
