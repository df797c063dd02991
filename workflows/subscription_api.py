"""Subscriptions over the API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from tenants.auth import caller_of
from tenants.openapi import refusal
from tenants.roles import Permission
from tenants.serializers import Strict, read
from workflows import filters, subscriptions
from workflows.models import Subscription

RECENT = 20  # reactions that are shown

# --- In ----------------------------------------------------------------------------------------


class SubscriptionPatch(Strict):
    statuses = serializers.ListField(
        child=serializers.ChoiceField(filters.ENDS),
        required=False,
        allow_empty=False,
        max_length=len(filters.ENDS),
        help_text="The ends that it hears of.",
    )
    filter = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=filters.MAX_LENGTH,
        help_text="Starts only if this is true: {{ event.output.total > 100 }}. Of `event` there "
        "are `execution`, `output`, `step` and `error`.",
    )
    enabled = serializers.BooleanField(required=False)


class NewSubscription(SubscriptionPatch):
    workflow = serializers.CharField(help_text="The slug of the workflow to start.")
    source = serializers.CharField(  # type: ignore[assignment] # DRF means its own
        allow_null=True,
        required=False,
        default=None,
        help_text="The slug of the workflow whose runs it hears of; if unset, it hears of the runs "
        "of all others that no run led to.",
    )
    statuses = serializers.ListField(
        child=serializers.ChoiceField(filters.ENDS),
        allow_empty=False,
        max_length=len(filters.ENDS),
        help_text="The ends that it hears of.",
    )


# --- Out ---------------------------------------------------------------------------------------


class SubscriptionItem(serializers.ModelSerializer[Subscription]):
    workflow = serializers.CharField(source="workflow.slug")
    source = serializers.CharField(  # type: ignore[assignment] # DRF means its own
        source="source.slug", default=None, allow_null=True, help_text="null: all others"
    )
    statuses = serializers.ListField(child=serializers.ChoiceField(filters.ENDS))

    class Meta:
        model = Subscription
        fields = [
            "id",
            "workflow",
            "source",
            "statuses",
            "filter",
            "enabled",
            "problem",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


class SubscriptionReaction(serializers.Serializer[Any]):
    execution = serializers.UUIDField(source="execution_id", help_text="The run that ended.")
    outcome = serializers.ChoiceField(filters.REACTIONS)
    reason = serializers.CharField(help_text="Why it started nothing.")
    started = serializers.UUIDField(
        source="started_id", allow_null=True, help_text="The run that it started."
    )
    at = serializers.DateTimeField()


class SubscriptionDetail(SubscriptionItem):
    reactions = serializers.SerializerMethodField(help_text="The latest ones, newest first.")

    class Meta(SubscriptionItem.Meta):
        fields = [*SubscriptionItem.Meta.fields, "reactions"]
        read_only_fields = fields

    @extend_schema_field(SubscriptionReaction(many=True))
    def get_reactions(self, subscription: Subscription) -> Any:
        latest = subscription.reactions.order_by("-execution")[:RECENT]
        return SubscriptionReaction(latest, many=True).data


# --- Views -------------------------------------------------------------------------------------

_CIRCLE = refusal("The workflows would start each other without end.")


@extend_schema(tags=["subscriptions"])
class SubscriptionViews(GenericViewSet[Subscription]):
    """The subscriptions of the key's tenant: workflows that start when runs of others end."""

    permissions = {
        "create": Permission.EDIT,
        "partial_update": Permission.EDIT,
        "destroy": Permission.EDIT,
    }
    queryset = Subscription.objects.none()
    serializer_class = SubscriptionItem

    @extend_schema(summary="List subscriptions")
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(subscriptions.listed()) or []
        return self.get_paginated_response(SubscriptionItem(page, many=True).data)

    @extend_schema(
        summary="Create a subscription",
        request=NewSubscription,
        responses={201: SubscriptionDetail, 409: _CIRCLE},
    )
    def create(self, request: Request) -> Response:
        values = read(NewSubscription, request.data)
        workflow, source = values.pop("workflow"), values.pop("source")
        made = subscriptions.create(
            tenant_id=caller_of(request).tenant_id, workflow=workflow, source=source, values=values
        )
        location = reverse("api:subscription", args=[made.id])
        return Response(SubscriptionDetail(made).data, status=201, headers={"Location": location})

    @extend_schema(summary="Get a subscription", responses=SubscriptionDetail)
    def retrieve(self, request: Request, id: UUID) -> Response:  # noqa: A002 - the API's word
        return Response(SubscriptionDetail(subscriptions.find(subscription_id=id)).data)

    @extend_schema(
        summary="Change a subscription, switch it on or off",
        request=SubscriptionPatch,
        responses={200: SubscriptionDetail, 409: _CIRCLE},
    )
    def partial_update(self, request: Request, id: UUID) -> Response:  # noqa: A002
        values = read(SubscriptionPatch, request.data)
        changed = subscriptions.change(subscription_id=id, values=values)
        return Response(SubscriptionDetail(changed).data)

    @extend_schema(summary="Delete a subscription", responses={204: None})
    def destroy(self, request: Request, id: UUID) -> Response:  # noqa: A002
        subscriptions.delete(subscription=subscriptions.find(subscription_id=id))
        return Response(status=204)
