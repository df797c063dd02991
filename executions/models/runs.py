"""Executions, their step runs and events, and the workers."""

from __future__ import annotations

from typing import Any

import uuid_utils.compat
from django.contrib.postgres.indexes import BrinIndex
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
    # The step that waits for this run: a sub_workflow's, or a for_each's with the item's place.
    # The fence tells its tries apart.
    parent = models.ForeignKey(
        "self",
        on_delete=models.CASCADE,
        null=True,
        related_name="children",
        db_constraint=False,
        db_index=False,
    )
    parent_step = models.CharField(max_length=63, null=True)  # noqa: DJ001 - it has no parent
    parent_fence = models.PositiveIntegerField(null=True)
    item_index = models.PositiveIntegerField(null=True)
    # What it was resumed or replayed from, whose failure it handles, who started it and left.
    origin = models.ForeignKey(
        "self",
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    depth = models.PositiveSmallIntegerField(db_default=0, help_text="runs that led to this one")
    # The first part of its Idempotency-Keys where it is not its own id: a resumed run keeps those
    # of the first.
    key_root = models.CharField(max_length=300, null=True)  # noqa: DJ001 - its own id
    due_at = models.DateTimeField(db_default=Now(), help_text="when it may begin")
    # Of a workflow with a limit of runs at once: whether this one still waits for its turn.
    limited = models.BooleanField(db_default=False)
    held = models.BooleanField(db_default=False)
    # A trial of a draft, or a run that one led to: production neither counts it nor hears of it.
    test = models.BooleanField(db_default=False)
    # Something is left to do that another execution is to know of (services/following.py).
    follow_up = models.BooleanField(db_default=False)
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
            SameTenant("parent", "executions.Execution"),
            models.UniqueConstraint(
                fields=["tenant", "parent", "parent_step", "parent_fence", "item_index"],
                condition=Q(parent__isnull=False),
                nulls_distinct=False,
                name="executions_children",
            ),
            models.UniqueConstraint(
                fields=["tenant", "origin"],
                condition=Q(trigger_kind="failure"),
                name="executions_failure_once",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "workflow", "-id"], name="executions_by_workflow"),
            models.Index(
                fields=["tenant", "due_at", "id"],
                condition=Q(status="queued", item_index__isnull=True, held=False),
                name="executions_queued",
            ),
            # Also counts what a tenant has running.
            models.Index(
                fields=["tenant", "deadline_at"],
                condition=Q(status="running"),
                name="executions_running",
            ),
            models.Index(
                fields=["tenant", "workflow", "id"],
                condition=Q(limited=True, status__in=["queued", "running", "waiting"]),
                name="executions_limited",
            ),
            models.Index(fields=["id"], condition=Q(follow_up=True), name="executions_follow_up"),
            models.Index(
                fields=["tenant", "workflow", "-id"],
                condition=Q(test=True),
                name="executions_tests",
            ),
            # What is counted for the metrics. Rows that end together lie together, so ranges of
            # blocks are enough to find what has ended of late.
            models.Index(fields=["id"], condition=Q(status="waiting"), name="executions_waiting"),
            BrinIndex(fields=["finished_at"], autosummarize=True, name="executions_finished"),
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
    lost = models.PositiveSmallIntegerField(db_default=0, help_text="leases lost in a row")
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
    wait = models.JSONField(null=True, help_text="what it waits for, and what it is to know then")
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
                condition=Q(status__in=["queued", "retrying", "waiting"], due_at__isnull=False),
                name="executions_steprun_ready",
            ),
            models.Index(
                fields=["tenant", "lease_until"],
                condition=Q(status="running"),
                name="executions_steprun_leased",
            ),
            # What a person has to do (services/attention.py).
            models.Index(
                fields=["tenant", "execution"],
                condition=Q(status="unknown") | Q(status="waiting", type="approval"),
                name="executions_steprun_attention",
            ),
        ]
        ordering = ["id"]

    def __str__(self) -> str:
        return self.key

    @property
    def waits(self) -> dict[str, Any]:
        """What it waits for, as executions/services/endings.py writes it; {} if it does not."""
        return self.wait if isinstance(self.wait, dict) else {}


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


class Signal(TenantRow):
    """The one answer to a step that waits for a call; it may come before the step waits."""

    pk = models.CompositePrimaryKey("tenant_id", "execution_id", "step")
    execution = models.ForeignKey(
        Execution,
        on_delete=models.CASCADE,
        related_name="signals",
        db_constraint=False,
        db_index=False,
    )
    step = models.CharField(max_length=63)
    content = models.JSONField(help_text="body, headers, query, received_at")
    received_at = models.DateTimeField(db_default=Now())

    class Meta(TenantRow.Meta):
        constraints = [SameTenant("execution", "executions.Execution")]

    def __str__(self) -> str:
        return self.step


class Worker(models.Model):
    """A worker process and when it was last seen alive, by the database's clock. No tenant data."""

    id = models.UUIDField(primary_key=True, default=uuid_utils.compat.uuid7, editable=False)
    name = models.CharField(max_length=200, help_text="host:pid")
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name
