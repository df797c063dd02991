"""Endpoints. An endpoint's secret is shown once, after it was made."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from tenants import scope
from tenants.admin.base import ScopedAdmin, ask, panel, show_once
from tenants.problems import Problem
from webhooks import deliveries, services, signatures
from webhooks.models import Endpoint
from workflows.models import Workflow

_CHANGEABLE = ["allowed_ips", "enabled"]


class EndpointForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    class Meta:
        model = Endpoint
        fields = ["workflow", "scheme", "options", "allowed_ips", "enabled"]
        widgets = {
            "scheme": UnfoldAdminSelectWidget(choices=[(key, key) for key in signatures.SCHEMES])
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "options" in self.fields:
            self.fields["options"].required = False  # to the form, {} is nothing
            self.fields["options"].help_text = "Of the scheme generic: header, prefix, ..."

    def clean_options(self) -> dict[str, Any]:
        options = self.cleaned_data["options"] or {}
        if not isinstance(options, dict):
            raise forms.ValidationError("This must be an object.")
        return options

    def clean_allowed_ips(self) -> list[str]:
        given = self.cleaned_data["allowed_ips"] or []
        try:
            return services.checked_ips(given)
        except Problem as problem:
            raise forms.ValidationError(problem.detail) from None

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "scheme" in cleaned and "options" in cleaned:
            try:
                services.check_options(cleaned["scheme"], cleaned["options"])
            except Problem as problem:
                for error in problem.errors:
                    self.add_error("options", error["message"])
        return cleaned


@admin.register(Endpoint)
class EndpointAdmin(ScopedAdmin):
    form = EndpointForm
    list_display = ["__str__", "workflow", "scheme", "enabled", "created_at"]
    list_filter = ["scheme", "enabled"]
    list_select_related = ["workflow"]
    search_fields = ["workflow__slug", "=token"]
    autocomplete_fields = ["workflow"]
    actions_detail = ["rotate", "run_waiting", "discard_waiting"]

    def get_fields(self, request: HttpRequest, obj: Endpoint | None = None) -> list[str]:
        if obj is None:
            return ["workflow", "scheme", "options", "allowed_ips"]
        facts = ["tenant", "workflow", "address", "scheme", "settings", "came_in"]
        return [*facts, "previous_expires_at", "created_at", *_CHANGEABLE]

    def get_readonly_fields(self, request: HttpRequest, obj: Endpoint | None = None) -> list[str]:
        shown = [name for name in self.get_fields(request, obj) if name not in _CHANGEABLE]
        return shown if obj else []

    @display(description="address")
    def address(self, endpoint: Endpoint) -> str:
        return services.url(endpoint)

    @display(description="options")
    def settings(self, endpoint: Endpoint) -> SafeString:
        return panel("document", text=json.dumps(endpoint.options, indent=2))

    @display(description="came in")
    def came_in(self, endpoint: Endpoint) -> SafeString:
        waiting = deliveries.waiting(endpoint.workflow).count()
        return panel("came_in", counts=deliveries.counts(endpoint), waiting=waiting)

    def save_model(self, request: HttpRequest, obj: Any, form: forms.Form, change: bool) -> None:
        with scope.tenant(obj.workflow.tenant_id):
            if change:
                services.set_enabled(endpoint=obj, enabled=obj.enabled)
                services.set_allowed_ips(endpoint=obj, allowed_ips=obj.allowed_ips)
                return
            issued = services.create(
                workflow=obj.workflow,
                scheme=obj.scheme,
                options=obj.options,
                allowed_ips=obj.allowed_ips,
            )
        obj.pk, obj.tenant_id = issued.endpoint.pk, issued.endpoint.tenant_id
        obj.token, obj.secret = issued.endpoint.token, issued.secret

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._show(request, obj, obj.secret)

    @action(description="Rotate secret", url_path="rotate", permissions=["change"], icon="cached")
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self.required(request, object_id)
        if request.method == "POST":
            return self._rotate(request, endpoint)
        return ask(
            request,
            self.admin_site,
            title="Replace the secret?",
            text="The sender needs the new one within 24 hours; until then both are good.",
            submit="Replace",
            back=_change(endpoint),
        )

    def _rotate(self, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
        try:
            with scope.tenant(endpoint.tenant_id):
                issued = services.rotate(endpoint=endpoint)
        except Problem as problem:
            self.message_user(request, problem.detail, "error")
            return HttpResponseRedirect(_change(endpoint))
        return self._show(request, endpoint, issued.secret)

    @action(
        description="Run stored deliveries",
        url_path="run-waiting",
        permissions=["change"],
        icon="play_arrow",
    )
    def run_waiting(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._waiting(request, object_id, "Run", self._run_waiting)

    @action(
        description="Discard stored deliveries",
        url_path="discard-waiting",
        permissions=["change"],
        icon="delete_sweep",
    )
    def discard_waiting(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._waiting(request, object_id, "Discard", self._discard_waiting)

    def _waiting(
        self,
        request: HttpRequest,
        object_id: str,
        verb: str,
        act: Callable[[HttpRequest, Workflow], str],
    ) -> HttpResponse:
        endpoint = self.required(request, object_id)
        workflow = endpoint.workflow
        if request.method != "POST":
            count = deliveries.waiting(workflow).count()
            return ask(
                request,
                self.admin_site,
                title=f"{verb} what was stored while {workflow} was paused?",
                text=f"{count} deliveries wait, at all endpoints of the workflow.",
                submit=verb,
                back=_change(endpoint),
            )
        try:
            with scope.tenant(endpoint.tenant_id):
                self.message_user(request, act(request, workflow))
        except Problem as problem:
            self.message_user(request, problem.detail, "error")
        return HttpResponseRedirect(_change(endpoint))

    def _run_waiting(self, request: HttpRequest, workflow: Workflow) -> str:
        return deliveries.run_waiting(workflow=workflow, by=request.user.get_username()).sentence

    def _discard_waiting(self, request: HttpRequest, workflow: Workflow) -> str:
        return f"Discarded: {deliveries.discard_waiting(workflow=workflow)}."

    def _show(self, request: HttpRequest, endpoint: Endpoint, secret: str) -> HttpResponse:
        return show_once(
            request,
            self.admin_site,
            title=f"The secret of {services.url(endpoint)}",
            text="Copy it now: it is kept encrypted and never shown again.",
            value=secret or "This scheme has none: the address itself is the only secret.",
            back=_change(endpoint),
        )


def _change(endpoint: Endpoint) -> str:
    return reverse("admin:webhooks_endpoint_change", args=[endpoint.pk])
