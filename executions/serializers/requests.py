"""What comes in: bodies and queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework import serializers

from executions.states import TRIGGERS, ExecutionStatus, StepStatus
from tenants.serializers import Strict
from workflows.serializers import StorableJSON

EXECUTION_STATUSES = [status.value for status in ExecutionStatus]
STEP_STATUSES = [status.value for status in StepStatus]
VERSIONS = ("same", "current")
MAX_EVENTS = 1000
MAX_RATE = 1000  # executions a second
_LOOKUPS = {
    "workflow": "workflow__slug",
    "status": "status",
    "trigger": "trigger_kind",
    "since": "created_at__gte",
    "until": "created_at__lt",
    "test": "test",
}


class DraftRunBody(Strict):
    input = StorableJSON(
        required=False, allow_null=True, default=dict, help_text="trigger.body; {} if unset."
    )


class RunBody(DraftRunBody):
    expected_version = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        default=None,
        allow_null=True,
        help_text="The number of the version that is to run; refused if another one is live.",
    )


class RunQuery(Strict):
    wait = serializers.FloatField(
        required=False,
        default=0,
        min_value=0,
        max_value=settings.MAX_WAIT_SECONDS,
        help_text="Seconds to wait for the result; where too many callers wait already, none do.",
    )


class Filters(Strict):
    """Which executions are meant; all of them, if nothing is said."""

    workflow = serializers.CharField(required=False, help_text="A workflow's slug.")
    status = serializers.ChoiceField(EXECUTION_STATUSES, required=False)
    trigger = serializers.ChoiceField(TRIGGERS, required=False)
    since = serializers.DateTimeField(required=False, help_text="Created at or after this time.")
    until = serializers.DateTimeField(required=False, help_text="Created before this time.")
    test = serializers.BooleanField(
        required=False, default=False, help_text="Only tests of drafts, which are left out else."
    )


def lookups(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of Filters, as Django spells them."""
    return {_LOOKUPS[name]: value for name, value in given.items() if name in _LOOKUPS}


class ListQuery(Filters):
    items = serializers.BooleanField(
        required=False, default=False, help_text="Also the single items of for_each steps."
    )
    attention = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Only what needs a person: a call whose answer is not known, or an approval "
        "that the caller may give; also in items.",
    )


class EventsQuery(Strict):
    after = serializers.IntegerField(
        required=False,
        default=0,
        min_value=0,
        max_value=2**31 - 1,
        help_text="The seq of the last event already seen.",
    )
    limit = serializers.IntegerField(required=False, default=200, min_value=1, max_value=MAX_EVENTS)


# --- Verbs -------------------------------------------------------------------------------------


class ResumeBody(Strict):
    version = serializers.ChoiceField(
        VERSIONS, required=False, default="same", help_text="The execution's own, or the live one."
    )
    step = serializers.CharField(
        required=False, max_length=63, help_text="From here; from what failed, if unset."
    )
    repeat = serializers.ListField(
        child=serializers.CharField(max_length=63),
        required=False,
        default=list,
        max_length=settings.MAX_STEPS,
        help_text="Steps that may run again although their call may have been made already.",
    )
    dry_run = serializers.BooleanField(
        required=False, default=False, help_text="Only say what would be reused and what would run."
    )


class ReplayBody(Strict):
    version = serializers.ChoiceField(
        VERSIONS, required=False, default="current", help_text="The live one, or the execution's."
    )


class ResolutionBody(Strict):
    action = serializers.ChoiceField(
        ("retry", "done", "skip", "fail"),
        help_text="retry: it was not done, send it again; done: it was, with this output; "
        "skip: go on as if its guard had been false; fail: it counts as failed.",
    )
    output = StorableJSON(
        required=False, allow_null=True, default=None, help_text="Of a step that is done."
    )


class DecisionBody(Strict):
    decision = serializers.ChoiceField(("approved", "rejected"))
    comment = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=5000, help_text="Why."
    )
    data = StorableJSON(  # type: ignore[assignment] # DRF means its own
        required=False, allow_null=True, default=None, help_text="What the step's form asks for."
    )


class BulkBody(Strict):
    action = serializers.ChoiceField(("cancel", "resume", "replay"))
    filter = Filters(
        help_text="Of these, cancel takes those that are open, resume those that did not succeed."
    )
    after = serializers.UUIDField(
        required=False, help_text="Only executions after this one: the last one of the last answer."
    )
    dry_run = serializers.BooleanField(
        required=False, default=False, help_text="Say what would be done and refused; do nothing."
    )
    rate = serializers.FloatField(
        required=False,
        min_value=0.01,
        max_value=MAX_RATE,
        help_text="New executions that begin in a second; all at once, if unset.",
    )
    version = serializers.ChoiceField(
        VERSIONS, required=False, help_text="As for one: resume has same, replay current if unset."
    )
