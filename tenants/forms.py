"""What people type about themselves, and which entries of the audit trail they ask for."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm

from tenants.actions import Action


class LoginForm(AuthenticationForm):
    """E-mail address and password; addresses are kept in lower case."""

    error_messages = {
        "invalid_login": "This address and password do not belong together. Check both.",
        "inactive": "This account has been closed.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].widget = forms.EmailInput(
            attrs={"autocomplete": "username", "autofocus": True}
        )

    def clean_username(self) -> str:
        return str(self.cleaned_data["username"]).lower()


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
