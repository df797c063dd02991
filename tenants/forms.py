"""What people type about themselves and each other, and which entries of the trail they ask for."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from tenants.actions import Action
from tenants.models import ROLES, User

MAX_PASSWORD_LENGTH = 1_000


class NewPassword(forms.Form):
    """A password for a new account; it may not be like the address `whose`."""

    password = forms.CharField(
        max_length=MAX_PASSWORD_LENGTH,
        strip=False,
        label="Password",
        help_text="12 characters or more. A few words are easier to keep than one odd one.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, whose: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.whose = whose

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        password, email = values.get("password"), values.get("email", self.whose)
        if password:
            try:
                validate_password(password, User(email=email))
            except ValidationError as error:
                self.add_error("password", error)
        return values


class RegistrationForm(NewPassword):
    """A new tenant and its owner."""

    tenant = forms.CharField(
        max_length=200,
        label="Name of your tenant",
        help_text="Your company or team; its address is made of it.",
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    email = forms.EmailField(
        max_length=254,
        label="E-mail address",
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )
    field_order = ["tenant", "email", "password"]


class RoleForm(forms.Form):
    """Which role somebody gets."""

    role = forms.ChoiceField(choices=ROLES, label="Role")


class InviteForm(RoleForm):
    """Who is asked to join, and as what."""

    email = forms.EmailField(max_length=254, label="E-mail address")
    field_order = ["email", "role"]


AUDIT_FILTERS = ("actor", "action", "target", "since", "until")


class AuditForm(forms.Form):
    """Which entries of the audit trail to show; every field may be empty. Times are UTC."""

    actor = forms.CharField(label="Who", max_length=300, required=False)
    action = forms.CharField(
        label="What",
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs={"list": "actions"}),
    )
    target = forms.CharField(label="To what", max_length=300, required=False)
    since = forms.DateTimeField(
        label="Since (UTC)",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    until = forms.DateTimeField(
        label="Until (UTC)",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    below = forms.IntegerField(
        required=False, min_value=1, max_value=2**62, widget=forms.HiddenInput
    )

    actions = tuple(Action)


class ExportForm(AuditForm):
    """In which form to take them away."""

    format = forms.ChoiceField(choices=[("jsonl", "JSON lines"), ("csv", "CSV")])
