from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from workflows.definition import JSON, slug
from workflows.steps.base import Config, Result, StartWorkflow, StepType, World


class SubWorkflowConfig(Config):
    workflow: Annotated[str, AfterValidator(slug)] = Field(
        title="Workflow", description="The slug of another workflow; it cannot be an expression."
    )
    input: JSON = Field(
        default_factory=dict, title="Input", description="Any JSON value: its trigger's body."
    )
    wait: bool = Field(
        True, title="Wait", description="Whether to wait for its end, and fail if it fails."
    )


class SubWorkflow(StepType[SubWorkflowConfig]):
    """Output `{execution_id, output}` when it waited for the other's end, else `{execution_id}`.

    The other workflow's version is pinned when this one is published.
    """

    key = "sub_workflow"
    title = "Sub-workflow"
    summary = "Run another workflow as one step of this one."
    Config = SubWorkflowConfig
    output_keys = frozenset(("execution_id", "output"))
    deferred = frozenset(("workflow",))
    failures = frozenset(("child",))
    has_children = True

    def run(self, config: SubWorkflowConfig, world: World) -> Result:
        return StartWorkflow(config.workflow, config.input, config.wait)
