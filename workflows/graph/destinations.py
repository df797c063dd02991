"""Whether a step's request, and the secrets in it, may go where it goes, as far as that can be told
beforehand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from tenants.hosts import Hosts
from workflows import expressions
from workflows.definition import Step
from workflows.expressions import ExpressionError
from workflows.graph.levels import Level
from workflows.graph.texts import texts
from workflows.problems import Problem, warning

# Up to the end of the host; an expression in it may hold any character.
_ORIGIN = re.compile(r"https?://(?:\{\{.*?\}\}|\{%.*?%\}|[^/?#{])*", re.IGNORECASE | re.DOTALL)
_OWN = frozenset(("vars", "secrets"))
"""Names whose values are the tenant's own settings, and no sender's."""


def problems(
    every: Sequence[Level], hosts: Mapping[str, Hosts], egress: Hosts
) -> Iterator[Problem]:
    """`hosts` says of each secret of the tenant where it may go, `egress` where its calls may."""
    for level in every:
        yield from _unreachable(level, egress)
        for step, names in _carrying(level):
            field, url = _address(step)
            for name in sorted(names & hosts.keys()):
                message = _objection(name, hosts[name], url)
                if message is not None:
                    yield warning("secret_host", message, step=step.key, field=field)


def _unreachable(level: Level, egress: Hosts) -> Iterator[Problem]:
    """Steps whose host is written out, and not on the tenant's list."""
    for step in level.definition.steps:
        field, url = _address(step)
        origin = _origin(url)
        if url and "{" not in origin and not egress.allow(origin):
            message = f"Calls may not go there; the tenant's list of hosts is {egress.shown()}."
            yield warning("egress_host", message, step=step.key, field=field)


def _carrying(level: Level) -> Iterator[tuple[Step, set[str]]]:
    """The steps that name secrets, with the names."""
    found: dict[str, set[str]] = {}
    for text in texts(level.definition):
        if text.step is not None:
            names = {reference[1] for reference in text.references if _is_secret(reference)}
            found.setdefault(text.step.key, set()).update(names)
    for step in level.definition.steps:
        if found.get(step.key):
            yield step, found[step.key]


def _is_secret(reference: tuple[str, ...]) -> bool:
    return reference[0] == "secrets" and len(reference) > 1


def _address(step: Step) -> tuple[str, str]:
    """Where in the step its address stands, and the address; of a poll's request, too."""
    request = step.config.get("request")
    if isinstance(request, dict):
        return "with.request.url", str(request.get("url", ""))
    return "with.url", str(step.config.get("url", ""))


def _origin(url: str) -> str:
    """The part of an address that says where it goes, or all of one that cannot be read."""
    found = _ORIGIN.match(url)
    return found[0] if found else url


def _objection(name: str, hosts: Hosts, url: str) -> str | None:
    origin = _origin(url)
    if "{" not in origin:
        if hosts.allow(origin):
            return None
        return f'The secret "{name}" may not go there; its hosts are {hosts}.'
    if hosts.rules or not _is_foreign(origin):
        return None
    return (
        f'An expression says where this goes, and the secret "{name}" with it. Give the secret a'
        " list of hosts."
    )


def _is_foreign(origin: str) -> bool:
    """Whether what starts the run, or an answer, may decide on the host."""
    try:
        references = expressions.parse(origin).references
    except ExpressionError:
        return False  # told where all expressions are
    return any(reference[0] not in _OWN for reference in references)
