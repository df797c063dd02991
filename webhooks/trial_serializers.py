"""Test addresses in the API's JSON: what comes in and what goes out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from executions.serializers import EXECUTION_STATUSES, Link, url
from tenants.serializers import Strict
from webhooks import trials
from webhooks.models import TrialAddress, TrialRequest


class ListenBody(Strict):
    endpoint = serializers.UUIDField(
        required=False,
        help_text="An endpoint of the workflow whose scheme and secret it takes; Standard "
        "Webhooks with a fresh secret, if unset.",
    )


class TriedExecution(Link):
    status = serializers.ChoiceField(EXECUTION_STATUSES)


class TrialRequestItem(serializers.ModelSerializer[TrialRequest]):
    """A request that came in at a test address."""

    execution = serializers.SerializerMethodField(
        help_text="The test; null: nothing ran, see `reason`."
    )

    class Meta:
        model = TrialRequest
        fields = [
            "id",
            "received_at",
            "status",
            "reason",
            "errors",
            "headers",
            "query",
            "body",
            "size",
            "execution",
        ]
        read_only_fields = fields

    @extend_schema_field(TriedExecution(allow_null=True))
    def get_execution(self, request: TrialRequest) -> dict[str, Any] | None:
        run = request.execution
        return (
            None if run is None else {"id": str(run.id), "url": url(run.id), "status": run.status}
        )


class Listening(serializers.Serializer[Any]):
    """A workflow's test address; all null if there is none."""

    listening = serializers.BooleanField()
    url = serializers.URLField(allow_null=True)
    scheme = serializers.CharField(allow_null=True)
    endpoint = serializers.UUIDField(
        allow_null=True, help_text="Whose scheme and secret it takes; null: its own."
    )
    opened_by = serializers.CharField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    requests = TrialRequestItem(many=True, help_text="The last 20, the newest first.")


class Opened(Listening):
    secret = serializers.CharField(
        allow_null=True, help_text="Shown this once; null: it is the endpoint's."
    )


def listening(address: TrialAddress | None) -> dict[str, Any]:
    """The values of Listening."""
    if address is None:
        names = ("url", "scheme", "endpoint", "opened_by", "expires_at")
        return {"listening": False, **dict.fromkeys(names), "requests": []}
    return {
        "listening": trials.is_listening(address),
        "url": trials.url(address),
        "scheme": trials.scheme(address),
        "endpoint": address.endpoint_id,
        "opened_by": address.opened_by,
        "expires_at": address.expires_at,
        "requests": trials.requests(address=address),
    }
