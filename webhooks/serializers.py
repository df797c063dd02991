"""Endpoints in the API's JSON: what comes in and what goes out."""

from __future__ import annotations

import base64
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from tenants.serializers import Strict
from webhooks import curl, deliveries, services, signatures
from webhooks.addresses import MAX_ALLOWED
from webhooks.models import ACK, ANSWERS, Delivery, Endpoint, Resend
from webhooks.refusals import Hold, Reason
from workflows.serializers import StorableJSON

ANSWER = (
    "With what callers are answered: `ack` (202 at once), `result` (how the run ended and its "
    "output) or `respond` (what its respond step says); after 25 seconds with the address."
)
REASONS = [reason.value for reason in Reason]


class AllowedIps(serializers.ListField):
    """Addresses and networks."""

    child = serializers.CharField(max_length=100)

    def __init__(self, **more: Any) -> None:
        text = "Addresses and networks that may send, IPv4 and IPv6; all, if empty."
        super().__init__(max_length=MAX_ALLOWED, help_text=text, **more)


RATE = "Webhooks in a time, such as `600/min`; empty: as many as the tenant may."


class NewEndpoint(Strict):
    workflow = serializers.CharField(help_text="A workflow's slug.")
    name = serializers.CharField(
        required=False, max_length=100, help_text="For people; the workflow's slug if unset."
    )
    scheme = serializers.ChoiceField(
        list(signatures.SCHEMES), default=signatures.DEFAULT, help_text="How requests are signed."
    )
    options = StorableJSON(
        required=False, default=dict, help_text="Of the schemes generic and twilio."
    )
    secret = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=200,
        help_text="Made here if unset. Must be given where the provider chooses it itself; an "
        "empty text if it shows it only once it knows the address: rotate to it then.",
    )
    confirm = serializers.CharField(
        required=False, help_text="The endpoint's name again, for the scheme none."
    )
    answer = serializers.ChoiceField(ANSWERS, default=ACK, help_text=ANSWER)
    rate = serializers.CharField(default="", max_length=12, allow_blank=True, help_text=RATE)

    allowed_ips = AllowedIps(required=False, default=list)

    def validate_options(self, value: object) -> dict[str, object]:
        if not isinstance(value, dict):
            raise serializers.ValidationError("This must be an object.")
        return value


class EndpointPatch(Strict):
    name = serializers.CharField(required=False, max_length=100)
    enabled = serializers.BooleanField(required=False)
    answer = serializers.ChoiceField(ANSWERS, required=False, help_text=ANSWER)
    allowed_ips = AllowedIps(required=False)
    rate = serializers.CharField(required=False, max_length=12, allow_blank=True, help_text=RATE)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError(
                "Say what to change: name, enabled, answer, allowed_ips or rate."
            )
        return attrs


class Rotation(Strict):
    secret = serializers.CharField(
        required=False, max_length=200, help_text="For providers that choose it themselves."
    )


class EndpointItem(serializers.ModelSerializer[Endpoint]):
    url = serializers.SerializerMethodField(help_text="See `token`.")
    token = serializers.SerializerMethodField(
        help_text="Null where nothing is signed and the caller may not start runs."
    )
    workflow = serializers.CharField(source="workflow.slug")
    allowed_ips = AllowedIps(read_only=True)
    awaits_secret = serializers.BooleanField(
        help_text="Nothing is accepted until the provider's secret is rotated in."
    )

    class Meta:
        model = Endpoint
        fields = [
            "id",
            "name",
            "url",
            "token",
            "workflow",
            "scheme",
            "options",
            "answer",
            "rate",
            "awaits_secret",
            "enabled",
            "allowed_ips",
            "previous_expires_at",
            "created_at",
        ]
        read_only_fields = fields
        extra_kwargs = {
            "answer": {"help_text": ANSWER},
            "rate": {"help_text": RATE},
            "previous_expires_at": {
                "help_text": "Until then the secret before the last rotation is good, too."
            },
        }

    def get_url(self, endpoint: Endpoint) -> str | None:
        return services.url(endpoint) if self._may_know(endpoint) else None

    def get_token(self, endpoint: Endpoint) -> str | None:
        return endpoint.token if self._may_know(endpoint) else None

    def _may_know(self, endpoint: Endpoint) -> bool:
        return services.may_know(endpoint, self.context["request"].user)


class IssuedEndpoint(EndpointItem):
    secret = serializers.CharField(help_text="Shown this once and never again.")

    class Meta(EndpointItem.Meta):
        fields = [*EndpointItem.Meta.fields, "secret"]
        read_only_fields = fields


# --- Deliveries ----------------------------------------------------------------------------------


class DeliveryQuery(Strict):
    """Which deliveries to list; all of them, if nothing is said."""

    reason = serializers.ChoiceField(REASONS, required=False)
    since = serializers.DateTimeField(required=False, help_text="Received at or after this time.")
    until = serializers.DateTimeField(required=False, help_text="Received before this time.")
    execution = serializers.UUIDField(required=False, help_text="That it came of, or a resend's.")


class ResendBody(Strict):
    unverified = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Run it although its sender was not known to be who may. Takes the permission "
        "to edit.",
    )


class DeliveryItem(serializers.ModelSerializer[Delivery]):
    endpoint = serializers.UUIDField(source="endpoint_id")
    reason = serializers.ChoiceField(REASONS)
    execution = serializers.UUIDField(
        source="execution_id", allow_null=True, help_text="The run that came of it first."
    )
    hold = serializers.ChoiceField(
        [hold.value for hold in Hold],
        allow_blank=True,
        help_text="What became of one that came while its workflow was paused.",
    )

    class Meta:
        model = Delivery
        fields = [
            "id",
            "endpoint",
            "reason",
            "status",
            "execution",
            "duplicate_of",
            "hold",
            "client",
            "size",
            "latency_ms",
            "received_at",
        ]
        read_only_fields = fields
        extra_kwargs = {
            "duplicate_of": {"help_text": "The delivery that it repeats."},
            "status": {"help_text": "Of the answer."},
            "latency_ms": {"help_text": "From its arrival until it was written down."},
        }


class _Body(serializers.Serializer[Any]):
    encoding = serializers.ChoiceField(["text", "base64"])
    data = serializers.CharField()  # type: ignore[assignment] # DRF means its own
    whole = serializers.BooleanField(help_text="false: only its beginning was kept.")


class _Resend(serializers.ModelSerializer[Resend]):
    execution = serializers.UUIDField(source="execution_id", allow_null=True)

    class Meta:
        model = Resend
        fields = ["execution", "by", "at"]
        read_only_fields = fields


class _Refusal(serializers.Serializer[Any]):
    detail = serializers.CharField()
    errors = serializers.ListField(  # type: ignore[assignment] # as above
        child=serializers.DictField()
    )


class DeliveryDetail(DeliveryItem):
    workflow = serializers.CharField(source="endpoint.workflow.slug")
    content_type = serializers.SerializerMethodField()
    headers = serializers.DictField(
        child=serializers.CharField(), help_text="By lower-case name; credentials are masked."
    )
    query = serializers.DictField()
    body = serializers.SerializerMethodField(help_text="null: it was not kept.")
    problem = _Refusal(allow_null=True, help_text="Why it was refused.")
    resends = _Resend(many=True, help_text="Further runs of it, made by people and API clients.")
    curl = serializers.SerializerMethodField(help_text="A command that sends it again.")

    class Meta(DeliveryItem.Meta):
        fields = [
            *DeliveryItem.Meta.fields,
            "workflow",
            "content_type",
            "headers",
            "query",
            "body",
            "problem",
            "resends",
            "curl",
        ]
        read_only_fields = fields

    def get_content_type(self, delivery: Delivery) -> str | None:
        given: str | None = delivery.headers.get("content-type")
        return given

    @extend_schema_field(_Body(allow_null=True))
    def get_body(self, delivery: Delivery) -> Any:
        if delivery.body is None:
            return None
        raw = bytes(delivery.body)
        text = curl.text(raw)
        return {
            "encoding": "base64" if text is None else "text",
            "data": base64.b64encode(raw).decode() if text is None else text,
            "whole": delivery.is_whole,
        }

    def get_curl(self, delivery: Delivery) -> str:
        return deliveries.as_curl(delivery, self.context["request"].user)


class ReasonCount(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(REASONS)
    kept = serializers.IntegerField(help_text="Of the latest 10,000 rows in the list.")
    not_kept = serializers.IntegerField(help_text="Only counted: there were too many in an hour.")


class Counts(serializers.Serializer[Any]):
    reasons = ReasonCount(many=True)
    waiting = serializers.IntegerField(
        help_text="Stored while the endpoint's workflow was paused, at any endpoint; neither "
        "run nor discarded."
    )


class Ran(serializers.Serializer[Any]):
    started = serializers.IntegerField()
    refused = serializers.IntegerField(help_text="The live version did not take them.")
    left = serializers.IntegerField(help_text="They still wait: call again.")


class Discarded(serializers.Serializer[Any]):
    discarded = serializers.IntegerField()
