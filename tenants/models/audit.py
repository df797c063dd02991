"""The audit trail: a chain of entries for each tenant, and one of the deployment itself.

Rows are added and never changed: the roles have no right to, and a trigger refuses even the owner
(migration 0002). `before` and `after` are kept as the very text that was hashed.
"""

from __future__ import annotations

import json
from typing import Any

import uuid_utils.compat
from django.db import models

from tenants.chain import FIRST, json_text
from tenants.rls import TenantRoot, TenantRow


def _told(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json_text(value)


class AuditFields(models.Model):
    """Who, from where, what, before and after; and the entry's place in its chain."""

    seq = models.PositiveBigIntegerField("number")
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=16)
    actor_id = models.UUIDField(null=True)
    actor_label = models.CharField("actor", max_length=300)
    door = models.CharField(max_length=16)
    ip = models.CharField("address", max_length=45)
    agent = models.CharField("user agent", max_length=200)
    request_id = models.CharField(max_length=64)
    action = models.CharField(max_length=64)
    target_type = models.CharField(max_length=64)
    target_id = models.CharField(max_length=200)
    target_label = models.CharField("target", max_length=300)
    before = models.TextField(null=True)  # noqa: DJ001 - JSON, or nothing was said
    after = models.TextField(null=True)  # noqa: DJ001 - as above
    prev_hash = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.seq} {self.action}"

    @property
    def changes(self) -> list[tuple[str, Any, Any]]:
        """By name: what it was, what it became."""
        before, after = (json.loads(text or "{}") for text in (self.before, self.after))
        return [(name, before.get(name), after.get(name)) for name in {**before, **after}]

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """As `changes`, for people: text as it is, all else as JSON, nothing where nothing was."""
        return [(name, _told(before), _told(after)) for name, before, after in self.changes]


class AuditEntry(AuditFields, TenantRoot):
    """One act in a tenant. Whoever would delete the tenant would delete the proof: PROTECT."""

    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta(TenantRoot.Meta):
        verbose_name_plural = "audit entries"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "seq"], name="tenants_auditentry_once")
        ]
        indexes = [
            models.Index(fields=["tenant", "at"], name="tenants_auditentry_at"),
            models.Index(fields=["tenant", "action", "seq"], name="tenants_auditentry_action"),
        ]
        ordering = ["-seq"]


class AuditHead(TenantRow):
    """Where a tenant's chain ends; whoever adds to it holds this row until the commit."""

    tenant = models.OneToOneField(
        "tenants.Tenant", on_delete=models.PROTECT, related_name="+", primary_key=True
    )
    seq = models.PositiveBigIntegerField(default=0)
    hash = models.BinaryField(max_length=32, default=FIRST)

    def __str__(self) -> str:
        return f"{self.seq} {bytes(self.hash).hex()}"


class PlatformAuditEntry(AuditFields):
    """One act outside all tenants: of the staff, upon people, groups and the clockwork."""

    id = models.UUIDField(primary_key=True, default=uuid_utils.compat.uuid7, editable=False)

    class Meta:
        verbose_name = "platform audit entry"
        verbose_name_plural = "platform audit entries"
        constraints = [models.UniqueConstraint(fields=["seq"], name="tenants_platformaudit_once")]
        ordering = ["-seq"]


class PlatformAuditHead(models.Model):
    """Where the deployment's own chain ends: one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seq = models.PositiveBigIntegerField(default=0)
    hash = models.BinaryField(max_length=32, default=FIRST)

    def __str__(self) -> str:
        return f"{self.seq} {bytes(self.hash).hex()}"
