"""Where the outcomes are written on the edges of a drawing: in the gap between two rows of boxes.

Each stands on its own edge, in one of the gap's lanes, beside no other that it would touch. There
are as few lanes as that takes, and a gap grows with them; a lane for each always does. So no two
labels touch, and none touches a box. Not promised: another edge may pass beneath one. How wide a
text is only the browser knows: what is reckoned here is at least that, in usual fonts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LONGEST = 24  # characters; what is longer is cut
HEIGHT = 16.0  # of a text with the pale line around it
LANE = 18.0
_EDGE = 6.0  # between the outer lanes and the boxes
_HALO = 6.0
_NARROW, _WIDE, _USUAL = 5.0, 13.5, 8.7  # of a bold letter of 12 px
_HALVINGS = 24


@dataclass(frozen=True)
class Line:
    """An edge in a gap: where it leaves the upper row and meets the lower, its label's width."""

    start: float
    end: float
    width: float


@dataclass(frozen=True)
class Gap:
    """Its height, and for each line the middle of its label, `y` counted from the gap's top."""

    height: float
    places: tuple[tuple[float, float], ...]


def cut(outcome: str) -> str:
    """What is written on an edge; nothing on the usual one."""
    if outcome == "success":
        return ""
    return outcome if len(outcome) <= LONGEST else outcome[: LONGEST - 1] + "…"


def width_of(text: str) -> float:
    """How much room a label takes, with the pale line around it."""
    return _HALO + sum(
        _NARROW if letter in "ijl" else _WIDE if letter in "mwMW…" else _USUAL for letter in text
    )


def arrange(lines: Sequence[Line], height: float) -> Gap:
    """Place the labels of one gap that is at least so high."""
    for lanes in range(1, len(lines) + 1):
        tall = max(height, lanes * LANE + 2 * _EDGE)
        levels = [tall / 2 + (lane - (lanes - 1) / 2) * LANE for lane in range(lanes)]
        places = _fit(lines, tall, sorted(levels, key=lambda level: abs(level - tall / 2)))
        if places is not None:
            return Gap(tall, places)
    return Gap(height, ())


def _fit(
    lines: Sequence[Line], tall: float, levels: Sequence[float]
) -> tuple[tuple[float, float], ...] | None:
    """Give each label the first level where it touches none before it; None: there are too few."""
    taken: dict[float, list[tuple[float, float]]] = {level: [] for level in levels}
    places = [(0.0, 0.0)] * len(lines)
    for at in sorted(range(len(lines)), key=lambda at: lines[at].start + lines[at].end):
        for level, others in taken.items():
            x = _across(lines[at], level / tall)
            room = (x - lines[at].width / 2, x + lines[at].width / 2)
            if all(room[1] <= left or right <= room[0] for left, right in others):
                others.append(room)
                places[at] = (x, level)
                break
        else:
            return None
    return tuple(places)


def _across(line: Line, down: float) -> float:
    """Where the line, drawn as a cubic curve, is after this part of the way down, from 0 to 1."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        t = (low + high) / 2
        if 1.5 * t * (1 - t) + t**3 < down:
            low = t
        else:
            high = t
    return line.start + (line.end - line.start) * low**2 * (3 - 2 * low)
