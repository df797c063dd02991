"""How the world knocks: endpoints and the deliveries that came in at them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

from executions.models import Execution
from tenants.models import validate_rate
from tenants.rls import SameTenant, TenantModel, TenantRow, tenant_key
from webhooks.refusals import Hold, Reason
from workflows.models import Workflow

# What a caller is answered: that the request is stored, how its run ended, or what its respond
# step says.
ACK, RESULT, RESPOND = "ack", "result", "respond"
ANSWERS = [(name, name) for name in (ACK, RESULT, RESPOND)]


class Endpoint(TenantModel):
    """A webhook's address and keys."""

    name = models.CharField(max_length=100, help_text="for people; two may have the same")
    workflow = models.ForeignKey(
        Workflow, on_delete=models.CASCADE, related_name="endpoints", db_constraint=False
    )
    # Found before its tenant is known, so unique over all of them. Unguessable, yet no secret.
    token = models.CharField(max_length=43, unique=True)
    scheme = models.CharField(max_length=32)
    options = models.JSONField(default=dict, help_text="of the schemes generic and twilio")
    # Empty where there is none: the scheme has none, or its provider has yet to show it.
    sealed_secret = models.BinaryField()
    # The secret before the last rotation stays good until this time.
    sealed_previous = models.BinaryField(null=True)
    previous_expires_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=8, default=ACK, db_default=ACK, choices=ANSWERS)
    rate = models.CharField(
        max_length=12,
        blank=True,
        default="",
        db_default="",
        validators=[validate_rate],
        help_text="webhooks in a time, e.g. 600/min; empty: as many as the tenant may",
    )
    enabled = models.BooleanField(default=True)
    allowed_ips = models.JSONField(
        default=list, blank=True, help_text="addresses and networks that may send; empty: all"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [tenant_key(), SameTenant("workflow", "workflows.Workflow")]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.name} (/hooks/{self.token[:8]}…)"

    @property
    def is_open(self) -> bool:
        """Nothing is signed: whoever knows the address can start runs."""
        return self.scheme == "none"

    @property
    def awaits_secret(self) -> bool:
        """Nothing is accepted until the provider's secret is rotated in."""
        return not self.is_open and not self.sealed_secret


class Delivery(TenantModel):
    """One request that came in at an endpoint, and what became of it.

    All that were taken have a row; of the others so many as `webhooks/rejects.py` keeps.
    """

    endpoint = models.ForeignKey(
        Endpoint,
        on_delete=models.CASCADE,
        related_name="deliveries",
        db_constraint=False,
        db_index=False,
    )
    reason = models.CharField(
        max_length=16,
        choices=[(reason.value, reason.label) for reason in Reason],
        db_default=Reason.ACCEPTED.value,
    )
    # Of one that was taken: the provider's delivery id, or a hash of the request.
    dedupe_key = models.CharField(max_length=200, null=True)  # noqa: DJ001 - unique where it is
    duplicate_of = models.UUIDField(null=True, help_text="the delivery that it repeats")
    # The run that came of it first (see Resend).
    execution = models.ForeignKey(
        Execution,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    # What became of one that came while its workflow was paused.
    hold = models.CharField(
        max_length=9, blank=True, choices=[(hold.value, hold.value) for hold in Hold], db_default=""
    )
    headers = models.JSONField(help_text="credentials masked")
    query = models.JSONField(db_default=Value({}, models.JSONField()))
    client = models.GenericIPAddressField(null=True, help_text="who sent it")
    size = models.PositiveIntegerField(help_text="bytes of the body")
    body = models.BinaryField(null=True, help_text="null: not kept; of a refused one the beginning")
    status = models.PositiveSmallIntegerField(db_default=202, help_text="of the answer")
    problem = models.JSONField(null=True, help_text="why it was refused: detail, errors")
    latency_ms = models.FloatField(null=True, help_text="from its arrival to the writing of this")
    received_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "endpoint", "dedupe_key"], name="webhooks_delivery_once"
            ),
            SameTenant("endpoint", "webhooks.Endpoint"),
            SameTenant("execution", "executions.Execution", on_delete="SET NULL", deferred=True),
        ]
        indexes = [
            models.Index(fields=["tenant", "execution"], name="webhooks_delivery_run"),
            models.Index(fields=["tenant", "endpoint", "-id"], name="webhooks_delivery_newest"),
            models.Index(
                fields=["tenant", "endpoint", "reason", "-id"],
                condition=~Q(reason=Reason.ACCEPTED.value),
                name="webhooks_delivery_reason",
            ),
            models.Index(
                fields=["tenant", "endpoint", "id"],
                condition=Q(hold=Hold.WAITING.value),
                name="webhooks_delivery_waiting",
            ),
        ]
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.dedupe_key or str(self.id)

    @property
    def is_whole(self) -> bool:
        """Whether all of its body was kept."""
        return self.body is not None and len(self.body) == self.size


class Resend(TenantModel):
    """A run that somebody made of a stored delivery, beside the one that came of it by itself."""

    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    # No key of the database: deliveries would need one more index, for which each accepted webhook
    # would pay. Retention deletes it with its delivery, and both go with their endpoint.
    delivery = models.ForeignKey(
        Delivery,
        on_delete=models.CASCADE,
        related_name="resends",
        db_constraint=False,
        db_index=False,
    )
    execution = models.ForeignKey(
        Execution,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    by = models.CharField(max_length=254)
    at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        constraints = [
            SameTenant("endpoint", "webhooks.Endpoint"),
            SameTenant("execution", "executions.Execution", on_delete="SET NULL", deferred=True),
        ]
        indexes = [
            models.Index(fields=["tenant", "delivery", "id"], name="webhooks_resend_delivery"),
            models.Index(fields=["tenant", "execution"], name="webhooks_resend_run"),
            models.Index(fields=["tenant", "endpoint"], name="webhooks_resend_endpoint"),
        ]
        ordering = ["id"]

    def __str__(self) -> str:
        return f"sent again by {self.by}"


class Tally(TenantRow):
    """How many requests of an hour an endpoint turned away for a reason, and how many it kept."""

    pk = models.CompositePrimaryKey("tenant_id", "endpoint_id", "reason", "hour")
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    reason = models.CharField(max_length=16)
    hour = models.DateTimeField(help_text="its beginning")
    seen = models.BigIntegerField()
    kept = models.PositiveIntegerField(help_text="rows")
    kept_bytes = models.BigIntegerField(help_text="of their bodies")

    class Meta(TenantRow.Meta):
        constraints = [SameTenant("endpoint", "webhooks.Endpoint")]
        indexes = [models.Index(fields=["hour"], name="webhooks_tally_hour")]

    def __str__(self) -> str:
        return f"{self.seen} {self.reason}"


class TrialAddress(TenantModel):
    """A test address: for a few minutes it runs the draft of a workflow with what comes in."""

    workflow = models.ForeignKey(
        Workflow, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    token = models.CharField(max_length=43, unique=True)
    # Whose scheme and secret it takes; without one it has a secret of its own.
    endpoint = models.ForeignKey(
        Endpoint,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
    )
    sealed_secret = models.BinaryField(null=True)
    opened_by = models.CharField(max_length=254)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = "test address"
        verbose_name_plural = "test addresses"
        constraints = [
            tenant_key(),
            models.UniqueConstraint(fields=["tenant", "workflow"], name="webhooks_trial_once"),
            SameTenant("workflow", "workflows.Workflow"),
            SameTenant("endpoint", "webhooks.Endpoint"),
        ]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"/hooks/test/{self.token[:8]}…"


class TrialRequest(TenantModel):
    """One request that came in at a test address, and what became of it."""

    address = models.ForeignKey(
        TrialAddress, on_delete=models.CASCADE, related_name="requests", db_constraint=False
    )
    status = models.PositiveSmallIntegerField(help_text="the HTTP status it was answered with")
    reason = models.TextField(blank=True, help_text="why nothing ran")
    errors = models.JSONField(default=list, help_text="of the body, or of the draft")
    headers = models.JSONField(help_text="credentials masked")
    query = models.JSONField()
    body = models.TextField(help_text="what is no UTF-8 in it is replaced")
    size = models.PositiveIntegerField(help_text="bytes of the body")
    execution = models.ForeignKey(
        Execution,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    received_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        verbose_name = "test request"
        constraints = [
            SameTenant("address", "webhooks.TrialAddress"),
            SameTenant("execution", "executions.Execution", on_delete="SET NULL"),
        ]
        indexes = [models.Index(fields=["tenant", "execution"], name="webhooks_trial_run")]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.received_at:%H:%M:%S} {self.status}"
