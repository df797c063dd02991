"""Executions as they go out. What stands still, steps and executions, says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from executions import callbacks, services
from executions.callbacks import Callback
from executions.models import Execution, StepRun
from executions.serializers.requests import EXECUTION_STATUSES, STEP_STATUSES
from executions.services.explaining import Reasons
from executions.states import EXECUTION_ENDED, TRIGGERS, StepStatus
from tenants.principals import Principal
from tenants.roles import Permission
from workflows.filters import REACTIONS

_TEXT = {"type": "string"}
_WAITING = {
    "type": ["object", "null"],
    "description": "What a waiting step waits for.",
    "required": ["for", "until", "ask", "url"],
    "properties": {
        "for": {"enum": ["time", "approval", "callback", "items", "workflow"]},
        "until": {"type": ["string", "null"], "format": "date-time"},
        "ask": {
            "type": ["object", "null"],
            "description": "Of an approval title, message, form, roles and people; of a call the "
            "schema of its body.",
        },
        "url": {
            "type": ["string", "null"],
            "description": "The one-time address to call, for who may start executions.",
        },
    },
}


def url(ident: UUID, page: str = "execution") -> str:
    """An execution's own address in the API, or that of a page below it."""
    return f"{settings.PUBLIC_URL}{reverse(f'api:{page}', args=[ident])}"


# --- Executions --------------------------------------------------------------------------------


class Link(serializers.Serializer[Any]):
    """Another execution."""

    id = serializers.UUIDField()
    url = serializers.URLField()


class ParentLink(Link):
    """The execution that waits for this one."""

    step = serializers.CharField(help_text="The key of its step.")
    index = serializers.IntegerField(allow_null=True, help_text="Of a for_each's item.")


class ExecutionItem(serializers.ModelSerializer[Execution]):
    url = serializers.SerializerMethodField()
    workflow = serializers.CharField(source="workflow.slug")
    version = serializers.IntegerField(
        source="version.number", allow_null=True, help_text="null: the draft, in a test"
    )
    status = serializers.ChoiceField(EXECUTION_STATUSES)
    trigger_kind = serializers.ChoiceField(TRIGGERS)
    parent = serializers.SerializerMethodField()  # type: ignore[assignment] # DRF means its own
    origin = serializers.SerializerMethodField(
        help_text="What it was resumed or replayed from, whose failure it handles, whose end it "
        "subscribes to, or who started it."
    )

    class Meta:
        model = Execution
        fields = [
            "id",
            "url",
            "workflow",
            "version",
            "test",
            "status",
            "trigger_kind",
            "parent",
            "origin",
            "created_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields

    def get_url(self, execution: Execution) -> str:
        return url(execution.id)

    @extend_schema_field(ParentLink(allow_null=True))
    def get_parent(self, execution: Execution) -> dict[str, Any] | None:
        if execution.parent_id is None:
            return None
        where = {"step": execution.parent_step, "index": execution.item_index}
        return {**_link(execution.parent_id), **where}

    @extend_schema_field(Link(allow_null=True))
    def get_origin(self, execution: Execution) -> dict[str, Any] | None:
        return None if execution.origin_id is None else _link(execution.origin_id)


def _link(ident: UUID) -> dict[str, Any]:
    return {"id": str(ident), "url": url(ident)}


class StepRunItem(serializers.ModelSerializer[StepRun]):
    """A step of an execution. `reason` and `waiting` are null for one that does not stand still."""

    status = serializers.ChoiceField(STEP_STATUSES)
    reason = serializers.SerializerMethodField(help_text="Why it stands still, in one sentence.")
    waiting = serializers.SerializerMethodField()

    class Meta:
        model = StepRun
        fields = [
            "key",
            "type",
            "status",
            "outcome",
            "reason",
            "waiting",
            "attempt",
            "input",
            "output",
            "error",
            "started_at",
            "finished_at",
            "attempts",
        ]
        read_only_fields = fields

    @extend_schema_field({"type": ["string", "null"]})
    def get_reason(self, row: StepRun) -> str | None:
        return _reasons(self.context).steps.get(row.key)

    @extend_schema_field(_WAITING)
    def get_waiting(self, row: StepRun) -> dict[str, Any] | None:
        if row.status != StepStatus.WAITING:
            return None
        caller: Principal = self.context["caller"]
        is_call = row.waits["for"] == "callback" and caller.may(Permission.RUN)
        return {
            "for": row.waits["for"],
            "until": row.due_at,
            "ask": row.waits.get("ask"),
            "url": callbacks.address(Callback(row.tenant_id, row.execution_id, row.key))
            if is_call
            else None,
        }


class ReactionItem(serializers.Serializer[Any]):
    """What a subscription made of the execution's end."""

    subscription = serializers.UUIDField(source="subscription_id")
    workflow = serializers.CharField(source="subscription.workflow.slug")
    outcome = serializers.ChoiceField(REACTIONS)
    reason = serializers.CharField(help_text="Why it started nothing.")
    started = serializers.UUIDField(
        source="started_id", allow_null=True, help_text="The execution that it started."
    )


class ExecutionDetail(ExecutionItem):
    """Made by `detail`, which finds the reasons."""

    trigger = serializers.JSONField(help_text="kind, body, headers, query, received_at")
    reason = serializers.SerializerMethodField(
        help_text="Why it is queued or waits, in one sentence; null if it does not."
    )
    children = serializers.SerializerMethodField(
        help_text="The address of the executions that its steps started and wait for."
    )
    steps = serializers.SerializerMethodField(
        help_text="All steps of the version, in its order; one that was not reached is pending."
    )

    reactions = serializers.SerializerMethodField(
        help_text="What subscriptions to its end have made of it."
    )

    class Meta(ExecutionItem.Meta):
        fields = [
            *ExecutionItem.Meta.fields,
            "reason",
            "children",
            "reactions",
            "trigger",
            "output",
            "error",
            "steps",
        ]
        read_only_fields = fields

    @extend_schema_field({"type": ["string", "null"]})
    def get_reason(self, execution: Execution) -> str | None:
        return _reasons(self.context).execution or None

    @extend_schema_field({**_TEXT, "format": "uri"})
    def get_children(self, execution: Execution) -> str:
        return url(execution.id, "children")

    @extend_schema_field(ReactionItem(many=True))
    def get_reactions(self, execution: Execution) -> Any:
        if execution.status not in EXECUTION_ENDED:
            return []
        rows = execution.reactions.select_related("subscription__workflow").order_by("at")
        return ReactionItem(rows.defer("subscription__workflow__draft"), many=True).data

    @extend_schema_field(StepRunItem(many=True))
    def get_steps(self, execution: Execution) -> list[dict[str, Any]]:
        rows = {row.key: row for row in execution.step_runs.all()}
        return [
            dict(StepRunItem(rows.get(key) or _pending(key, kind), context=self.context).data)
            for key, kind in _steps(execution, rows)
        ]


def _reasons(context: Mapping[str, Any]) -> Reasons:
    found: Reasons = context["reasons"]
    return found


def _steps(execution: Execution, rows: dict[str, StepRun]) -> list[tuple[str, str]]:
    """Keys and types of the version's steps, or of an item's body, in their order."""
    try:
        steps = services.plan_of_run(execution).definition.steps
    except ValueError:  # a version from before a change of the language
        return [(row.key, row.type) for row in rows.values()]
    return [(step.key, step.type) for step in steps]


def _pending(key: str, kind: str) -> StepRun:
    return StepRun(key=key, type=kind, status=StepStatus.PENDING)


# What a verb's answer does not tell a key that may do it, but not look.
_UNSEEN: Mapping[str, Any] = {
    "reason": None,
    "reactions": [],
    "trigger": None,
    "output": None,
    "error": None,
    "steps": [],
}


def detail(execution: Execution, caller: Principal) -> dict[str, Any]:
    """The whole execution as this caller may see it, in the open scope of its tenant."""
    context = {"caller": caller, "reasons": services.explain(execution)}
    found = dict(ExecutionDetail(execution, context=context).data)
    return found if caller.may(Permission.VIEW) else {**found, **_UNSEEN}
