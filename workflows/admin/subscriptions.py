"""Subscriptions: which workflows start when runs of others end, and what became of it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from tenants import scope
from tenants.admin.base import ScopedAdmin, panel
from tenants.forms import blame
from tenants.problems import Problem
from workflows import filters, subscriptions
from workflows.models import Subscription

REACTIONS = 20  # that are shown
_VALUES = ["statuses", "filter", "enabled"]


class SubscriptionForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    statuses = forms.MultipleChoiceField(
        choices=[(status, status.replace("_", " ")) for status in filters.ENDS],
        widget=forms.CheckboxSelectMultiple,
        help_text="The ends that it hears of.",
    )

    class Meta:
        model = Subscription
        fields = ["workflow", "source", *_VALUES]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        workflow, source = cleaned.get("workflow"), cleaned.get("source")
        if workflow and source and source.tenant_id != workflow.tenant_id:
            self.add_error("source", "It is another tenant's workflow.")
        return cleaned

    def _post_clean(self) -> None:
        """Django has put the values into the subscription; those of a person may not fit."""
        super()._post_clean()  # type: ignore[misc] # the stubs leave it out
        if self.errors:
            return
        tenant_id = self.instance.workflow.tenant_id
        self.instance.tenant_id = tenant_id
        try:
            with scope.tenant(tenant_id):
                subscriptions.verify(subscription=self.instance)
        except Problem as problem:
            blame(self, problem)


@admin.register(Subscription)
class SubscriptionAdmin(ScopedAdmin):
    form = SubscriptionForm
    list_display = ["workflow", "hears_of", "ends", "enabled", "problem"]
    list_filter = ["enabled"]
    list_select_related = ["workflow", "source"]
    search_fields = ["workflow__slug", "source__slug"]
    autocomplete_fields = ["workflow", "source"]
    fieldsets = (
        (None, {"fields": ["tenant", "workflow", "source", *_VALUES, "problem"]}),
        ("Reactions", {"classes": ["tab"], "fields": ["reactions"]}),
    )
    add_fieldsets = ((None, {"fields": ["workflow", "source", *_VALUES]}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        rows: QuerySet[Subscription] = super().get_queryset(request)
        return rows.defer("workflow__draft", "source__draft")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["tenant", "workflow", "source", "problem", "reactions"] if obj else []

    @display(description="hears of")
    def hears_of(self, subscription: Subscription) -> str:
        return subscription.source.slug if subscription.source else "all others"

    @display(description="ends")
    def ends(self, subscription: Subscription) -> str:
        return ", ".join(subscription.statuses)

    @display(description="")
    def reactions(self, subscription: Subscription) -> SafeString:
        latest = subscription.reactions.order_by("-execution")[:REACTIONS]
        return panel("reactions", reactions=latest)

    def save_model(self, request: HttpRequest, obj: Any, form: forms.Form, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in _VALUES}
        with scope.tenant(obj.workflow.tenant_id):
            if change:
                subscriptions.change(subscription_id=obj.pk, values=values)
                return
            made = subscriptions.create(
                tenant_id=obj.workflow.tenant_id,
                workflow=obj.workflow.slug,
                source=obj.source.slug if obj.source else None,
                values=values,
            )
        obj.pk = made.pk

    def delete_model(self, request: HttpRequest, obj: Subscription) -> None:
        with scope.tenant(obj.tenant_id):
            subscriptions.delete(subscription=obj)
