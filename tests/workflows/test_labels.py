"""What is written on the edges of a drawing: readable, whatever the graph."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.definitions import acyclic, definition, step
from workflows import labels
from workflows.definition import Definition
from workflows.graph import build
from workflows.layout import Drawing, layout

Box = tuple[float, float, float, float]
ROUNDING = 0.2  # places are drawn to a tenth


def boxes_of(drawing: Drawing) -> tuple[list[Box], list[Box]]:
    """Those of the labels and those of the steps: left, top, right, bottom."""
    written = [
        (x - width / 2, y - labels.HEIGHT / 2, x + width / 2, y + labels.HEIGHT / 2)
        for edge in drawing.edges
        if edge.label
        for x, y, width in [(edge.label_x, edge.label_y, edge.label_width)]
    ]
    steps = [(box.x, box.y, box.x + box.width, box.y + box.height) for box in drawing.nodes]
    return written, steps


def touch(one: Box, other: Box) -> bool:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return across > ROUNDING and down > ROUNDING


def assert_readable(drawing: Drawing) -> None:
    written, steps = boxes_of(drawing)
    assert not [pair for pair in combinations(written, 2) if touch(*pair)]
    assert not [(label, box) for label in written for box in steps if touch(label, box)]
    for left, top, right, bottom in written:
        assert left >= 0
        assert top >= 0
        assert right <= drawing.width
        assert bottom <= drawing.height


@given(acyclic(max_steps=9))
def test_no_label_touches_another_or_a_box(random: Definition) -> None:
    assert_readable(layout(build(random)))


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,62}", fullmatch=True).filter(
    lambda name: name not in {"success", "failure", "always", "default"}
)


@given(st.lists(NAMES, min_size=1, max_size=12, unique=True), st.data())
def test_nor_does_one_of_many_cases_between_the_same_steps(
    names: list[str], data: st.DataObject
) -> None:
    cases = [{"name": name, "when": "{{ true }}"} for name in names]
    targets = data.draw(st.lists(st.sampled_from("abc"), min_size=len(names), max_size=len(names)))
    ends = {
        target: [f"way.{name}" for name, of in zip(names, targets, strict=True) if of == target]
        for target in sorted(set(targets))
    }
    steps = [step(target, *needs, "way.failure") for target, needs in ends.items()]
    last = step("last", *ends, "way.always")
    assert_readable(
        layout(build(definition(step("way", kind="switch", config={"cases": cases}), *steps, last)))
    )


def test_what_rejects_and_what_expires_lead_to_the_same_step_readably() -> None:
    drawn = layout(
        build(
            definition(
                step("ask", kind="approval"),
                step("ship", "ask.approved"),
                step("drop", "ask.rejected", "ask.expired"),
            )
        )
    )
    assert [edge.label for edge in drawn.edges] == ["approved", "rejected", "expired"]
    assert_readable(drawn)


def test_a_label_stands_on_its_own_edge() -> None:
    crossing = labels.Line(0.0, 100.0, 40.0)
    gap = labels.arrange([crossing, labels.Line(100.0, 0.0, 40.0)], 56.0)
    first, second = gap.places
    assert first[0] + second[0] == pytest.approx(100)  # they mirror each other
    assert (first[0] < 50) == (first[1] < 28)


def test_a_gap_grows_only_for_what_does_not_fit() -> None:
    apart = [labels.Line(x, x, 40.0) for x in (0.0, 100.0, 200.0)]
    assert labels.arrange(apart, 56.0) == labels.Gap(56.0, ((0, 28), (100, 28), (200, 28)))
    together = [labels.Line(x, x, 40.0) for x in (0.0, 1.0, 2.0, 3.0)]
    gap = labels.arrange(together, 56.0)
    assert gap.height > 56
    assert len({y for _, y in gap.places}) == 4
    assert labels.arrange([], 56.0) == labels.Gap(56.0, ())


@pytest.mark.parametrize(
    ("outcome", "written"),
    [("success", ""), ("failure", "failure"), ("a" * 24, "a" * 24), ("a" * 25, "a" * 23 + "…")],
)
def test_long_outcomes_are_cut_and_the_usual_is_not_written(outcome: str, written: str) -> None:
    assert labels.cut(outcome) == written
