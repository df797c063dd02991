"""The audit trail of all tenants, and the deployment's own: to be read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from tenants.admin.base import ReadOnlyAdmin, panel
from tenants.models import AuditEntry, AuditFields, PlatformAuditEntry

_SHOWN = ["at", "action", "actor_label", "target_label", "target_type", "seq"]


class EntryAdmin(ReadOnlyAdmin):
    """What both kinds of entries have in common."""

    list_display = _SHOWN
    list_filter: list[Any] = ["actor_kind", "door"]
    search_fields = ["=action", "=actor_label", "=target_label", "=target_id", "=request_id"]
    ordering = ["-id"]
    fields: list[Any] = [
        ("seq", "at"),
        ("action", "target_type", "target_label", "target_id"),
        ("actor_kind", "actor_label", "actor_id"),
        ("door", "ip", "agent", "request_id"),
        "differences",
        "chain",
    ]
    readonly_fields = ["differences", "chain"]

    @display(description="before and after")
    def differences(self, entry: AuditFields) -> SafeString:
        return panel("audit", changes=entry.told)

    @display(description="hash")
    def chain(self, entry: AuditFields) -> str:
        return f"{bytes(entry.hash).hex()} after {bytes(entry.prev_hash).hex()}"


@admin.register(AuditEntry)
class AuditEntryAdmin(EntryAdmin):
    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return ["tenant", *self.fields]


@admin.register(PlatformAuditEntry)
class PlatformAuditEntryAdmin(EntryAdmin):
    """It has no tenant, so what shows whose a row is goes past."""

    def get_queryset(self, request: HttpRequest) -> Any:
        return ModelAdmin.get_queryset(self, request)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return _SHOWN

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return self.list_filter

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.readonly_fields
