"""All step types: a new one is a file in this folder and a line in this list."""

from __future__ import annotations

from typing import Any

from workflows.steps.approval import Approval
from workflows.steps.base import StepType
from workflows.steps.condition import Condition
from workflows.steps.delay import Delay
from workflows.steps.email import Email
from workflows.steps.fail import Fail
from workflows.steps.for_each import ForEachStep
from workflows.steps.http import Http
from workflows.steps.log import Log
from workflows.steps.poll import Poll
from workflows.steps.respond import Respond
from workflows.steps.sub_workflow import SubWorkflow
from workflows.steps.switch import Switch
from workflows.steps.transform import Transform
from workflows.steps.wait_for_callback import WaitForCallback

# Any: a dict of types cannot say that each one takes the config that it loads itself.
STEP_TYPES: dict[str, StepType[Any]] = {
    step_type.key: step_type
    for step_type in (
        Http(),
        Condition(),
        Switch(),
        Transform(),
        ForEachStep(),
        Delay(),
        WaitForCallback(),
        Approval(),
        Poll(),
        SubWorkflow(),
        Email(),
        Respond(),
        Log(),
        Fail(),
    )
}
