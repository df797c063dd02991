"""Do the expressions parse, and do they name only what they can see when they run?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

from workflows.definition import Definition, Step
from workflows.expressions import ExpressionError
from workflows.graph.structure import upstream
from workflows.graph.texts import Text, texts
from workflows.problems import Problem, error, hint
from workflows.steps.registry import STEP_TYPES

MEMBERS = {
    "trigger": ("body", "headers", "query", "kind", "received_at"),
    "execution": ("id", "workflow", "version", "started_at"),
    "tenant": ("slug", "name"),
}
STEP_MEMBERS = ("output", "outcome", "error")
ROOTS = (*MEMBERS, "steps", "secrets", "vars")

Reference = tuple[str, ...]
Finding = tuple[str, str]


def problems(
    definition: Definition, secrets: Collection[str] | None, variables: Collection[str] | None
) -> Iterator[Problem]:
    known = _Known({step.key: step for step in definition.steps}, secrets, variables)
    for text in texts(definition):
        key = text.step.key if text.step else None
        for code, message in _findings(known, text):
            yield error(code, message, step=key, field=text.field)


@dataclass(frozen=True)
class _Known:
    steps: dict[str, Step]
    secrets: Collection[str] | None
    variables: Collection[str] | None

    @cached_property
    def upstream(self) -> dict[str, frozenset[str]]:
        return {key: upstream(self.steps, key) for key in self.steps}


def _findings(known: _Known, text: Text) -> Iterator[Finding]:
    if isinstance(text.template, ExpressionError):
        yield "bad_expression", text.template.message
        return
    if text.field == "when" and text.template.is_constant:
        yield "bad_expression", 'This must hold an expression, such as "{{ trigger.body.paid }}".'
    for reference in sorted(text.references):
        root, *rest = reference
        check = _CHECKS.get(root)
        if check is None:
            yield "unknown_name", f'There is no "{root}" here.{hint(root, ROOTS)}'
        else:
            yield from check(known, text, (root, *rest))


def _member(known: _Known, text: Text, reference: Reference) -> Iterator[Finding]:
    root, *rest = reference
    if rest and rest[0] not in MEMBERS[root]:
        yield "unknown_name", f'"{root}" has no "{rest[0]}".{hint(rest[0], MEMBERS[root])}'


def _step(known: _Known, text: Text, reference: Reference) -> Iterator[Finding]:
    if len(reference) < 2:
        return
    key = reference[1]
    visible = known.upstream[text.step.key] if text.step else frozenset(known.steps)
    if key not in known.steps:
        yield "unknown_step", f'There is no step "{key}".{hint(key, visible)}'
    elif key not in visible:
        yield "not_upstream", _not_upstream(known, text, key)
    else:
        yield from _inside_step(known.steps[key], reference[2:])


def _not_upstream(known: _Known, text: Text, key: str) -> str:
    own = text.step.key if text.step else ""
    if key == own:
        return f'"{key}" cannot read its own result.'
    if own in known.upstream[key]:
        return f'"{key}" runs after "{own}", so it has no result yet.'
    return f'"{key}" need not have run before "{own}": no chain of needs leads from it to here.'


def _inside_step(step: Step, rest: Reference) -> Iterator[Finding]:
    if rest and rest[0] not in STEP_MEMBERS:
        valid = hint(rest[0], STEP_MEMBERS)
        yield "unknown_name", f'"steps.{step.key}" has no "{rest[0]}".{valid}'
    elif len(rest) > 1 and rest[0] == "output" and step.type in STEP_TYPES:
        keys = STEP_TYPES[step.type].output_keys
        if keys is not None and rest[1] not in keys:
            valid = hint(rest[1], keys)
            yield "unknown_name", f'The output of "{step.key}" has no "{rest[1]}".{valid}'


def _secret(known: _Known, text: Text, reference: Reference) -> Iterator[Finding]:
    if not _may_hold_secrets(text):
        takers = ", ".join(key for key, kind in STEP_TYPES.items() if kind.takes_secrets)
        message = f"A secret may stand only in the config of steps of the type {takers}."
        yield "secret_not_allowed", message
    elif len(reference) < 2:
        yield "unknown_secret", "Name the secret: secrets.<name>."
    elif known.secrets is not None and reference[1] not in known.secrets:
        valid = hint(reference[1], known.secrets)
        yield "unknown_secret", f'There is no secret "{reference[1]}".{valid}'


def _may_hold_secrets(text: Text) -> bool:
    if text.step is None or text.field == "when":
        return False
    return text.step.type not in STEP_TYPES or STEP_TYPES[text.step.type].takes_secrets


def _variable(known: _Known, text: Text, reference: Reference) -> Iterator[Finding]:
    if len(reference) > 1 and known.variables is not None and reference[1] not in known.variables:
        valid = hint(reference[1], known.variables)
        yield "unknown_variable", f'There is no variable "{reference[1]}".{valid}'


_CHECKS: dict[str, Callable[[_Known, Text, Reference], Iterator[Finding]]] = {
    **dict.fromkeys(MEMBERS, _member),
    "steps": _step,
    "secrets": _secret,
    "vars": _variable,
}
