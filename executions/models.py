"""What a run does: executions, their step runs and events; the workers that run them."""

from __future__ import annotations

import uuid_utils.compat
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from executions.states import ExecutionStatus, StepStatus
from tenants.rls import SameTenant, TenantModel, TenantRow, tenant_key
from workflows.models import Workflow, WorkflowVersion


def _choices(statuses: type[ExecutionStatus] | type[StepStatus]) -> list[tuple[str, str]]:
    return [(status.value, status.value.replace("_", " ")) for status in statuses]


class Execution(TenantModel):
    """One run of one version."""

    workflow = models.ForeignKey(
        Workflow,
        on_delete=models.CASCADE,
        related_name="executions",
        db_constraint=False,
        db_index=False,
    )
    version = models.ForeignKey(
        WorkflowVersion,
        on_delete=models.CASCADE,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    status = models.CharField(max_length=12, choices=_choices(ExecutionStatus))
    trigger_kind = models.CharField(max_length=16)
    trigger = models.JSONField(help_text="body, headers, query, kind, received_at")
    output = models.JSONField(null=True)
    error = models.JSONField(null=True)
    # The number of the newest event. Every move writes one, so it is also the row's revision.
    last_seq = models.PositiveIntegerField(default=0)
    # Active time in seconds: what is allowed, what is used up, since when it runs, when it is
    # over. Time spent waiting does not count.
    timeout = models.FloatField()
    active_seconds = models.FloatField(default=0)
    active_since = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            tenant_key(),
            SameTenant("workflow", "workflows.Workflow"),
            SameTenant("version", "workflows.WorkflowVersion"),
        ]
        indexes = [
            models.Index(fields=["tenant", "workflow", "-id"], name="executions_by_workflow"),
            models.Index(
                fields=["deadline_at"],
                condition=Q(status="running"),
                name="executions_deadline",
            ),
        ]
        ordering = ["-id"]

    def __str__(self) -> str:
        return str(self.id)


class StepRun(TenantModel):
    """One step of one execution: its state, its lease, what went in and what came out."""

    execution = models.ForeignKey(
        Execution,
        on_delete=models.CASCADE,
        related_name="step_runs",
        db_constraint=False,
        db_index=False,
    )
    key = models.CharField(max_length=63)
    type = models.CharField(max_length=32)
    status = models.CharField(max_length=12, choices=_choices(StepStatus))
    outcome = models.CharField(max_length=63, null=True)  # noqa: DJ001 - none yet is not ""
    attempt = models.PositiveSmallIntegerField(
        default=0, help_text="tries begun, lost ones not counted"
    )
    claims = models.PositiveSmallIntegerField(default=0, help_text="leases given, lost ones too")
    fence = models.PositiveIntegerField(default=0, help_text="grows with every lease")
    worker = models.ForeignKey(
        "executions.Worker",
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
    )
    lease_until = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, help_text="when it may be claimed")
    timeout = models.FloatField(help_text="seconds that one try may take")
    # Set just before a call that must not be repeated blindly. A lease lost without it is harmless.
    sent_at = models.DateTimeField(null=True)
    input = models.JSONField(null=True, help_text="the rendered config, secrets masked")
    output = models.JSONField(null=True)
    error = models.JSONField(null=True)
    attempts = models.JSONField(default=list)
    queued_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "execution", "key"], name="executions_steprun_key"
            ),
            SameTenant("execution", "executions.Execution"),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "due_at", "id"],
                condition=Q(status__in=["queued", "retrying"]),
                name="executions_steprun_ready",
            ),
            models.Index(
                fields=["tenant", "lease_until"],
                condition=Q(status="running"),
                name="executions_steprun_leased",
            ),
        ]
        ordering = ["id"]

    def __str__(self) -> str:
        return self.key


class Event(TenantRow):
    """One row of an execution's history: timeline, log, audit and live feed in one."""

    pk = models.CompositePrimaryKey("tenant_id", "execution_id", "seq")
    execution = models.ForeignKey(
        Execution,
        on_delete=models.CASCADE,
        related_name="events",
        db_constraint=False,
        db_index=False,
    )
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=32)
    step = models.CharField(max_length=63, null=True)  # noqa: DJ001 - of the execution itself
    level = models.CharField(max_length=8, default="info")
    message = models.TextField()
    data = models.JSONField(null=True)
    at = models.DateTimeField(db_default=Now())

    class Meta(TenantRow.Meta):
        constraints = [SameTenant("execution", "executions.Execution")]
        ordering = ["seq"]

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"


class Worker(models.Model):
    """A worker process and when it was last seen alive, by the database's clock. No tenant data."""

    id = models.UUIDField(primary_key=True, default=uuid_utils.compat.uuid7, editable=False)
    name = models.CharField(max_length=200, help_text="host:pid")
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name
