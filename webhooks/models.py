"""How the world knocks: endpoints and the deliveries that came in at them."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from executions.models import Execution
from tenants.models import validate_rate
from tenants.rls import SameTenant, TenantModel, tenant_key
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
    """One request that came in at an endpoint."""

    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="deliveries", db_constraint=False
    )
    # The provider's delivery id, or a hash of the request.
    dedupe_key = models.CharField(max_length=200)
    execution = models.ForeignKey(
        Execution,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    headers = models.JSONField(help_text="credentials masked")
    size = models.PositiveIntegerField(help_text="bytes of the body")
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
        indexes = [models.Index(fields=["tenant", "execution"], name="webhooks_delivery_run")]
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.dedupe_key
