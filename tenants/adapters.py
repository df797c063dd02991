"""What django-allauth asks us: words, mails, how fast one may guess, how secrets are kept."""

from __future__ import annotations

import base64
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse

from tenants import confirming, mailing, services
from tenants.models import User
from tenants.throttling import LoginTry

# Whatever allauth would say after something was done; what is not here it says by a mail or not.
DONE = {
    "account/messages/password_changed.txt": "Your password is changed. Other sessions have ended.",
    "account/messages/email_confirmed.txt": "Your address is verified.",
    "account/messages/email_confirmation_failed.txt": "This address could not be verified.",
    "account/messages/email_confirmation_sent.txt": "A mail to {email} is on its way.",
    "mfa/messages/totp_activated.txt": "The authenticator app is set up.",
    "mfa/messages/totp_deactivated.txt": "The authenticator app is removed.",
    "mfa/messages/webauthn_added.txt": "The passkey is added.",
    "mfa/messages/webauthn_removed.txt": "The passkey is removed.",
    "mfa/messages/recovery_codes_generated.txt": "There are new recovery codes; the old are void.",
}
MFA_CONTEXT = b"mfa"


class AccountAdapter(DefaultAccountAdapter):
    """People's accounts, in our words."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": "This account has been closed.",
        "email_password_mismatch": "This address and password do not belong together. Check both.",
        "too_many_login_attempts": "That was wrong too often. Wait a little, then try again.",
        "incorrect_password": "This is not your password.",
        "enter_current_password": "This is not your password.",
        "rate_limited": "That was too often. Wait a little, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False  # people come by registration (tenants/views/joining.py) or invitation

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        account = str(credentials.get("email") or credentials.get("username") or "").lower()
        self.login_try = LoginTry(self.get_client_ip(request), account)
        if not self.login_try.begin():
            raise self.validation_error("too_many_login_attempts")

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        user = super().authenticate(request, **credentials)
        if user is not None:
            self.login_try.succeed()
        return user

    def is_reauthentication_required(self, *, app: str, **_: Any) -> bool:
        return not confirming.is_recent(self.request)  # allauth's pages too count the log-in

    def get_client_ip(self, request: HttpRequest) -> str:
        return services.address_of(request)

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        extra_tags: str = "",
        message: str | None = None,
    ) -> None:
        text = message or DONE.get(message_template or "", "").format(**(message_context or {}))
        if text:
            messages.add_message(request, level, text, extra_tags=extra_tags)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        mailing.send(template_prefix.rpartition("/")[2], email, **context)

    def get_reset_password_from_key_url(self, key: str) -> str:
        uid, _, token = key.partition("-")
        return _absolute("account_reset_password_from_key", uidb36=uid, key=token)

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return _absolute("account_confirm_email", key=emailconfirmation.key)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("mfa_index")


class MFAAdapter(DefaultMFAAdapter):
    """Second factors; what they know in common with us is sealed like a tenant's secrets."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "This code is not right. Codes change every 30 seconds; try the next.",
        "unverified_email": "Verify your e-mail address first.",
    }

    def encrypt(self, text: str) -> str:
        return base64.b64encode(services.keyring().seal(text.encode(), MFA_CONTEXT)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return services.keyring().open(base64.b64decode(encrypted_text), MFA_CONTEXT).decode()

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # type: ignore[override] # noqa: A002 - allauth's name
        return f"Passkey {Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1}"


def _absolute(view: str, **parameters: str) -> str:
    # Not from the request: whoever sends one could choose the host that the mail leads to.
    return settings.PUBLIC_URL + reverse(view, kwargs=parameters)
