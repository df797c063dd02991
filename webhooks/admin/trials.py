"""Test addresses: staff listen for a tenant's draft, and see what came in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from tenants import scope
from tenants.admin.base import ScopedAdmin, ask, panel, show_once
from tenants.problems import Problem
from webhooks import trials
from webhooks.models import TrialAddress


class TrialAddressForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    class Meta:
        model = TrialAddress
        fields = ["workflow", "endpoint"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        workflow, endpoint = cleaned.get("workflow"), cleaned.get("endpoint")
        if workflow and endpoint and endpoint.workflow_id != workflow.id:
            self.add_error("endpoint", "It is an endpoint of another workflow.")
        return cleaned

    def validate_constraints(self) -> None:
        """A workflow that listens already listens anew."""


@admin.register(TrialAddress)
class TrialAddressAdmin(ScopedAdmin):
    """Add one to listen; it takes the place of the workflow's last."""

    form = TrialAddressForm
    list_display = ["__str__", "workflow", "endpoint", "listens", "opened_by", "expires_at"]
    list_select_related = ["workflow", "endpoint"]
    search_fields = ["workflow__slug"]
    autocomplete_fields = ["workflow", "endpoint"]
    actions_detail = ["extend", "stop"]

    def get_fields(self, request: HttpRequest, obj: TrialAddress | None = None) -> list[str]:
        if obj is None:
            return ["workflow", "endpoint"]
        facts = ["tenant", "workflow", "endpoint", "address", "scheme", "opened_by", "expires_at"]
        return [*facts, "came_in"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return self.get_fields(request, obj) if obj else []

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("webhooks.change_trialaddress")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # it is stopped, and retention forgets it

    @display(description="listens", boolean=True)
    def listens(self, address: TrialAddress) -> bool:
        return trials.is_listening(address)

    @display(description="address")
    def address(self, address: TrialAddress) -> str:
        return trials.url(address)

    @display(description="signed as")
    def scheme(self, address: TrialAddress) -> str:
        return trials.scheme(address)

    @display(description="what came in")
    def came_in(self, address: TrialAddress) -> SafeString:
        return panel("trial_requests", requests=trials.requests(address=address))

    def save_model(self, request: HttpRequest, obj: Any, form: forms.Form, change: bool) -> None:
        with scope.tenant(obj.workflow.tenant_id):
            opened = trials.listen(
                workflow=obj.workflow,
                endpoint_id=obj.endpoint_id,
                by=request.user.get_username(),
            )
        obj.pk, obj.tenant_id = opened.address.pk, opened.address.tenant_id
        obj.token, obj.secret = opened.address.token, opened.secret

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        if not obj.secret:
            return HttpResponseRedirect(_change(obj))
        return show_once(
            request,
            self.admin_site,
            title=f"The secret of {trials.url(obj)}",
            text="Copy it now: it is kept encrypted and never shown again.",
            value=obj.secret,
            back=_change(obj),
        )

    @action(description="Listen on", url_path="extend", permissions=["operate"], icon="more_time")
    def extend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        text = "It takes requests for the whole time again, from now on."
        return self._set(request, object_id, trials.extend, "Listen on?", text)

    @action(description="Stop", url_path="stop", permissions=["operate"], icon="stop")
    def stop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        text = "It takes no more requests; what came in stays to be seen."
        return self._set(request, object_id, trials.stop, "Stop listening?", text)

    def _set(
        self, request: HttpRequest, object_id: str, act: Any, title: str, text: str
    ) -> HttpResponse:
        address = self.required(request, object_id)
        if request.method != "POST":
            page = {"title": title, "text": text, "submit": title.rstrip("?")}
            return ask(request, self.admin_site, back=_change(address), **page)
        try:
            with scope.tenant(address.tenant_id):
                act(workflow=address.workflow)
        except Problem as problem:
            self.message_user(request, problem.detail, "error")
        return HttpResponseRedirect(_change(address))


def _change(address: TrialAddress) -> str:
    return reverse("admin:webhooks_trialaddress_change", args=[address.pk])
