"""What people ask of executions: which to list, and with what to start one."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.conf import settings

from executions.states import TRIGGERS, ExecutionStatus
from workflows import documents
from workflows.definition import JSON


def _choices(anything: str, values: Any) -> list[tuple[str, str]]:
    return [("", anything), *((str(value), str(value).replace("_", " ")) for value in values)]


class FilterForm(forms.Form):
    """Which executions to list; every field may be empty. Times are UTC."""

    workflow = forms.ChoiceField(required=False)
    status = forms.ChoiceField(required=False, choices=_choices("Any status", ExecutionStatus))
    trigger = forms.ChoiceField(required=False, choices=_choices("Any trigger", TRIGGERS))
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
    before = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, slugs: list[str]) -> None:
        super().__init__(data)
        self.fields["workflow"] = forms.ChoiceField(
            required=False, choices=_choices("Any workflow", slugs)
        )

    def lookups(self) -> dict[str, Any]:
        """The filters that were given, as Django spells them."""
        names = {
            "workflow": "workflow__slug",
            "status": "status",
            "trigger": "trigger_kind",
            "since": "created_at__gte",
            "until": "created_at__lt",
            "before": "id__lt",
        }
        given = self.cleaned_data
        return {lookup: given[name] for name, lookup in names.items() if given.get(name)}


class PositionForm(forms.Form):
    """From which event on to show them, for runs of more than fit one page."""

    after = forms.IntegerField(required=False, min_value=0, max_value=10**9)


class RunForm(forms.Form):
    """The body of a run by hand."""

    body = forms.CharField(
        label="Body (JSON)",
        initial="{}",
        strip=False,
        max_length=settings.MAX_PAYLOAD_BYTES,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "autocomplete": "off"}),
    )

    def clean_body(self) -> JSON:
        try:
            parsed: JSON = json.loads(self.cleaned_data["body"], parse_constant=_no_constant)
        except RecursionError:
            raise forms.ValidationError("This is nested too deeply.") from None
        except ValueError as error:
            raise forms.ValidationError(f"This is not JSON: {error}.") from None
        for problem in documents.unstorable(parsed):
            raise forms.ValidationError(problem.message)
        return parsed


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")
