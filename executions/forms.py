"""What people ask of executions: which to list, with what to start one, what to do with it."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.conf import settings

from executions import services
from executions.models import Execution
from executions.states import TRIGGERS, ExecutionStatus
from tenants.forms import PeriodForm
from workflows import documents
from workflows.definition import JSON

# What the list can be filtered by, and verbs in bulk too.
FILTERS = ("workflow", "status", "trigger", "since", "until", "test")
_VERSIONS = {"same": "The version that it ran", "current": "The live version"}


def _choices(anything: str, values: Any) -> list[tuple[str, str]]:
    return [("", anything), *((str(value), str(value).replace("_", " ")) for value in values)]


class FilterForm(PeriodForm):
    """Which executions to list; every field may be empty."""

    field_order = ["workflow", "status", "trigger", "since", "until"]

    workflow = forms.ChoiceField(required=False)
    status = forms.ChoiceField(required=False, choices=_choices("Any status", ExecutionStatus))
    trigger = forms.ChoiceField(required=False, choices=_choices("Any trigger", TRIGGERS))
    items = forms.BooleanField(label="Items of for_each too", required=False)
    test = forms.BooleanField(label="Tests of drafts", required=False)
    parent = forms.UUIDField(required=False, widget=forms.HiddenInput)
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
            "parent": "parent",
            "before": "id__lt",
        }
        given = self.cleaned_data
        found = {lookup: given[name] for name, lookup in names.items() if given.get(name)}
        if not (given.get("items") or given.get("parent")):
            found["item_index"] = None
        if not given.get("parent"):
            found["test"] = given["test"]
        return found


class PositionForm(forms.Form):
    """From which event on to show them, for runs of more than fit one page."""

    after = forms.IntegerField(required=False, min_value=0, max_value=10**9)


class StartForm(forms.Form):
    """What a run by hand carries unseen: a token, so that a form sent twice starts one run, and
    the number of the version that it was made of."""

    token = forms.UUIDField(required=False, widget=forms.HiddenInput)
    expected_version = forms.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput
    )


class RunForm(forms.Form):
    """The body of a run by hand, as JSON."""

    body = forms.CharField(
        label="Body (JSON)",
        initial="{}",
        strip=False,
        max_length=settings.MAX_PAYLOAD_BYTES,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "autocomplete": "off"}),
    )

    def clean_body(self) -> JSON:
        return read_json(self.cleaned_data["body"])


def read_json(text: str) -> JSON:
    """The value of typed JSON. Raises ValidationError with a sentence."""
    try:
        parsed: JSON = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise forms.ValidationError("This is nested too deeply.") from None
    except ValueError as error:
        raise forms.ValidationError(f"This is not JSON: {error}.") from None
    for problem in documents.unstorable(parsed):
        raise forms.ValidationError(problem.message)
    return parsed


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


# --- Verbs -------------------------------------------------------------------------------------


class ReplayForm(forms.Form):
    version = forms.ChoiceField(
        choices=[("current", _VERSIONS["current"]), ("same", _VERSIONS["same"])]
    )


class ResumeForm(forms.Form):
    """From where, and of which version. `repeat` is read by the view: it hangs on both."""

    version = forms.ChoiceField(required=False, choices=list(_VERSIONS.items()))
    step = forms.ChoiceField(label="From the step", required=False)

    def __init__(self, data: Any, execution: Execution) -> None:
        super().__init__(data)
        keys = _steps(execution, self.data.get("version"))
        self.fields["step"] = forms.ChoiceField(
            label="From the step",
            required=False,
            choices=[("", "That failed, or was not reached"), *((key, key) for key in keys)],
        )

    def choice(self) -> dict[str, Any]:
        """What was chosen, as services take it; what makes no sense is not."""
        given = self.cleaned_data if self.is_valid() else {}
        return {"version": given.get("version") or "same", "step": given.get("step") or None}


def _steps(execution: Execution, version: object) -> tuple[str, ...]:
    """The keys of the steps that the chosen version has."""
    is_trial = execution.version.number is None
    current = None if is_trial else execution.workflow.current_id
    chosen = current if version == "current" and current else execution.version_id
    return services.plan_of(chosen).graph.order


class ResolutionForm(forms.Form):
    """What became of a call; the output is that of a step that is done."""

    action = forms.ChoiceField(
        label="What became of it?",
        choices=[
            ("retry", "It was not done: send it again"),
            ("done", "It was done: go on with this output"),
            ("skip", "Leave it out: go on as if its guard had been false"),
            ("fail", "It failed"),
        ],
        widget=forms.RadioSelect,
    )
    output = forms.CharField(
        label="Output, if it was done (JSON)",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"}),
    )

    def clean_output(self) -> JSON:
        return read_json(self.cleaned_data["output"]) if self.cleaned_data["output"] else None


class DecisionForm(forms.Form):
    """The answer to an approval, beside its own form (schema_form.py)."""

    decision = forms.ChoiceField(choices=[("approved", "Approve"), ("rejected", "Reject")])
    comment = forms.CharField(
        required=False, max_length=5000, widget=forms.Textarea(attrs={"rows": 3})
    )


class BulkForm(forms.Form):
    """What to do with the executions that the filters match: those with ids in (after, upto].

    `newest` is the newest that there was at first: what comes later, such as what the verb itself
    makes, is left alone in all rounds.
    """

    action = forms.ChoiceField(choices=[(verb, verb) for verb in ("cancel", "resume", "replay")])
    version = forms.ChoiceField(required=False)  # what is usual for the action comes first
    rate = forms.FloatField(
        label="At most so many a second", required=False, min_value=0.01, max_value=1000
    )
    after = forms.UUIDField(required=False, widget=forms.HiddenInput)
    upto = forms.UUIDField(required=False, widget=forms.HiddenInput)
    newest = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        usual = "current" if self.data.get("action") == "replay" else "same"
        first = sorted(_VERSIONS.items(), key=lambda pair: pair[0] != usual)
        self.fields["version"] = forms.ChoiceField(required=False, choices=first)

    def repeated(self) -> dict[str, Any]:
        """What the next page of the same has in its address."""
        names = ("action", "version", "rate")
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data[name]}
