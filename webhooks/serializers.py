"""Endpoints in the API's JSON: what comes in and what goes out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from tenants.principals import Principal
from tenants.roles import Permission
from tenants.serializers import Strict
from webhooks import services, signatures
from webhooks.models import ACK, ANSWERS, Endpoint
from workflows.serializers import StorableJSON

ANSWER = (
    "With what callers are answered: `ack` (202 at once), `result` (how the run ended and its "
    "output) or `respond` (what its respond step says); after 25 seconds with the address."
)

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

    def validate_options(self, value: object) -> dict[str, object]:
        if not isinstance(value, dict):
            raise serializers.ValidationError("This must be an object.")
        return value


class EndpointPatch(Strict):
    name = serializers.CharField(required=False, max_length=100)
    enabled = serializers.BooleanField(required=False)
    answer = serializers.ChoiceField(ANSWERS, required=False, help_text=ANSWER)
    rate = serializers.CharField(required=False, max_length=12, allow_blank=True, help_text=RATE)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("Say what to change: name, enabled, answer or rate.")
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
        caller: Principal = self.context["request"].user
        return not endpoint.is_open or caller.may(Permission.RUN)


class IssuedEndpoint(EndpointItem):
    secret = serializers.CharField(help_text="Shown this once and never again.")

    class Meta(EndpointItem.Meta):
        fields = [*EndpointItem.Meta.fields, "secret"]
        read_only_fields = fields
