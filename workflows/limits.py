"""How large a definition may be (DESIGN 3)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DefinitionLimits:
    """Times are in seconds; the longest time of one step is its step type's."""

    steps: int = 50
    depth: int = 20
    for_each_levels: int = 2
    sub_workflow_levels: int = 3
    timeout: float = 300
    parallel: int = 10
    retry_attempts: int = 20
    retry_delay: float = 3600
