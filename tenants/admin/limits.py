"""Limits that staff give a single tenant."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.forms import Form
from django.http import HttpRequest

from tenants import limits
from tenants.admin.base import ReadOnlyAdmin, ScopedAdmin
from tenants.models import TenantLimits, TenantUsage

RATES = ["requests", "writes", "webhooks"]


@admin.register(TenantLimits)
class TenantLimitsAdmin(ScopedAdmin):
    """Every process goes by them within seconds."""

    list_display = ["__str__", *RATES, *limits.Quota]
    search_fields = ["tenant__slug"]
    autocomplete_fields = ["tenant"]
    fields = ["tenant", *RATES, *limits.Quota]

    def save_model(self, request: HttpRequest, obj: TenantLimits, form: Form, change: bool) -> None:
        super().save_model(request, obj, form, change)
        limits.forget(obj.tenant_id)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        limits.forget(obj.tenant_id)


@admin.register(TenantUsage)
class TenantUsageAdmin(ReadOnlyAdmin):
    """What tenants have stored, the most first."""

    list_display = ["__str__", "stored_bytes", "measured_at"]
    search_fields = ["tenant__slug"]
    ordering = ["-stored_bytes"]
