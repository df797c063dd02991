"""What people fill in about workflows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.utils.dateparse import parse_datetime

from workflows import cron, documents, filters
from workflows.cron import MAX_LENGTH, Cron, CronError
from workflows.models import MAX_JITTER, Schedule, Workflow, slug_validator
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


_PERIOD = ("starts_at", "ends_at")


class ClockField(forms.CharField):
    """A time as a clock on a wall shows it; the cleaned value is without a time zone."""

    widget = forms.TextInput(attrs={"type": "datetime-local"})

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            read = parse_datetime(text)
        except ValueError:
            read = None
        if read is None or read.tzinfo is not None:
            raise forms.ValidationError(
                "Give a date and a time, such as 2030-01-31T09:30, without a time zone."
            )
        return read


class ScheduleForm(forms.Form):
    """When a workflow starts by the clock, and what its runs are given.

    `starts_at` and `ends_at` are typed as clocks in `zone` show them, and cleaned to instants.
    """

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
    jitter = forms.IntegerField(
        label="Jitter (seconds)",
        required=False,
        min_value=0,
        max_value=MAX_JITTER,
        help_text=f"Each slot fires up to so many seconds later, at most {MAX_JITTER}, so that not "
        "all begin at once.",
    )
    starts_at = ClockField(
        label="Start", required=False, help_text="No slot is before it. Empty: from now on."
    )
    ends_at = ClockField(
        label="End", required=False, help_text="No slot is after it. Empty: it never ends."
    )

    words = ""
    next: Sequence[Upcoming] = ()
    """When it would fire, if that was asked."""

    def __init__(self, data: Any = None, kept: Schedule | None = None) -> None:
        initial = {name: getattr(kept, name) for name in self.base_fields} if kept else {}
        self._stored = {name: initial[name] for name in _PERIOD if initial.get(name)}
        if kept:
            initial["input"] = json.dumps(kept.input, indent=2, ensure_ascii=False)
            initial |= {name: _on_clocks(local) for name, local in kept.period.items()}
        super().__init__(data, initial=initial)

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if "cron" not in values or "zone" not in values:
            return values
        try:
            parsed = cron.parse(values["cron"], values["zone"])
        except CronError as error:
            self.add_error(error.field, error.message)
            return values
        for name in _PERIOD:
            if values.get(name):
                self._place(name, values[name], parsed)
        return values

    def _place(self, name: str, typed: datetime, parsed: Cron) -> None:
        """Find out when it is that clocks show what was typed."""
        stored = self._stored.get(name)
        try:
            # What clocks show twice, and what is less than a second, stays as it was stored.
            is_stored = stored and _on_clocks(typed) == _on_clocks(parsed.local(stored))
            at = stored if is_stored else parsed.instant(typed)
        except OverflowError:
            self.add_error(name, "Give a year from 2 to 9998.")
            return
        if at is None:
            self.add_error(
                name,
                f"Clocks in {parsed.zone.key} go forward over this time, so it does not come. "
                f"The next that does is {parsed.next_on_clocks(typed):%Y-%m-%d %H:%M}.",
            )
            return
        self.cleaned_data[name] = at

    def clean_jitter(self) -> int:
        return self.cleaned_data["jitter"] or 0

    def clean_input(self) -> Any:
        document, found = documents.loads(self.cleaned_data["input"] or "{}", "json")
        if found:
            raise forms.ValidationError([problem.message for problem in found])
        return document

    @property
    def values(self) -> dict[str, Any]:
        """As the verbs take them."""
        return dict(self.cleaned_data)

    @property
    def has_more(self) -> bool:
        """Whether one of the fields that are folded away is filled in, or wrong."""
        folded = [self[name] for name in ("jitter", *_PERIOD)]
        return any(field.errors or field.value() not in (None, "", 0, "0") for field in folded)


def _on_clocks(local: datetime) -> str:
    """What clocks show, as browsers' fields take it."""
    return local.replace(tzinfo=None).isoformat(timespec="seconds")


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
