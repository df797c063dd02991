"""People's pages. Of django-allauth only these views exist here; its own table is not included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from django.http import HttpResponseBase
from django.urls import URLPattern, path, reverse_lazy

from tenants.views import account as own
from tenants.views import coming_in, joining, keys, members, settings, trail


def _show(route: str, view: Any, page: str, name: str, **options: Any) -> URLPattern:
    """A view of django-allauth with a page of ours."""
    shown: Callable[..., HttpResponseBase] = view.as_view(
        template_name=f"tenants/account/{page}.html", **options
    )
    return path(route, shown, name=name)


ACCOUNT = [
    _show("login/", account.LoginView, "login", "account_login"),
    path("logout/", account.LogoutView.as_view(http_method_names=["post"]), name="account_logout"),
    _show("login/confirm/", mfa.AuthenticateView, "confirm_login", "mfa_authenticate"),
    path("login/passkey/", passkeys.LoginWebAuthnView.as_view(), name="mfa_login_webauthn"),
    _show("login/closed/", account.AccountInactiveView, "closed", "account_inactive"),
    path("account/", own.AccountView.as_view(), name="mfa_index"),
    path("account/verify/", own.verify, name="verify"),
    _show("account/verify/<str:key>/", account.ConfirmEmailView, "verify", "account_confirm_email"),
    path("account/sessions/end/", own.end_other_sessions, name="end-other-sessions"),
    path("account/sessions/<int:session_id>/end/", own.end_session, name="end-session"),
    _show("account/again/", account.ReauthenticateView, "again", "account_reauthenticate"),
    _show("account/again/code/", mfa.ReauthenticateView, "again", "mfa_reauthenticate"),
    _show(
        "account/again/passkey/",
        passkeys.ReauthenticateWebAuthnView,
        "again_passkey",
        "mfa_reauthenticate_webauthn",
    ),
]

PASSWORD = [
    _show("account/password/", account.PasswordChangeView, "password", "account_change_password"),
    _show("account/password/set/", account.PasswordSetView, "password", "account_set_password"),
    _show("password/", account.PasswordResetView, "reset", "account_reset_password"),
    _show(
        "password/sent/", account.PasswordResetDoneView, "reset_sent", "account_reset_password_done"
    ),
    _show(
        "password/done/",
        account.PasswordResetFromKeyDoneView,
        "reset_done",
        "account_reset_password_from_key_done",
    ),
    _show(
        "password/<slug:uidb36>/<str:key>/",
        account.PasswordResetFromKeyView,
        "reset_password",
        "account_reset_password_from_key",
    ),
]

FACTORS = [
    _show("account/app/", totp.ActivateTOTPView, "app", "mfa_activate_totp"),
    _show("account/app/remove/", totp.DeactivateTOTPView, "app_remove", "mfa_deactivate_totp"),
    _show("account/passkeys/", passkeys.AddWebAuthnView, "passkey", "mfa_add_webauthn"),
    _show(
        "account/passkeys/<int:pk>/remove/",
        passkeys.RemoveWebAuthnView,
        "passkey_remove",
        "mfa_remove_webauthn",
        success_url=reverse_lazy("mfa_index"),
    ),
    _show("account/codes/", codes.ViewRecoveryCodesView, "codes", "mfa_view_recovery_codes"),
    _show(
        "account/codes/new/",
        codes.GenerateRecoveryCodesView,
        "codes_new",
        "mfa_generate_recovery_codes",
    ),
]

TENANT = "t/<slug:tenant_slug>/"
MEMBERS = [
    path(f"{TENANT}members/", members.listed, name="members"),
    path(f"{TENANT}members/<uuid:member_id>/", members.member, name="member"),
    path(f"{TENANT}members/<uuid:member_id>/remove/", members.remove, name="member-remove"),
    path(
        f"{TENANT}invitations/<uuid:invitation_id>/revoke/",
        members.revoke,
        name="invitation-revoke",
    ),
    path(f"{TENANT}leave/", members.leave, name="leave"),
]

SETTINGS = [
    path(f"{TENANT}settings/", settings.listed, name="settings"),
    path(f"{TENANT}settings/egress/", settings.egress, name="egress"),
    path(f"{TENANT}settings/secrets/", settings.add_secret, name="secret-add"),
    path(f"{TENANT}settings/secrets/<slug:name>/", settings.secret, name="secret"),
    path(
        f"{TENANT}settings/secrets/<slug:name>/delete/",
        settings.delete_secret,
        name="secret-delete",
    ),
    path(f"{TENANT}settings/variables/", settings.add_variable, name="variable-add"),
    path(f"{TENANT}settings/variables/<slug:name>/", settings.variable, name="variable"),
    path(
        f"{TENANT}settings/variables/<slug:name>/delete/",
        settings.delete_variable,
        name="variable-delete",
    ),
]

urlpatterns = [
    path("", coming_in.home, name="home"),
    path("register/", joining.register, name="register"),
    path("invitations/<str:token>/", joining.invitation, name="invitation"),
    *ACCOUNT,
    *PASSWORD,
    *FACTORS,
    path(TENANT, coming_in.tenant, name="tenant"),
    *MEMBERS,
    path(f"{TENANT}api-keys/", keys.listed, name="api-keys"),
    path(f"{TENANT}api-keys/<uuid:key_id>/revoke/", keys.revoke, name="api-key-revoke"),
    *SETTINGS,
    path(f"{TENANT}audit/", trail.audit, name="audit"),
    path(f"{TENANT}audit/export/", trail.audit_export, name="audit-export"),
]
