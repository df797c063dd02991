"""What verbs answer, and events."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from executions.serializers.requests import EXECUTION_STATUSES


class Started(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    status = serializers.ChoiceField(EXECUTION_STATUSES)
    url = serializers.URLField()


class AgainItem(serializers.Serializer[Any]):
    key = serializers.CharField()
    why = serializers.CharField()
    uncertain = serializers.BooleanField(
        help_text="Its call may have been made already: it must be named in `repeat`."
    )


class Preview(serializers.Serializer[Any]):
    """What resuming would do."""

    reused = serializers.ListField(
        child=serializers.CharField(), help_text="Steps whose results are taken over."
    )
    runs = AgainItem(many=True, help_text="Steps that run, again or for the first time.")
    gone = serializers.ListField(
        child=serializers.CharField(), help_text="Steps that the version no longer has."
    )


class RefusedItem(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    why = serializers.CharField()


class BulkOutcome(serializers.Serializer[Any]):
    """What was done; in a dry run, what would be."""

    matched = serializers.IntegerField()
    done = serializers.ListField(
        child=serializers.UUIDField(),
        help_text="Executions that were cancelled, or the new ones; in a dry run those meant.",
    )
    refused = RefusedItem(many=True)
    last = serializers.UUIDField(allow_null=True, help_text="To go on: give it as `after`.")
    more = serializers.BooleanField(help_text="Whether further executions match.")


class EventItem(serializers.Serializer[Any]):
    seq = serializers.IntegerField()
    kind = serializers.CharField()
    step = serializers.CharField(allow_null=True)
    level = serializers.CharField()
    message = serializers.CharField()
    data = serializers.JSONField(allow_null=True)  # type: ignore[assignment] # DRF means its own
    at = serializers.DateTimeField()


class EventPage(serializers.Serializer[Any]):
    results = EventItem(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
