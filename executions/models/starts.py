"""Why a start happens once: a row whose key says what it is the start for."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from executions.models.runs import Execution
from tenants.rls import SameTenant, TenantRow
from workflows.filters import REACTIONS
from workflows.models import Schedule, Subscription
from workflows.timetable import OUTCOMES


class Slot(TenantRow):
    """One slot of a schedule and what became of it. Its key is why it never runs twice."""

    pk = models.CompositePrimaryKey("tenant_id", "schedule_id", "slot")
    schedule = models.ForeignKey(
        Schedule, models.CASCADE, related_name="slots", db_constraint=False, db_index=False
    )
    slot = models.DateTimeField(help_text="when a run was due, without the schedule's jitter")
    outcome = models.CharField(max_length=16, choices=[(name, name) for name in OUTCOMES])
    reason = models.TextField(blank=True, help_text="why it was refused")
    execution = models.ForeignKey(
        Execution, models.SET_NULL, null=True, related_name="+", db_constraint=False, db_index=False
    )
    fired_at = models.DateTimeField(db_default=Now(), help_text="when it was dealt with")

    class Meta(TenantRow.Meta):
        constraints = [
            SameTenant("schedule", "workflows.Schedule"),
            SameTenant("execution", "executions.Execution", on_delete="SET NULL", deferred=True),
        ]
        indexes = [
            models.Index(fields=["tenant", "execution"], name="executions_slot_run"),
            models.Index(
                fields=["tenant", "schedule", "-slot"],
                condition=Q(outcome="started"),
                name="executions_slot_started",
            ),
            models.Index(
                fields=["schedule"], condition=Q(outcome="waiting"), name="executions_slot_waiting"
            ),
        ]
        ordering = ["-slot"]

    def __str__(self) -> str:
        return f"{self.slot:%Y-%m-%d %H:%M} {self.outcome}"


class Reaction(TenantRow):
    """What a subscription made of the end of a run. Its key is why it reacts once."""

    pk = models.CompositePrimaryKey("tenant_id", "execution_id", "subscription_id")
    execution = models.ForeignKey(
        Execution,
        models.CASCADE,
        related_name="reactions",
        db_constraint=False,
        db_index=False,
        help_text="the run that ended",
    )
    subscription = models.ForeignKey(
        Subscription,
        models.CASCADE,
        related_name="reactions",
        db_constraint=False,
        db_index=False,
    )
    outcome = models.CharField(max_length=16, choices=[(name, name) for name in REACTIONS])
    reason = models.TextField(blank=True, help_text="why it started nothing")
    started = models.ForeignKey(
        Execution, models.SET_NULL, null=True, related_name="+", db_constraint=False, db_index=False
    )
    at = models.DateTimeField(db_default=Now())

    class Meta(TenantRow.Meta):
        constraints = [
            SameTenant("execution", "executions.Execution"),
            SameTenant("subscription", "workflows.Subscription"),
            SameTenant("started", "executions.Execution", on_delete="SET NULL", deferred=True),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "subscription", "-execution"], name="executions_reaction_latest"
            ),
            models.Index(
                fields=["tenant", "started"],
                condition=Q(started__isnull=False),
                name="executions_reaction_started",
            ),
        ]
        ordering = ["-execution"]

    def __str__(self) -> str:
        return f"{self.subscription_id} {self.outcome}"


class IdempotencyKey(TenantRow):
    """A caller's own name for one start: while it is kept, the same again starts nothing."""

    pk = models.CompositePrimaryKey("tenant_id", "key")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of what was asked for")
    execution = models.ForeignKey(
        Execution, models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta(TenantRow.Meta):
        constraints = [SameTenant("execution", "executions.Execution", deferred=True)]
        indexes = [
            models.Index(fields=["created_at"], name="executions_idempotency_old"),
            models.Index(fields=["tenant", "execution"], name="executions_idempotency_run"),
        ]

    def __str__(self) -> str:
        return self.key
