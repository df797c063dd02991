"""What publishing a definition in a tenant would find, and what it would pin."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from tenants import services as tenant_services
from workflows import documents, graph, pins
from workflows.definition import JSON, Definition, parse
from workflows.limits import DefinitionLimits
from workflows.problems import Problem, error

TOO_LARGE = error("too_large", f"The definition is larger than {documents.MAX_BYTES // 1024} kB.")


@dataclass(frozen=True)
class Check:
    """`definition` is None where the document cannot be read as one."""

    problems: list[Problem]
    definition: Definition | None = None
    pins: pins.Versions = field(default_factory=dict)


def check(*, tenant_id: UUID, definition: JSON, slug: str | None = None) -> Check:
    """Look at a definition as its workflow's (`slug`) next version.

    Of one that is too large to be kept nothing else is told.
    """
    if is_too_large(definition):
        return Check([TOO_LARGE])
    parsed, found = parse(definition)
    if parsed is None:
        return Check(found)
    bounds = limits()
    found = graph.problems(
        parsed,
        limits=bounds,
        secrets=tenant_services.secret_hosts(tenant_id),
        variables=tenant_services.variable_values(tenant_id).keys(),
        egress=tenant_services.egress_of(tenant_id),
    )
    chosen = pins.choose(tenant_id, parsed, slug=slug, levels=bounds.sub_workflow_levels)
    return Check([*found, *chosen.problems], parsed, chosen.versions)


def errors(found: Collection[Problem]) -> list[Problem]:
    """Those that refuse publication."""
    return [problem for problem in found if problem.severity == "error"]


def is_too_large(definition: JSON) -> bool:
    return len(json.dumps(definition, ensure_ascii=False).encode()) > documents.MAX_BYTES


def limits() -> DefinitionLimits:
    """How large a definition may be in this deployment."""
    return DefinitionLimits(
        steps=settings.MAX_STEPS,
        depth=settings.MAX_DEPTH,
        timeout=settings.MAX_EXECUTION_SECONDS,
        parallel=settings.MAX_PARALLEL_STEPS,
        sub_workflow_levels=settings.MAX_SUB_WORKFLOW_LEVELS,
    )
