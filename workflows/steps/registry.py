"""All step types: a new one is a file in this folder and a line in this list."""

from __future__ import annotations

from typing import Any

from workflows.steps.base import StepType
from workflows.steps.condition import Condition
from workflows.steps.fail import Fail
from workflows.steps.http import Http
from workflows.steps.log import Log
from workflows.steps.switch import Switch
from workflows.steps.transform import Transform

# Any: a dict of types cannot say that each one takes the config that it loads itself.
STEP_TYPES: dict[str, StepType[Any]] = {
    step_type.key: step_type
    for step_type in (Http(), Condition(), Switch(), Transform(), Log(), Fail())
}
