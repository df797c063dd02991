"""What a tenant may use where that is not the deployment's default, and what it has stored."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models

from tenants import gcra
from tenants.rls import TenantRoot, tenant_key

_DEFAULT = "Empty: the deployment's. 0: no limit."


def validate_rate(text: str) -> None:
    """Raise ValidationError unless it is a rate such as `100/min`."""
    try:
        gcra.parse(text)
    except ValueError as error:
        raise ValidationError(f"{error}.") from None


def _rate(what: str) -> models.CharField[str, str]:
    return models.CharField(
        what, max_length=12, blank=True, validators=[validate_rate], help_text=_DEFAULT
    )


def _quota(what: str) -> models.PositiveBigIntegerField[int | None, int | None]:
    return models.PositiveBigIntegerField(what, null=True, blank=True, help_text=_DEFAULT)


class TenantLimits(TenantRoot):
    """A tenant's own limits, given by platform staff."""

    requests = _rate("API requests, e.g. 1000/min")
    writes = _rate("API writes, e.g. 200/min")
    webhooks = _rate("webhooks of an endpoint, e.g. 600/min")
    workflows = _quota("workflows")
    endpoints = _quota("webhook endpoints")
    schedules = _quota("schedules")
    secrets = _quota("secrets")
    members = _quota("members")
    stored_bytes = _quota("stored bytes")
    running_executions = _quota("executions at once")

    class Meta(TenantRoot.Meta):
        verbose_name = verbose_name_plural = "limits of tenants"
        constraints = [
            tenant_key(),
            models.UniqueConstraint(fields=["tenant"], name="tenants_limits_once"),
        ]

    def __str__(self) -> str:
        return f"limits of {self.tenant_id}"


class TenantUsage(TenantRoot):
    """How much a tenant has stored, as it was last estimated."""

    stored_bytes = models.PositiveBigIntegerField()
    measured_at = models.DateTimeField()

    class Meta(TenantRoot.Meta):
        constraints = [
            tenant_key(),
            models.UniqueConstraint(fields=["tenant"], name="tenants_usage_once"),
        ]

    def __str__(self) -> str:
        return f"{self.stored_bytes} bytes"
