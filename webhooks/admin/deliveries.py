"""Deliveries as staff see them: what came in, why it was refused, and sent again."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from tenants import scope
from tenants.admin.base import ReadOnlyAdmin, ask, panel
from tenants.problems import Problem
from webhooks import deliveries
from webhooks.models import Delivery
from webhooks.refusals import UNVERIFIED


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ["received_at", "endpoint", "reason", "status", "client", "execution", "size"]
    list_filter = ["reason", "hold"]
    list_select_related = ["endpoint"]
    search_fields = ["=dedupe_key"]
    ordering = ["-id"]
    fieldsets = (
        (
            None,
            {
                "fields": [
                    ("tenant", "endpoint"),
                    ("reason", "status", "hold"),
                    ("dedupe_key", "duplicate_of", "execution"),
                    ("client", "size", "latency_ms", "received_at"),
                    "why",
                    "resends",
                ]
            },
        ),
        ("Headers", {"classes": ["tab"], "fields": ["shown_headers", "shown_query"]}),
        ("Body", {"classes": ["tab"], "fields": ["shown_body"]}),
        ("As curl", {"classes": ["tab"], "fields": ["as_curl"]}),
    )
    compressed_fields = False
    shows_content = True
    readonly_fields = ["why", "resends", "shown_headers", "shown_query", "shown_body", "as_curl"]
    actions_detail = ["resend"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows: QuerySet[Delivery] = super().get_queryset(request)
        return rows.defer("body", "headers", "query", "problem")

    @display(description="why it was refused")
    def why(self, delivery: Delivery) -> SafeString:
        return _json(delivery.problem)

    @display(description="sent again")
    def resends(self, delivery: Delivery) -> str:
        rows = delivery.resends.all()
        return "; ".join(
            f"{row.execution_id} by {row.by} at {row.at:%Y-%m-%d %H:%M}" for row in rows
        )

    @display(description="headers")
    def shown_headers(self, delivery: Delivery) -> SafeString:
        return _json(delivery.headers)

    @display(description="query")
    def shown_query(self, delivery: Delivery) -> SafeString:
        return _json(delivery.query)

    @display(description="")
    def shown_body(self, delivery: Delivery) -> SafeString:
        return panel("document", text=deliveries.excerpt(delivery))

    @display(description="")
    def as_curl(self, delivery: Delivery) -> SafeString:
        return panel("document", text=deliveries.as_curl(delivery, None))

    def has_operate_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("webhooks.change_delivery")

    @action(description="Send again", url_path="resend", permissions=["operate"], icon="replay")
    def resend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        delivery = self.required(request, object_id)
        if request.method == "POST":
            return self._resend(request, delivery)
        refused = f" It was refused: {delivery.get_reason_display()}. Look at its body first."
        return ask(
            request,
            self.admin_site,
            title="Send it again?",
            text="A new execution of the live version starts with the stored request."
            + (refused if delivery.reason in UNVERIFIED else ""),
            submit="Send again",
            back=_delivery(delivery),
        )

    def _resend(self, request: HttpRequest, delivery: Delivery) -> HttpResponse:
        by = request.user.get_username()
        try:
            with scope.tenant(delivery.tenant_id):
                made = deliveries.resend(delivery=delivery, by=by, may_vouch=True, unverified=True)
        except Problem as problem:
            self.message_user(request, problem.detail, "error")
            return HttpResponseRedirect(_delivery(delivery))
        return HttpResponseRedirect(reverse("admin:executions_execution_change", args=[made.pk]))


def _json(value: Any) -> SafeString:
    text = "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)
    return panel("document", text=text)


def _delivery(delivery: Delivery) -> str:
    return reverse("admin:webhooks_delivery_change", args=[delivery.pk])
