"""What people type: about themselves and each other, of a tenant's settings, which entries of the
trail they ask for."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from tenants import hosts, services
from tenants.actions import Action
from tenants.models import ROLES, Secret, User, name_validator
from tenants.problems import Problem
from tenants.roles import Permission

MAX_PASSWORD_LENGTH = 1_000


def blame(form: forms.BaseForm, problem: Problem) -> None:
    """Say a refusal beside the fields that it is about; above them all what is about none."""
    for error in problem.errors or [{"message": problem.detail}]:
        name = str(error.get("field") or "").partition(".")[0]
        form.add_error(name if name in form.fields else None, str(error["message"]))


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


class KeyForm(RoleForm):
    """A new API key: its name, what it may, until when."""

    name = forms.CharField(
        max_length=100, label="Name", help_text="What will use it, such as deploy or billing."
    )
    scopes = forms.MultipleChoiceField(
        label="Only this, of what the role may",
        required=False,
        choices=[(scope.value, scope.value) for scope in Permission],
        help_text="None ticked: all that the role may.",
        widget=forms.CheckboxSelectMultiple,
    )
    expires_at = forms.DateTimeField(
        label="Until (UTC)",
        required=False,
        help_text="Empty: until it is revoked.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    field_order = ["name", "role", "scopes", "expires_at"]


AUDIT_FILTERS = ("actor", "action", "target", "since", "until")


class PeriodForm(forms.Form):
    """From when to when; either may be empty. Times are UTC."""

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


class AuditForm(PeriodForm):
    """Which entries of the audit trail to show; every field may be empty."""

    field_order = ["actor", "action", "target", "since", "until"]

    actor = forms.CharField(label="Who", max_length=300, required=False)
    action = forms.CharField(
        label="What",
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs={"list": "actions"}),
    )
    target = forms.CharField(label="To what", max_length=300, required=False)
    below = forms.IntegerField(
        required=False, min_value=1, max_value=2**62, widget=forms.HiddenInput
    )

    actions = tuple(Action)


class ExportForm(AuditForm):
    """In which form to take them away."""

    format = forms.ChoiceField(choices=[("jsonl", "JSON lines"), ("csv", "CSV")])


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

    def __init__(self, *, most: int = hosts.MAX_HOSTS, **options: Any) -> None:
        self.most = most
        rows = 4 if most <= hosts.MAX_HOSTS else 10
        shown = {
            "rows": rows,
            "spellcheck": "false",
            "placeholder": "api.example.com\n*.example.com",
        }
        super().__init__(**{"required": False, "widget": forms.Textarea(shown), **options})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        lines = str(super().clean(value)).split()
        if len(lines) > self.most:
            raise ValidationError(f"Give at most {self.most} hosts.")
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


class EgressForm(forms.Form):
    """Where a tenant's calls may go."""

    hosts = HostsField(
        label="Hosts",
        most=hosts.MAX_EGRESS_HOSTS,
        help_text="Where calls may go, one a line. Without any they may go to every public host.",
    )


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
