"""Do the expressions parse, and do they name only what they can see when they run?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from workflows.definition import Step
from workflows.expressions import ExpressionError
from workflows.graph.levels import Level
from workflows.graph.texts import Text, texts
from workflows.problems import Problem, error, hint
from workflows.steps.registry import STEP_TYPES

MEMBERS = {
    "trigger": ("body", "headers", "query", "kind", "received_at"),
    "execution": ("id", "workflow", "version", "started_at"),
    "tenant": ("slug", "name"),
}
STEP_MEMBERS = ("output", "outcome", "error")
ROOTS = (*MEMBERS, "steps", "secrets", "vars", "callbacks")
ITEM_ROOTS = ("item", "index")
"""What the steps of a for-each body see besides the others."""
CALLBACK = "wait_for_callback"

Reference = tuple[str, ...]
Finding = tuple[str, str]


def problems(
    levels: Sequence[Level], secrets: Collection[str] | None, variables: Collection[str] | None
) -> Iterator[Problem]:
    homes = {key: level for level in levels for key in level.steps}
    for level in levels:
        known = _Known(level, homes, secrets, variables)
        for text in texts(level.definition):
            key = text.step.key if text.step else None
            for code, message in _findings(known, text):
                yield level.placed(error(code, message, step=key, field=text.field))


@dataclass(frozen=True)
class _Known:
    """What the texts of one level may name; `homes` are the levels of all steps."""

    level: Level
    homes: Mapping[str, Level]
    secrets: Collection[str] | None
    variables: Collection[str] | None


def _findings(known: _Known, text: Text) -> Iterator[Finding]:
    if isinstance(text.template, ExpressionError):
        yield "bad_expression", text.template.message
        return
    if text.field == "when" and text.template.is_constant:
        yield "bad_expression", 'This must hold an expression, such as "{{ trigger.body.paid }}".'
    further = _further_names(text)
    inside = ITEM_ROOTS if known.level.owner else ()
    for reference in sorted(text.references):
        root, *rest = reference
        if root in further:
            yield from _member(root, rest, further[root])
        elif root in _CHECKS:
            yield from _CHECKS[root](known, text, reference)
        elif root not in inside:
            valid = hint(root, (*ROOTS, *inside, *further))
            yield "unknown_name", f'There is no "{root}" here.{valid}'


def _further_names(text: Text) -> Mapping[str, Collection[str]]:
    """The names that a deferred text sees besides its step's own, with their members."""
    if text.step is None or text.deferred is None:
        return {}
    return STEP_TYPES[text.step.type].deferred_names[text.deferred]


def _member(root: str, rest: Sequence[str], members: Collection[str]) -> Iterator[Finding]:
    if rest and rest[0] not in members:
        yield "unknown_name", f'"{root}" has no "{rest[0]}".{hint(rest[0], members)}'


def _fixed(known: _Known, text: Text, reference: Reference) -> Iterator[Finding]:
    yield from _member(reference[0], reference[1:], MEMBERS[reference[0]])


def _step(known: _Known, text: Text, reference: Reference) -> Iterator[Finding]:
    if len(reference) < 2:
        return
    key = reference[1]
    visible = known.level.visible(text.step)
    if key not in known.homes:
        yield "unknown_step", f'There is no step "{key}".{hint(key, visible)}'
    elif key not in visible:
        yield "not_upstream", _not_upstream(known, text, key)
    else:
        yield from _inside_step(known.homes[key].steps[key], reference[2:])


def _not_upstream(known: _Known, text: Text, key: str) -> str:
    own = text.step.key if text.step else ""
    home = known.homes[key]
    if key == own:
        return f'"{key}" cannot read its own result.'
    if home is known.level:
        if own in home.upstream[key]:
            return f'"{key}" runs after "{own}", so it has no result yet.'
        return f'"{key}" need not have run before "{own}": no chain of needs leads from it to here.'
    holders = _holders(known.level)
    if key in holders:
        return f'"{key}" ends after all of its items, so it has no result yet.'
    here = next((holder for holder in holders if holder in home.steps), None)
    if here is not None:
        return f'"{key}" need not have run before "{here}", whose body this is.'
    owner = home.owner.key if home.owner else ""
    return (
        f'"{key}" runs once for each item, and only the body of "{owner}" can read it; from'
        f" outside read steps.{owner}.output.results."
    )


def _holders(level: Level) -> list[str]:
    """The for-each steps that a level is inside of, the nearest first."""
    if level.owner is None or level.outer is None:
        return []
    return [level.owner.key, *_holders(level.outer)]


def _inside_step(step: Step, rest: Reference) -> Iterator[Finding]:
    if rest and rest[0] not in STEP_MEMBERS:
        valid = hint(rest[0], STEP_MEMBERS)
        yield "unknown_name", f'"steps.{step.key}" has no "{rest[0]}".{valid}'
    elif len(rest) > 1 and rest[0] == "output" and step.type in STEP_TYPES:
        keys = STEP_TYPES[step.type].output_keys
        if keys is not None and rest[1] not in keys:
            valid = hint(rest[1], keys)
            yield "unknown_name", f'The output of "{step.key}" has no "{rest[1]}".{valid}'


def _callback(known: _Known, text: Text, reference: Reference) -> Iterator[Finding]:
    open_keys = _open_callbacks(known.level, text.step)
    if len(reference) < 2:
        yield "unknown_name", f"Name the step: callbacks.<its key>.{hint('', open_keys)}"
    elif reference[1] not in open_keys:
        key = reference[1]
        message = f"{_no_callback(known, text.step, key)}{hint(key, open_keys)}"
        yield "unknown_callback", message
    elif len(reference) > 2:
        message = f'"callbacks.{reference[1]}" is a text, the address; it has no members.'
        yield "unknown_name", message


def _open_callbacks(level: Level, reader: Step | None) -> set[str]:
    """The steps whose one-time addresses may still be called after the reader has run."""
    if reader is None:
        return set()
    callbacks = {key for key, step in level.steps.items() if step.type == CALLBACK}
    return callbacks - level.visible(reader) - {reader.key}


def _no_callback(known: _Known, own: Step | None, key: str) -> str:
    """Why a step's one-time address cannot be read."""
    step = known.level.steps.get(key)
    if step is None:
        if key in known.homes:
            return (
                f'"{key}" stands at another level; only steps at its own can hand out its address.'
            )
        return f'There is no step "{key}".'
    if step.type != CALLBACK:
        return f'"{key}" is a {step.type} step; only a {CALLBACK} step has an address.'
    if own is not None and key == own.key:
        return f'"{key}" cannot hand out its own address while it waits.'
    return f'"{key}" has ended before this is read, and its address with it.'


def _secret(known: _Known, text: Text, reference: Reference) -> Iterator[Finding]:
    if not _may_hold_secrets(text):
        takers = ", ".join(key for key, kind in STEP_TYPES.items() if kind.takes_secrets)
        message = f"A secret may stand only in the config of steps of the type {takers}"
        message += ", and not in what is evaluated there later." if text.deferred else "."
        yield "secret_not_allowed", message
    elif len(reference) < 2:
        yield "unknown_secret", "Name the secret: secrets.<name>."
    elif known.secrets is not None and reference[1] not in known.secrets:
        valid = hint(reference[1], known.secrets)
        yield "unknown_secret", f'There is no secret "{reference[1]}".{valid}'


def _may_hold_secrets(text: Text) -> bool:
    if text.step is None or text.field == "when" or text.deferred:
        return False
    return text.step.type not in STEP_TYPES or STEP_TYPES[text.step.type].takes_secrets


def _variable(known: _Known, text: Text, reference: Reference) -> Iterator[Finding]:
    if len(reference) > 1 and known.variables is not None and reference[1] not in known.variables:
        valid = hint(reference[1], known.variables)
        yield "unknown_variable", f'There is no variable "{reference[1]}".{valid}'


_CHECKS: dict[str, Callable[[_Known, Text, Reference], Iterator[Finding]]] = {
    **dict.fromkeys(MEMBERS, _fixed),
    "steps": _step,
    "secrets": _secret,
    "vars": _variable,
    "callbacks": _callback,
}
