"""How people log in: passwords, and what django-allauth is told (its views: tenants/urls.py)."""

from __future__ import annotations

from typing import Any

_VALIDATION = "django.contrib.auth.password_validation"


def settings(*, secure: bool) -> dict[str, Any]:
    """The settings, for a site that is served by HTTPS (or not)."""
    return {
        "AUTHENTICATION_BACKENDS": ["allauth.account.auth_backends.AuthenticationBackend"],
        "LOGIN_URL": "account_login",
        "LOGIN_REDIRECT_URL": "home",
        "LOGOUT_REDIRECT_URL": "account_login",
        "AUTH_PASSWORD_VALIDATORS": [
            {"NAME": f"{_VALIDATION}.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
            {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
            {"NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator"},
        ],
        "PASSWORD_RESET_TIMEOUT": 3600,  # seconds that the mailed link is good for
        "ACCOUNT_ADAPTER": "tenants.adapters.AccountAdapter",
        "ACCOUNT_LOGIN_METHODS": {"email"},
        "ACCOUNT_SIGNUP_FIELDS": ["email*", "password1*"],
        "ACCOUNT_USER_MODEL_USERNAME_FIELD": None,
        # To invite others, and to set up a second factor, one must have verified the address.
        "ACCOUNT_EMAIL_VERIFICATION": "optional",
        "ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS": False,  # a stranger's address gets no mail from us
        "ACCOUNT_EMAIL_NOTIFICATIONS": True,
        "ACCOUNT_REAUTHENTICATION_METHODS": {"password", "mfa"},
        "ACCOUNT_SESSION_REMEMBER": True,  # for SESSION_COOKIE_AGE
        "ACCOUNT_RATE_LIMITS": {
            "login": None,  # tenants/throttling.py counts: an office shares one address
            "login_failed": "5/5m/key",  # codes of the second factor, by user
            "reset_password": "20/m/ip,3/15m/key",
        },
        "MFA_ADAPTER": "tenants.adapters.MFAAdapter",
        "MFA_SUPPORTED_TYPES": ["totp", "webauthn", "recovery_codes"],
        "MFA_PASSKEY_LOGIN_ENABLED": True,
        "MFA_TOTP_ISSUER": "Stepwell",
        "MFA_TOTP_TOLERANCE": 1,  # periods of 30 s that a clock may be off
        "MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN": not secure,
    }
