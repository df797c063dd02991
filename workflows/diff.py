"""What changed between two definitions, in the words of the language and not of its text.

Works on raw documents, since a draft may be broken. Nothing is guessed: a step whose key changed
is one removed and one added. The steps of bodies are compared like the others, for keys are unique
in a definition; one that moved into a body or out of it changed in `body`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from workflows import canonical
from workflows.definition import FOR_EACH, JSON, Need

_NO_STEP: Mapping[str, JSON] = {}


@dataclass(frozen=True)
class Change:
    """A value at a path such as `with.url`; `old` or `new` is None where there was or is none."""

    kind: Literal["added", "removed", "changed"]
    field: str
    old: JSON
    new: JSON


@dataclass(frozen=True)
class StepChange:
    """A step that both have, and what is different in it besides its edges."""

    step: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, order=True)
class Edge:
    """What `step` needs, such as `found.true`."""

    step: str
    need: str


@dataclass(frozen=True)
class Diff:
    """All differences; `reordered` says that the same steps stand in another order."""

    settings: tuple[Change, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[StepChange, ...]
    edges_added: tuple[Edge, ...]
    edges_removed: tuple[Edge, ...]
    reordered: bool

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def diff(old: JSON, new: JSON) -> Diff:
    """What must be done to `old` to make it `new`."""
    before, after = _steps(old), _steps(new)
    kept = [key for key in after if key in before]
    edges_before, edges_after = set(_edges(before)), set(_edges(after))
    return Diff(
        settings=tuple(_changes(_without(old, "steps"), _without(new, "steps"))),
        added=tuple(key for key in after if key not in before),
        removed=tuple(key for key in before if key not in after),
        changed=tuple(_changed(before, after, kept)),
        edges_added=tuple(sorted(edges_after - edges_before)),
        edges_removed=tuple(sorted(edges_before - edges_after)),
        reordered=kept != [key for key in before if key in after],
    )


def _steps(document: JSON) -> dict[str, Mapping[str, JSON]]:
    """The steps by key, with those of bodies; one without a usable key goes by its place."""
    found: dict[str, Mapping[str, JSON]] = {}
    _collect(document, "", {}, found)
    return found


def _collect(
    holder: JSON, place: str, body: Mapping[str, JSON], found: dict[str, Mapping[str, JSON]]
) -> None:
    """The steps that a definition or the config of a for-each step holds. `body` says whose they
    are, as each of them is told to be changed if it moves."""
    steps = holder.get("steps") if isinstance(holder, dict) else None
    for index, step in enumerate(steps if isinstance(steps, list) else ()):
        entry = step if isinstance(step, dict) else {"": step}
        key = entry.get("key")
        is_usable = isinstance(key, str) and key not in found
        name = str(key) if is_usable else f"{place}steps[{index}]"
        config = entry.get("with")
        if entry.get("type") != FOR_EACH or not isinstance(config, dict):
            found[name] = {**entry, **body}
        else:
            found[name] = {**entry, **body, "with": {**_without(config, "steps")}}
            _collect(config, f"{name}.", {"body": name}, found)


def _edges(steps: Mapping[str, Mapping[str, JSON]]) -> Iterator[Edge]:
    for key, step in steps.items():
        needs = step.get("needs")
        for text in needs if isinstance(needs, list) else ():
            try:
                yield Edge(key, str(Need.parse(text)))  # "a.success" is "a"
            except ValueError:
                yield Edge(key, str(text))


def _changed(
    before: Mapping[str, Mapping[str, JSON]],
    after: Mapping[str, Mapping[str, JSON]],
    keys: list[str],
) -> Iterator[StepChange]:
    for key in keys:
        changes = tuple(_changes(_without(before[key], "needs"), _without(after[key], "needs")))
        if changes:
            yield StepChange(key, changes)


def _without(value: object, key: str) -> Mapping[str, JSON]:
    if not isinstance(value, dict):
        return _NO_STEP
    return {name: item for name, item in value.items() if name != key}


def _changes(
    old: Mapping[str, JSON], new: Mapping[str, JSON], path: tuple[str, ...] = ()
) -> Iterator[Change]:
    for key in (*old, *(name for name in new if name not in old)):
        place = (*path, key)
        before, after = old.get(key), new.get(key)
        if key not in old:
            yield Change("added", ".".join(place), None, after)
        elif key not in new:
            yield Change("removed", ".".join(place), before, None)
        elif isinstance(before, dict) and isinstance(after, dict):
            yield from _changes(before, after, place)
        elif canonical.text(before) != canonical.text(after):  # in Python True equals 1
            yield Change("changed", ".".join(place), before, after)
