"""What people ask of endpoints and deliveries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms

from tenants.forms import PeriodForm
from webhooks import signatures
from webhooks.models import ACK, ANSWERS, RESPOND, RESULT, Endpoint
from webhooks.refusals import Reason

FILTERS = ("reason", "since", "until", "execution")


def given_secret(cleaned: Mapping[str, Any]) -> str | None:
    """As services.create takes it: None to have one made, empty if it follows."""
    return cleaned["secret"] or ("" if cleaned["later"] else None)


def _secret_field(label: str, help_text: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


def _ips_field() -> forms.CharField:
    return forms.CharField(
        label="Addresses that may send",
        required=False,
        help_text="Addresses and networks, one a line, such as 192.0.2.7 or 2001:db8::/32. "
        "Without any, every address may.",
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off"}),
    )


def _answer_field() -> forms.ChoiceField:
    words = {
        ACK: "at once, that it is stored (ack)",
        RESULT: "once the run has ended, with how it did (result)",
        RESPOND: "with what the run's respond step says (respond)",
    }
    return forms.ChoiceField(
        label="Callers are answered", choices=[(mode, words[mode]) for mode, _ in ANSWERS]
    )


class IntakeForm(forms.Form):
    """Who may send, as people type it, and how often."""

    allowed_ips = _ips_field()
    rate = forms.CharField(
        label="Rate limit",
        required=False,
        help_text="Webhooks in a time, such as 600/min. Empty: as many as the tenant may.",
        max_length=12,
    )

    def clean_allowed_ips(self) -> list[str]:
        text: str = self.cleaned_data["allowed_ips"]
        return text.replace(",", " ").split()


class NewEndpointForm(IntakeForm):
    """A new address for a workflow."""

    field_order = [
        *("workflow", "name", "scheme", "secret", "later", "options", "answer"),
        *("allowed_ips", "rate", "confirm"),
    ]
    workflow = forms.ChoiceField()
    name = forms.CharField(
        required=False, max_length=100, help_text="For people. The workflow's slug if empty."
    )
    scheme = forms.ChoiceField(
        label="How requests are signed", choices=[(key, key) for key in signatures.SCHEMES]
    )
    secret = _secret_field("Secret", "Only if the provider chooses it; else one is made.")
    later = forms.BooleanField(
        label="The secret follows: its provider shows it only once it knows the address",
        required=False,
    )
    options = forms.CharField(
        label="Options (JSON)",
        required=False,
        help_text="Only of the schemes generic and twilio.",
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off"}),
    )
    answer = _answer_field()
    confirm = forms.CharField(
        label="Its name again",
        required=False,
        max_length=100,
        help_text="Only with the scheme none, by which anybody who knows the address may send.",
    )

    def __init__(
        self, data: Any, workflows: list[tuple[str, str]], initial: dict[str, Any]
    ) -> None:
        super().__init__(data, initial={"scheme": signatures.DEFAULT, **initial})
        self.fields["workflow"] = forms.ChoiceField(choices=workflows)

    def clean_options(self) -> dict[str, Any]:
        try:
            options = json.loads(self.cleaned_data["options"] or "{}")
        except (ValueError, RecursionError):
            raise forms.ValidationError("This is not JSON.") from None
        if not isinstance(options, dict):
            raise forms.ValidationError("This must be an object.")
        return options


class EndpointForm(IntakeForm):
    """What can be changed of an endpoint."""

    field_order = ("name", "answer", "allowed_ips", "rate", "enabled")
    name = forms.CharField(max_length=100)
    answer = _answer_field()
    enabled = forms.BooleanField(label="Switched on", required=False)

    def __init__(self, data: Any, endpoint: Endpoint) -> None:
        initial = {name: getattr(endpoint, name) for name in self.base_fields}
        shown = "\n".join(endpoint.allowed_ips)
        super().__init__(data, initial={**initial, "allowed_ips": shown})


class RotationForm(forms.Form):
    """A new secret for an endpoint."""

    secret = _secret_field("Secret", "Only if the provider chooses it; else one is made.")


class FilterForm(PeriodForm):
    """Which deliveries to list; every field may be empty."""

    field_order = ["reason", "since", "until"]

    reason = forms.ChoiceField(
        required=False,
        choices=[("", "Any reason"), *((one.value, one.label) for one in Reason)],
    )
    execution = forms.UUIDField(label="Execution", required=False)
    before = forms.UUIDField(required=False, widget=forms.HiddenInput)


class ResendForm(forms.Form):
    unverified = forms.BooleanField(
        label="Run it although nobody knows who sent it", required=False
    )


class WaitingForm(forms.Form):
    """What to do with what a paused workflow stored."""

    action = forms.ChoiceField(choices=[("run", "run"), ("discard", "discard")])
