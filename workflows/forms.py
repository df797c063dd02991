"""What people fill in about workflows."""

from __future__ import annotations

from typing import Any

from django import forms

from workflows import filters
from workflows.models import Workflow


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
