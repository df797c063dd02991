"""What people type: about themselves, and of a tenant's settings."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError

from tenants import hosts, services
from tenants.models import Secret, name_validator


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


class Unshown(forms.Textarea):
    """A field for a value that is never put into a page, not even the one that was just typed."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"rows": 4, "autocomplete": "off", "spellcheck": "false", **(attrs or {})})

    def format_value(self, value: Any) -> str:
        return ""


class SecretValueField(forms.CharField):
    """A secret's value as it was typed; browsers send other line ends than were typed."""

    def __init__(self, **options: Any) -> None:
        limits = {"min_length": services.MIN_SECRET_LENGTH, "max_length": services.MAX_VALUE_LENGTH}
        super().__init__(**{"strip": False, "widget": Unshown, **limits, **options})

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")


class HostsField(forms.CharField):
    """Hosts, one a line; the cleaned value is the list in the one spelling that is kept."""

    def __init__(self, **options: Any) -> None:
        shown = {"rows": 4, "spellcheck": "false", "placeholder": "api.example.com\n*.example.com"}
        super().__init__(**{"required": False, "widget": forms.Textarea(shown), **options})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        lines = str(super().clean(value)).split()
        if len(lines) > hosts.MAX_HOSTS:
            raise ValidationError(f"Give at most {hosts.MAX_HOSTS} hosts.")
        kept: dict[str, None] = {}
        for line in lines:
            try:
                kept[hosts.read(line)] = None
            except ValueError as flaw:
                raise ValidationError(f"{line[:100]}: {flaw}") from None
        return list(kept)


class SecretForm(forms.Form):
    """A new value, other hosts, or both; for one that is there the value may be left out."""

    value = SecretValueField(label="Value", help_text="It is never shown again.")
    hosts = HostsField(
        label="Hosts",
        help_text="Where it may go, one a line. Without any it may go anywhere.",
    )

    def __init__(self, data: Any, kept: Secret | None = None) -> None:
        super().__init__(data, initial={"hosts": kept.hosts} if kept else None)
        if kept:
            self.fields["value"].required = False
            self.fields["value"].help_text = "Leave it empty to keep the one that is there."


class NewSecretForm(SecretForm):
    """A secret that is not there yet."""

    name = forms.CharField(label="Name", max_length=63, validators=[name_validator])
    field_order = ["name", "value", "hosts"]


class VariableForm(forms.Form):
    """A variable's value."""

    value = forms.CharField(
        label="Value",
        max_length=services.MAX_VALUE_LENGTH,
        help_text='JSON: a text in quotes such as "EUR", a number, a list, an object.',
        widget=forms.Textarea({"rows": 6, "spellcheck": "false"}),
    )

    def clean_value(self) -> Any:
        try:
            value = json.loads(self.cleaned_data["value"])
        except (ValueError, RecursionError):
            raise ValidationError('This is not JSON. A text stands in quotes: "EUR".') from None
        flaw = "null is no value." if value is None else services.unstorable(value)
        if flaw:
            raise ValidationError(flaw)
        return value


class NewVariableForm(VariableForm):
    """A variable that is not there yet."""

    name = forms.CharField(label="Name", max_length=63, validators=[name_validator])
    field_order = ["name", "value"]
