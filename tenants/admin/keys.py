"""API keys, secrets and variables. Tokens are shown once, values of secrets never."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget

from tenants import scope, services
from tenants.actions import Action
from tenants.admin.base import ScopedAdmin, ask, show_once
from tenants.forms import HostsField, SecretValueField, Unshown
from tenants.models import ApiKey, Secret, Variable
from tenants.roles import PERMISSIONS, Role


@admin.register(ApiKey)
class ApiKeyAdmin(ScopedAdmin):
    list_display = [
        "__str__",
        "name",
        "role",
        "scopes",
        "expires_at",
        "last_used_at",
        "created_at",
        "revoked_at",
    ]
    list_filter = ["role"]
    search_fields = ["name", "public_id"]
    autocomplete_fields = ["tenant"]
    fields = ["tenant", "name", "role", "scopes", "expires_at"]
    changed = Action.API_KEY_CHANGED
    actions_detail = ["revoke"]

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        dates = ["created_at", "last_used_at", "revoked_at"] if obj else []
        return [*self.fields, *dates]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        return [name for name in self.get_fields(request, obj) if name != "name"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # a revoked key still says who did what

    def save_model(self, request: HttpRequest, obj: Any, form: forms.Form, change: bool) -> None:
        if change:
            return super().save_model(request, obj, form, change)
        with scope.tenant(obj.tenant_id):
            issued = services.issue_key(
                tenant_id=obj.tenant_id,
                name=obj.name,
                role=obj.role,
                scopes=obj.scopes or None,
                expires_at=obj.expires_at,
            )
        obj.pk, obj.token = issued.key.pk, issued.token
        return None

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        return show_once(
            request,
            self.admin_site,
            title=f"API key {obj.name}",
            text="This is the whole key. Copy it now: only its hash is kept.",
            value=obj.token,
            back=reverse("admin:tenants_apikey_changelist"),
        )

    @action(description="Revoke", url_path="revoke", permissions=["change"], icon="block")
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self.required(request, object_id)
        back = reverse("admin:tenants_apikey_change", args=[key.pk])
        if request.method == "POST":
            with scope.tenant(key.tenant_id):
                services.revoke_key(key=key, by=PERMISSIONS[Role.OWNER])
            self.message_user(request, f"{key} is revoked.")
            return HttpResponseRedirect(back)
        return ask(
            request,
            self.admin_site,
            title=f"Revoke {key.name}?",
            text="Whoever uses this key gets 401 from now on. There is no way back.",
            submit="Revoke",
            back=back,
        )


class _UnshownInAdmin(Unshown, UnfoldAdminTextareaWidget):
    """As on the tenants' pages."""


class SecretForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    value = SecretValueField(
        widget=_UnshownInAdmin, help_text="Replaces the value that is there. Never shown again."
    )
    hosts = HostsField(
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text="Where it may go, one a line. Without any it may go anywhere.",
    )

    class Meta:
        model = Secret
        fields = ["tenant", "name", "hosts"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["value"].required = self.instance.created_at is None

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        hosts = None if self.instance.created_at is None else given.get("hosts")
        if hosts is not None and not given.get("value") and services.widens(self.instance, hosts):
            self.add_error("hosts", services.WIDENS)
        return given


@admin.register(Secret)
class SecretAdmin(ScopedAdmin):
    """Write-only: a value can be replaced and deleted, not read."""

    form = SecretForm
    list_display = ["name", "hosts", "created_at", "updated_at"]
    search_fields = ["name"]
    autocomplete_fields = ["tenant"]
    fields = ["tenant", "name", "value", "hosts"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["tenant", "name"] if obj else []

    def save_model(self, request: HttpRequest, obj: Secret, form: forms.Form, change: bool) -> None:
        value, hosts = form.cleaned_data["value"], form.cleaned_data["hosts"]
        with scope.tenant(obj.tenant_id):
            if value:
                secret, _ = services.put_secret(
                    tenant_id=obj.tenant_id, name=obj.name, value=value, hosts=hosts
                )
            else:
                secret = services.narrow_hosts(tenant_id=obj.tenant_id, name=obj.name, hosts=hosts)
        obj.pk = secret.pk

    def delete_model(self, request: HttpRequest, obj: Secret) -> None:
        with scope.tenant(obj.tenant_id):
            services.delete_secret(tenant_id=obj.tenant_id, name=obj.name)


@admin.register(Variable)
class VariableAdmin(ScopedAdmin):
    list_display = ["name", "value", "updated_at"]
    search_fields = ["name"]
    autocomplete_fields = ["tenant"]
    fields = ["tenant", "name", "value"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["tenant", "name"] if obj else []  # under another name it is another one

    def save_model(
        self, request: HttpRequest, obj: Variable, form: forms.Form, change: bool
    ) -> None:
        with scope.tenant(obj.tenant_id):
            variable, _ = services.put_variable(
                tenant_id=obj.tenant_id, name=obj.name, value=obj.value
            )
        obj.pk = variable.pk

    def delete_model(self, request: HttpRequest, obj: Variable) -> None:
        with scope.tenant(obj.tenant_id):
            services.delete_variable(tenant_id=obj.tenant_id, name=obj.name)
