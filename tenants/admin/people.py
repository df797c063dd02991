"""Tenants, users and who belongs where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as PlainUserAdmin
from django.db import transaction
from django.forms import Form, ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminTextareaWidget

from tenants import scope, services
from tenants.actions import Action
from tenants.admin.audited import Audited
from tenants.admin.base import ReadOnlyAdmin, ScopedAdmin, ask
from tenants.forms import HostsField
from tenants.hosts import MAX_EGRESS_HOSTS
from tenants.limits import Quota
from tenants.models import Invitation, Membership, Tenant, User
from tenants.problems import Problem
from tenants.roles import PERMISSIONS, Role
from tenants.services import audit

POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


class TenantForm(ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    egress_hosts = HostsField(
        label="Hosts of outgoing calls",
        most=MAX_EGRESS_HOSTS,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text="Where calls may go, one a line. Without any they may go to every public host.",
    )

    class Meta:
        model = Tenant
        fields = ["slug", "name", "egress_hosts"]


@admin.register(Tenant)
class TenantAdmin(Audited, ModelAdmin):
    """Tenants are not deleted here: all their history would go with them."""

    form = TenantForm
    list_display = ["slug", "name", "created_at"]
    search_fields = ["slug", "name"]
    fields = ["slug", "name", "egress_hosts", "created_at"]
    readonly_fields = ["created_at"]
    added, changed = Action.TENANT_REGISTERED, Action.TENANT_CHANGED

    def tell(
        self,
        action: Action,
        obj: Tenant,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        sides = (dict(before or {}), dict(after or {}))
        hosts = [{"hosts": side.pop("egress_hosts", [])} for side in sides]
        # Of what is as it was nothing is told.
        audit.record(action, obj, before=None if before is None else sides[0], after=sides[1])
        audit.record(Action.EGRESS_CHANGED, obj, before=hosts[0], after=hosts[1])

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Tenant, form: Form, change: bool) -> None:
        with scope.tenant(obj.id):
            super().save_model(request, obj, form, change)


@admin.register(User)
class UserAdmin(Audited, PlainUserAdmin, ModelAdmin):  # type: ignore[type-arg] # both are generic in stubs only
    """People sign in by e-mail address. They are closed (`is_active`), not deleted."""

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
    actions_detail = ["forget_second_factors"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fields = super().get_readonly_fields(request, obj)
        return (*fields,) if _is_superuser(request) else (*fields, *POWERS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return _may_touch(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # the history says who did what

    def save_model(self, request: HttpRequest, obj: User, form: Form, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change or "email" in form.changed_data:
            services.set_address(obj, verified=False)
        if "is_active" in form.changed_data and not obj.is_active:
            services.end_sessions(obj)

    @action(
        description="Forget second factors",
        url_path="forget-second-factors",
        permissions=["forget_second_factors"],
        icon="lock_reset",
    )
    def forget_second_factors(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """For whoever has lost their telephone and their recovery codes."""
        user: User | None = self.get_object(request, object_id)
        if user is None:
            raise Http404
        back = reverse("admin:tenants_user_change", args=[user.pk])
        if request.method == "POST":
            services.remove_second_factors(user)
            self.tell(Action.USER_FACTORS_FORGOTTEN, user)
            self.message_user(request, f"{user} logs in by the password alone now.")
            return HttpResponseRedirect(back)
        return ask(
            request,
            self.admin_site,
            title=f"Forget the second factors of {user}?",
            text="Their authenticator app, passkeys and recovery codes stop working and their "
            "sessions end. Make sure that it is they who ask.",
            submit="Forget them",
            back=back,
        )

    def has_forget_second_factors_permission(
        self, request: HttpRequest, object_id: str | None = None
    ) -> bool:
        return _is_superuser(request)

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 - Django's name
        form_url: str = "",
    ) -> HttpResponse:
        answer = super().user_change_password(request, id, form_url)
        if isinstance(answer, HttpResponseRedirect):  # it was set, not asked for again
            user: User | None = self.get_object(request, id)
            self.tell(Action.USER_PASSWORD_SET, user)
            if user is not None:
                services.end_sessions(user)
        return answer


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    """Who sets another's address or password can become them: staff are a superuser's business."""
    return _is_superuser(request) or user is None or not (user.is_staff or user.is_superuser)


def _is_superuser(request: HttpRequest) -> bool:
    return request.user.is_authenticated and request.user.is_superuser


@admin.register(Membership)
class MembershipAdmin(ScopedAdmin):
    """Staff may give any role; the rule that a tenant keeps an owner binds them too."""

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

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["tenant", "user"] if obj else []

    def save_model(self, request: HttpRequest, obj: Membership, form: Form, change: bool) -> None:
        if not change:
            with scope.tenant(obj.tenant_id):
                services.check_quota(obj.tenant_id, Quota.MEMBERS, Membership.objects.all())
            super().save_model(request, obj, form, change)
            return
        with scope.tenant(obj.tenant_id):
            services.change_role(member=obj, role=Role(obj.role), by=PERMISSIONS[Role.OWNER])

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        with scope.tenant(obj.tenant_id):
            services.remove_member(member=obj, by=PERMISSIONS[Role.OWNER])

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._explained(request, partial(super().changeform_view, request, *args, **kwargs))

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._explained(request, partial(super().delete_view, request, *args, **kwargs))

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._explained(request, partial(super().changelist_view, request, *args, **kwargs))

    def _explained(self, request: HttpRequest, view: Callable[[], Any]) -> Any:
        """A refusal is a message, and nothing of what was asked is done."""
        try:
            with transaction.atomic():
                return view()
        except Problem as problem:
            self.message_user(request, problem.detail, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:tenants_membership_changelist"))


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Who was asked to join. A tenant's owners invite; staff add a membership instead."""

    list_display = ["email", "role", "invited_by", "created_at", "expires_at", "accepted_at"]
    list_filter = ["role"]
    list_select_related = ["invited_by"]
    search_fields = ["email"]
    actions_detail = ["revoke"]

    @action(description="Withdraw", url_path="revoke", permissions=["revoke"], icon="block")
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        invitation: Invitation = self.required(request, object_id)
        back = reverse("admin:tenants_invitation_change", args=[invitation.pk])
        if request.method == "POST":
            with scope.tenant(invitation.tenant_id):
                services.revoke_invitation(invitation=invitation)
            self.message_user(request, f"The invitation of {invitation} is withdrawn.")
            return HttpResponseRedirect(back)
        return ask(
            request,
            self.admin_site,
            title=f"Withdraw the invitation of {invitation}?",
            text="The link that was mailed stops working.",
            submit="Withdraw",
            back=back,
        )

    def has_revoke_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("tenants.change_invitation")
