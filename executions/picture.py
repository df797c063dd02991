"""An execution's graph as it is drawn: its version's, coloured by how the steps stand."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from uuid import UUID

from cachetools import LRUCache, cached

from executions.engine import PENDING, StepState, taken
from executions.models import Execution
from executions.services.plans import plan_of
from workflows import picture
from workflows.definition import Need
from workflows.layout import Drawing, layout
from workflows.picture import EdgeState, Picture

ENTRIES = 256
_STATES: Mapping[bool | None, EdgeState] = {True: "taken", False: "dead", None: "open"}


def draw(execution: Execution, states: Mapping[str, StepState]) -> Picture:
    """The graph of an execution's version, or of an item's body, with the states of its steps."""
    body = execution.parent_step if execution.item_index is not None else None
    drawing = _drawing(execution.version_id, body)
    statuses = {box.key: states.get(box.key, PENDING).status.value for box in drawing.nodes}

    def state_of(need: Need) -> EdgeState:
        return _STATES[taken(need, states)]

    return picture.picture(drawing, statuses, state_of)


@cached(LRUCache(ENTRIES), lock=Lock())
def _drawing(version_id: UUID, body: str | None) -> Drawing:
    return layout(plan_of(version_id, body).graph)
