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
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from tenants import scope
from tenants.admin.base import ScopedAdmin, ask, panel, show_once
from tenants.forms import blame
from tenants.problems import Problem
from webhooks import deliveries, services, signatures
from webhooks.forms import given_secret
from webhooks.models import Endpoint
from workflows.models import Workflow

EDITABLE = ("name", "answer", "allowed_ips", "rate", "enabled")
CHECKED_TOGETHER = {"workflow", "name", "scheme", "options", "secret", "confirm"}


class EndpointForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    secret = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="Made here if it is left empty, unless the provider chooses it itself.",
    )
    later = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanWidget,
        label="Secret follows",
        help_text="The provider shows its secret only once it knows the address: nothing is "
        "accepted until you rotate to it.",
    )
    confirm = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="For the scheme none: the endpoint's name again, since everyone who learns "
        "the address can start runs.",
    )

    class Meta:
        model = Endpoint
        fields = ["name", "workflow", "scheme", "options", "answer", *EDITABLE[2:]]
        widgets = {
            "scheme": UnfoldAdminSelectWidget(choices=[(key, key) for key in signatures.SCHEMES])
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "options" in self.fields:
            name, options = self.fields["name"], self.fields["options"]
            name.required = options.required = False  # to the form, {} is nothing
            name.help_text = "The workflow's slug if it is left empty."
            options.help_text = 'Of generic: {"header": ...}; of twilio: {"algorithm": "sha256"}.'

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
        if cleaned.keys() >= CHECKED_TOGETHER:  # each is right by itself
            cleaned["name"] = cleaned["name"] or cleaned["workflow"].slug
            try:
                services.check(
                    scheme=cleaned["scheme"],
                    name=cleaned["name"],
                    options=cleaned["options"],
                    secret=given_secret(cleaned),
                    confirm=cleaned["confirm"],
                )
            except Problem as problem:
                blame(self, problem)
        is_made = self.instance.workflow_id is not None
        workflow = self.instance.workflow if is_made else cleaned.get("workflow")
        if workflow is not None and "answer" in cleaned and "answer" in self.changed_data:
            self._check_answer(workflow, cleaned["answer"])
        return cleaned

    def _check_answer(self, workflow: Workflow, answer: str) -> None:
        try:
            with scope.tenant(workflow.tenant_id):
                services.check_answer(workflow, answer)
        except Problem as problem:
            self.add_error("answer", problem.detail)


@admin.register(Endpoint)
class EndpointAdmin(ScopedAdmin):
    form = EndpointForm
    list_display = ["name", "workflow", "scheme", "answer", "enabled", "created_at"]
    list_filter = ["scheme", "answer", "enabled"]
    list_select_related = ["workflow"]
    search_fields = ["name", "workflow__slug", "=token"]
    autocomplete_fields = ["workflow"]
    actions_detail = ["rotate", "run_waiting", "discard_waiting"]

    def get_fields(self, request: HttpRequest, obj: Endpoint | None = None) -> list[str]:
        if obj is None:
            secret = ["secret", "later", "confirm"]
            made = ["workflow", "name", "scheme", "options", *secret]
            return [*made, "answer", "allowed_ips", "rate"]
        facts = ["tenant", "workflow", "address", "scheme", "settings", "awaits_secret", "came_in"]
        return [*facts, "previous_expires_at", "created_at", *EDITABLE]

    def get_readonly_fields(self, request: HttpRequest, obj: Endpoint | None = None) -> list[str]:
        names = self.get_fields(request, obj) if obj else []
        return [name for name in names if name not in EDITABLE]

    @display(description="address")
    def address(self, endpoint: Endpoint) -> str:
        return services.url(endpoint)

    @display(description="waits for its secret", boolean=True)
    def awaits_secret(self, endpoint: Endpoint) -> bool:
        return endpoint.awaits_secret

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
                services.change(endpoint=obj, **{name: getattr(obj, name) for name in EDITABLE})
                return
            issued = services.create(
                workflow=obj.workflow,
                name=obj.name,
                scheme=obj.scheme,
                options=obj.options,
                secret=given_secret(form.cleaned_data),
                confirm=form.cleaned_data["confirm"],
                answer=obj.answer,
                rate=obj.rate,
                allowed_ips=obj.allowed_ips,
            )
        obj.pk, obj.tenant_id = issued.endpoint.pk, issued.endpoint.tenant_id
        obj.token, obj.secret = issued.endpoint.token, issued.secret

    def delete_model(self, request: HttpRequest, obj: Endpoint) -> None:
        with scope.tenant(obj.tenant_id):
            services.delete(endpoint=obj)

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
            template="rotate",
            back=_change(endpoint),
        )

    def _rotate(self, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
        try:
            with scope.tenant(endpoint.tenant_id):
                given = request.POST.get("secret", "").strip()
                issued = services.rotate(endpoint=endpoint, secret=given or None)
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
            value=secret or _without_secret(endpoint),
            back=_change(endpoint),
        )


def _without_secret(endpoint: Endpoint) -> str:
    if endpoint.is_open:
        return "This scheme has none: the address itself is the only secret."
    return "None yet. Give the provider the address, then rotate to the secret that it shows."


def _change(endpoint: Endpoint) -> str:
    return reverse("admin:webhooks_endpoint_change", args=[endpoint.pk])
