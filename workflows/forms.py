"""What people fill in about workflows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django import forms

from workflows import documents, filters
from workflows.cron import MAX_LENGTH
from workflows.models import Schedule, Workflow, slug_validator
from workflows.schedules import Upcoming

EXAMPLE = """\
schema: 1
steps:
  - key: hello
    type: log
    with:
      message: "Hello, {{ trigger.body.name }}"
"""


class DefinitionField(forms.CharField):
    """A definition typed as YAML; the cleaned value is the document, whatever is wrong with it."""

    def __init__(self, **options: Any) -> None:
        options.setdefault(
            "widget", forms.Textarea({"rows": 28, "spellcheck": "false", "wrap": "off"})
        )
        super().__init__(strip=False, **options)

    def clean(self, value: Any) -> dict[str, Any]:
        document, found = documents.loads(super().clean(value), "yaml")
        if found:
            raise forms.ValidationError([problem.message for problem in found])
        if not isinstance(document, dict):
            raise forms.ValidationError("A definition is an object that starts with `schema: 1`.")
        return document


class SearchForm(forms.Form):
    """Which workflows to list; every field may be empty."""

    q = forms.CharField(
        label="Name or slug",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    after = forms.CharField(max_length=63, required=False, widget=forms.HiddenInput)


class DraftForm(forms.Form):
    """A workflow's name and its draft. `revision` says which draft was changed."""

    name = forms.CharField(label="Name", max_length=200)
    text = DefinitionField(label="Draft (YAML)")
    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)


class NewWorkflowForm(forms.Form):
    """A workflow that is not there yet."""

    name = forms.CharField(label="Name", max_length=200)
    slug = forms.CharField(
        label="Slug",
        max_length=63,
        required=False,
        validators=[slug_validator],
        help_text="What its address is made of; from the name if empty. It never changes.",
    )
    text = DefinitionField(label="Draft (YAML)")


class PublishForm(forms.Form):
    """Which draft is to be published, and why."""

    revision = forms.IntegerField(widget=forms.HiddenInput)
    note = forms.CharField(
        label="Note", max_length=500, required=False, help_text="Why it changed."
    )


class ScheduleForm(forms.Form):
    """When a workflow starts by the clock, and what its runs are given."""

    name = forms.CharField(label="Name", max_length=200)
    cron = forms.CharField(
        label="Cron",
        max_length=MAX_LENGTH,
        help_text="Five fields: minute, hour, day of month, month, day of week. "
        "30 9 * * 1-5 is 09:30 on weekdays.",
    )
    zone = forms.CharField(
        label="Time zone", max_length=64, initial="UTC", help_text="Such as Europe/Paris."
    )
    input = forms.CharField(
        label="Input (JSON)",
        required=False,
        help_text="What its runs see as trigger.body.",
        widget=forms.Textarea({"rows": 4, "spellcheck": "false"}),
    )
    overlap = forms.ChoiceField(
        label="While a run of it is open",
        choices=[(value, words.capitalize()) for value, words in Schedule.OVERLAP.items()],
        initial="allow",
    )
    misfire = forms.ChoiceField(
        label="Of slots that nobody was there to fire",
        choices=[
            ("skip", "Run none"),
            ("once", "Run the newest"),
            ("all", "Run all, up to the limit"),
        ],
        initial="once",
    )

    words = ""
    next: Sequence[Upcoming] = ()
    """When it would fire, if that was asked."""

    def __init__(self, data: Any = None, initial: dict[str, Any] | None = None) -> None:
        kept = dict(initial or {})
        if "input" in kept:
            kept["input"] = json.dumps(kept["input"], indent=2, ensure_ascii=False)
        super().__init__(data, initial=kept)

    def clean_input(self) -> Any:
        document, found = documents.loads(self.cleaned_data["input"] or "{}", "json")
        if found:
            raise forms.ValidationError([problem.message for problem in found])
        return document

    @property
    def values(self) -> dict[str, Any]:
        """As the verbs take them."""
        return dict(self.cleaned_data)


class ScheduleVerbForm(forms.Form):
    """What to do with a schedule, besides changing it."""

    action = forms.ChoiceField(choices=[(verb, verb) for verb in ("pause", "resume", "delete")])


class SubscriptionForm(forms.Form):
    """Of which runs a workflow is to hear."""

    source = forms.ChoiceField(label="When a run of", required=False)
    statuses = forms.MultipleChoiceField(
        label="ends",
        choices=[(status, status.replace("_", " ")) for status in filters.ENDS],
        initial=["succeeded"],
        widget=forms.CheckboxSelectMultiple,
    )
    filter = forms.CharField(
        label="and this is true",
        required=False,
        max_length=filters.MAX_LENGTH,
        help_text="Such as {{ event.output.total > 100 }}. Of event there are execution, output, "
        "step and error.",
    )

    def __init__(self, data: Any, workflow: Workflow) -> None:
        super().__init__(data)
        others = Workflow.objects.filter(archived_at=None).exclude(id=workflow.id)
        slugs = [(slug, slug) for slug in others.values_list("slug", flat=True)]
        source = self.fields["source"]
        assert isinstance(source, forms.ChoiceField)  # noqa: S101 - declared above
        source.choices = [("", "any other workflow, that no run led to"), *slugs]


class ChangeForm(forms.Form):
    """What to do with a subscription."""

    action = forms.ChoiceField(choices=[(verb, verb) for verb in ("enable", "disable", "delete")])
