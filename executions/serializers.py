"""Executions in the API's JSON: what comes in and what goes out."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from executions.models import Execution, StepRun
from executions.states import ExecutionStatus, StepStatus
from tenants.serializers import Strict
from workflows.serializers import StorableJSON

TRIGGERS = ("webhook", "schedule", "manual", "api", "sub_workflow", "resume", "replay")
EXECUTION_STATUSES = [status.value for status in ExecutionStatus]
STEP_STATUSES = [status.value for status in StepStatus]
MAX_EVENTS = 1000


# --- In ----------------------------------------------------------------------------------------


class RunBody(Strict):
    input = StorableJSON(
        required=False, allow_null=True, default=dict, help_text="trigger.body; {} if unset."
    )


class RunQuery(Strict):
    wait = serializers.FloatField(
        required=False,
        default=0,
        min_value=0,
        max_value=settings.MAX_WAIT_SECONDS,
        help_text="Seconds to wait for the result.",
    )


class Filters(Strict):
    workflow = serializers.CharField(required=False, help_text="A workflow's slug.")
    status = serializers.ChoiceField(EXECUTION_STATUSES, required=False)
    trigger = serializers.ChoiceField(TRIGGERS, required=False)
    since = serializers.DateTimeField(required=False, help_text="Created at or after this time.")
    until = serializers.DateTimeField(required=False, help_text="Created before this time.")


class EventsQuery(Strict):
    after = serializers.IntegerField(
        required=False,
        default=0,
        min_value=0,
        max_value=2**31 - 1,
        help_text="The seq of the last event already seen.",
    )
    limit = serializers.IntegerField(required=False, default=200, min_value=1, max_value=MAX_EVENTS)


# --- Out ---------------------------------------------------------------------------------------


def url(execution: Execution) -> str:
    """The execution's own address in the API."""
    return f"{settings.PUBLIC_URL}{reverse('api:execution', args=[execution.id])}"


class ExecutionItem(serializers.ModelSerializer[Execution]):
    url = serializers.SerializerMethodField()
    workflow = serializers.CharField(source="workflow.slug")
    version = serializers.IntegerField(source="version.number")
    status = serializers.ChoiceField(EXECUTION_STATUSES)
    trigger_kind = serializers.ChoiceField(TRIGGERS)

    class Meta:
        model = Execution
        fields = [
            "id",
            "url",
            "workflow",
            "version",
            "status",
            "trigger_kind",
            "created_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields

    def get_url(self, execution: Execution) -> str:
        return url(execution)


class StepRunItem(serializers.ModelSerializer[StepRun]):
    status = serializers.ChoiceField(STEP_STATUSES)

    class Meta:
        model = StepRun
        fields = [
            "key",
            "type",
            "status",
            "outcome",
            "attempt",
            "input",
            "output",
            "error",
            "started_at",
            "finished_at",
            "attempts",
        ]
        read_only_fields = fields


class ExecutionDetail(ExecutionItem):
    trigger = serializers.JSONField(help_text="kind, body, headers, query, received_at")
    steps = serializers.SerializerMethodField(
        help_text="All steps of the version, in its order; one that was not reached is pending."
    )

    class Meta(ExecutionItem.Meta):
        fields = [*ExecutionItem.Meta.fields, "trigger", "output", "error", "steps"]
        read_only_fields = fields

    @extend_schema_field(StepRunItem(many=True))
    def get_steps(self, execution: Execution) -> list[dict[str, Any]]:
        rows = {row.key: row for row in execution.step_runs.all()}
        steps = execution.version.definition["steps"]
        return [dict(StepRunItem(rows.get(step["key"]) or _pending(step)).data) for step in steps]


def _pending(step: dict[str, Any]) -> StepRun:
    return StepRun(key=step["key"], type=step["type"], status=StepStatus.PENDING)


class Started(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    status = serializers.ChoiceField(EXECUTION_STATUSES)
    url = serializers.URLField()


class EventItem(serializers.Serializer[Any]):
    seq = serializers.IntegerField()
    kind = serializers.CharField()
    step = serializers.CharField(allow_null=True)
    level = serializers.CharField()
    message = serializers.CharField()
    data = serializers.JSONField(allow_null=True)  # type: ignore[assignment] # DRF means its own
    at = serializers.DateTimeField()


class EventPage(serializers.Serializer[Any]):
    results = EventItem(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
