from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from tenants.roles import Role
from workflows.definition import JSON
from workflows.steps.base import Config, Done, Result, StepType, Wait, World
from workflows.steps.mailboxes import Addresses
from workflows.steps.moments import DAY

MONTH = 30 * DAY
USUAL_ROLES = (Role.OWNER, Role.EDITOR, Role.OPERATOR)


class ApprovalConfig(Config):
    title: str = Field(
        title="Title",
        description="What is to be decided, in one line.",
        min_length=1,
        max_length=200,
    )
    message: str = Field(
        "", title="Message", description="What one needs to know to decide.", max_length=5000
    )
    form: dict[str, JSON] | None = Field(
        None,
        title="Form",
        description="JSON Schema of an object that whoever decides fills in.",
    )
    roles: tuple[Role, ...] = Field(
        (),
        title="Roles",
        description="Members who may decide: owner, editor and operator, unless people are named.",
    )
    people: Addresses = Field(
        (), title="People", description="Members who may decide, by their mail address."
    )
    timeout: float = Field(
        7 * DAY,
        title="Timeout",
        description="Seconds to wait for a decision: 7 days, if not said; 30 days at most.",
        gt=0,
        le=MONTH,
    )


class Approval(StepType[ApprovalConfig]):
    """Ends `approved` or `rejected` when a person has decided, or `expired` at its time.

    Output `{decision, by, comment, data, at}`: `by` is a mail address, `data` the filled-in form.
    Whoever has one of the roles or is one of the people that `ask` names may decide.
    """

    key = "approval"
    title = "Approval"
    summary = "Wait for a person to approve or reject."
    Config = ApprovalConfig
    output_keys = frozenset(("decision", "by", "comment", "data", "at"))
    deferred = frozenset(("form",))
    schema_keys = frozenset(("form",))

    def outcomes(self, config: dict[str, JSON]) -> tuple[str, ...]:
        return ("approved", "rejected", "expired")

    def run(self, config: ApprovalConfig, world: World) -> Result:
        if world.waited is not None:
            at = world.now().isoformat()
            nobody: dict[str, JSON] = {"by": None, "comment": None, "data": None}
            return Done({"decision": "expired", **nobody, "at": at}, "expired")
        until = world.now() + timedelta(seconds=config.timeout)
        state: JSON = {"expired_at": until.isoformat()}
        return Wait(until, state, answer="approval", ask=_ask(config))


def _ask(config: ApprovalConfig) -> JSON:
    roles = config.roles or (() if config.people else USUAL_ROLES)
    return {
        "title": config.title,
        "message": config.message,
        "form": config.form,
        "roles": [role.value for role in roles],
        "people": [person.casefold() for person in config.people],
    }
