"""Which versions of other workflows a definition's sub-workflow steps will run.

They are chosen when the definition is published and never change after that, so that a run does
tomorrow what it did today. A version can pin only versions that were there before it, so no run
can start itself again; a circle of workflows is refused because nobody means it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from workflows.bodies import all_steps
from workflows.definition import SLUG, Definition, Step
from workflows.models import Workflow, WorkflowVersion
from workflows.problems import Problem, error, hint, warning

SUB_WORKFLOW = "sub_workflow"

Chain = tuple[str, ...]
"""Slugs of workflows, each of which starts the next one."""
Versions = dict[str, str]
"""Ids of versions by the slug of their workflow, as `WorkflowVersion.pins` holds them."""


@dataclass(frozen=True)
class Pins:
    """What a definition would pin, and what is wrong with the workflows that it names."""

    versions: Versions = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def choose(tenant_id: UUID, definition: Definition, *, slug: str | None, levels: int) -> Pins:
    """The current versions of the workflows that the definition starts, in this tenant.

    `slug` is the definition's own workflow, if there is one; `levels` is how deep sub-workflows
    may go.
    """
    steps = [step for step in all_steps(definition) if step.type == SUB_WORKFLOW]
    started = {name for step in steps if (name := _slug(step))}
    named = started | ({definition.on_failure} if definition.on_failure else set())
    if not named:
        return Pins()
    names = _Names(tenant_id, slug, _current(tenant_id, named))
    versions = {
        name: str(version) for name, version in names.current.items() if version and name in started
    }
    pinned = _pinned(tenant_id, versions.values(), levels)
    chains = {name: list(_chains(pinned, name, version)) for name, version in versions.items()}
    found = [
        *(problem for step in steps for problem in _step_problems(names, step, chains, levels)),
        *_alarm_problems(names, definition.on_failure),
    ]
    return Pins(versions, tuple(found))


@dataclass(frozen=True)
class _Names:
    """`own` is the definition's workflow; `current` has the live workflows that it names."""

    tenant_id: UUID
    own: str | None
    current: Mapping[str, UUID | None]

    def unknown(self, name: str) -> str:
        """A sentence for a slug that no live workflow has."""
        rows = Workflow.objects.filter(tenant_id=self.tenant_id, archived_at=None)
        others = set(rows.values_list("slug", flat=True)) - {self.own or ""}
        return f'There is no workflow "{name}".{hint(name, others)}'


def _slug(step: Step) -> str | None:
    """The workflow that a step names, as far as its config is sound."""
    name = step.config.get("workflow")
    return name if isinstance(name, str) and re.fullmatch(SLUG, name) else None


def _current(tenant_id: UUID, slugs: Collection[str]) -> dict[str, UUID | None]:
    rows = Workflow.objects.filter(tenant_id=tenant_id, archived_at=None, slug__in=slugs)
    return dict(rows.values_list("slug", "current_id"))


def _pinned(tenant_id: UUID, versions: Collection[str], levels: int) -> dict[str, Versions]:
    """What these versions pin, what those pin, and so on for so many levels."""
    found: dict[str, Versions] = {}
    pending = set(versions)
    for _ in range(levels):
        rows = WorkflowVersion.objects.filter(tenant_id=tenant_id, id__in=pending)
        found |= {str(key): pins for key, pins in rows.values_list("id", "pins")}
        pending = {pin for key in pending for pin in found.get(key, {}).values()} - found.keys()
    return found


def _chains(pinned: Mapping[str, Versions], slug: str, version: str) -> Iterator[Chain]:
    """Every chain of workflows that starts with this one, to its end or as far as is known."""
    further = pinned.get(version)
    if not further:
        yield (slug,)
        return
    for child, child_version in further.items():
        for rest in _chains(pinned, child, child_version):
            yield (slug, *rest)


def _step_problems(
    names: _Names, step: Step, chains: Mapping[str, list[Chain]], levels: int
) -> Iterator[Problem]:
    name = _slug(step)
    if name is None:
        return  # the config's own problem
    if name == names.own:
        found = ("workflow_cycle", _circle((name,), name))
    elif name not in names.current:
        found = ("unknown_workflow", names.unknown(name))
    elif name not in chains:
        found = ("unpublished_workflow", f'"{name}" has no published version yet.')
    elif back := next((chain for chain in chains[name] if names.own in chain), None):
        found = ("workflow_cycle", _circle(back, names.own or ""))
    elif deep := next((chain for chain in chains[name] if len(chain) > levels), None):
        path = " -> ".join((names.own or "this workflow", *deep))
        found = ("too_deep", f"Sub-workflows go {levels} levels deep at most: {path}.")
    else:
        return
    yield error(*found, step=step.key, field="with.workflow")


def _circle(chain: Chain, own: str) -> str:
    path = " -> ".join((own, *chain[: chain.index(own) + 1]))
    return f"These workflows would start each other in a circle: {path}."


def _alarm_problems(names: _Names, slug: str | None) -> Iterator[Problem]:
    """Only warnings: it is looked up when a run has failed, and may be made until then."""
    if slug is None:
        return
    if slug == names.own:
        message = "A workflow cannot be started with its own failure; name another one."
        yield warning("workflow_cycle", message, field="on_failure")
    elif slug not in names.current:
        yield warning("unknown_workflow", names.unknown(slug), field="on_failure")
    elif names.current[slug] is None:
        message = f'"{slug}" has no published version yet, so nothing will be started.'
        yield warning("unpublished_workflow", message, field="on_failure")
