"""Tenants, users and who belongs where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as PlainUserAdmin
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from tenants import scope, services
from tenants.actions import Action
from tenants.admin.audited import Audited
from tenants.admin.base import ScopedAdmin
from tenants.limits import Quota
from tenants.models import Membership, Tenant, User
from tenants.services import audit

POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


@admin.register(Tenant)
class TenantAdmin(Audited, ModelAdmin):
    """Tenants are not deleted here: all their history would go with them."""

    list_display = ["slug", "name", "created_at"]
    search_fields = ["slug", "name"]
    fields = ["slug", "name", "created_at"]
    readonly_fields = ["created_at"]
    added, changed = Action.TENANT_REGISTERED, Action.TENANT_CHANGED

    def tell(
        self,
        action: Action,
        obj: Tenant,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        audit.record(action, obj, before=before, after=after)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Tenant, form: Form, change: bool) -> None:
        with scope.tenant(obj.id):
            super().save_model(request, obj, form, change)


@admin.register(User)
class UserAdmin(Audited, PlainUserAdmin, ModelAdmin):  # type: ignore[type-arg] # both are generic in stubs only
    """People sign in by e-mail address."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    ordering = ["email"]
    list_display = ["email", "name", "is_staff", "is_active", "last_login"]
    list_filter = ["is_staff", "is_superuser", "is_active"]
    search_fields = ["email", "name"]
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = (
        (None, {"fields": ["email", "name", "password"]}),
        ("Staff", {"fields": ["is_active", "is_staff", "is_superuser", "groups"]}),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    )
    add_fieldsets = ((None, {"fields": ["email", "name", "password1", "password2"]}),)
    filter_horizontal = ["groups"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fields = super().get_readonly_fields(request, obj)
        return (*fields,) if _is_superuser(request) else (*fields, *POWERS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return _may_touch(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return _may_touch(request, obj) and super().has_delete_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        for member in obj.memberships.select_related("user"):
            audit.record_member(Action.MEMBER_REMOVED, member, before={"role": member.role})
        super().delete_model(request, obj)

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 - Django's name
        form_url: str = "",
    ) -> HttpResponse:
        answer = super().user_change_password(request, id, form_url)
        if isinstance(answer, HttpResponseRedirect):  # it was set, not asked for again
            self.tell(Action.USER_PASSWORD_SET, self.get_object(request, id))
        return answer


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    """Who sets another's address or password can become them: staff are a superuser's business."""
    return _is_superuser(request) or user is None or not (user.is_staff or user.is_superuser)


def _is_superuser(request: HttpRequest) -> bool:
    return request.user.is_authenticated and request.user.is_superuser


@admin.register(Membership)
class MembershipAdmin(ScopedAdmin):
    list_display = ["user", "role", "created_at"]
    list_filter = ["role"]
    list_select_related = ["user"]
    search_fields = ["user__email"]
    autocomplete_fields = ["tenant", "user"]
    fields = ["tenant", "user", "role"]
    added, changed, deleted = Action.MEMBER_ADDED, Action.MEMBER_CHANGED, Action.MEMBER_REMOVED

    def tell(
        self,
        action: Action,
        obj: Membership,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        audit.record_member(action, obj, before=before, after=after)

    def save_model(self, request: HttpRequest, obj: Membership, form: Form, change: bool) -> None:
        if not change:
            with scope.tenant(obj.tenant_id):
                services.check_quota(obj.tenant_id, Quota.MEMBERS, Membership.objects.all())
        super().save_model(request, obj, form, change)
