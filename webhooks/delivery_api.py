"""Deliveries over the API: look at them, send them again, run what a paused workflow stored."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from executions.serializers import ExecutionItem
from executions.serializers import url as execution_url
from tenants.auth import caller_of
from tenants.openapi import refusal
from tenants.roles import Permission
from tenants.serializers import parameters, read
from webhooks import deliveries, serializers, services
from webhooks.models import Delivery
from workflows import services as workflow_services


@extend_schema(tags=["deliveries"])
class DeliveryViews(GenericViewSet[Delivery]):
    """What came in at the endpoints of the key's tenant."""

    permissions = {"resend": Permission.RUN}
    queryset = Delivery.objects.none()
    serializer_class = serializers.DeliveryItem

    @extend_schema(
        summary="List an endpoint's deliveries",
        description="All that were taken; of the others so many as are kept in an hour.",
        parameters=[serializers.DeliveryQuery],
    )
    def list(self, request: Request, id: UUID) -> Response:  # noqa: A002 - the API's word
        endpoint = services.find(endpoint_id=id)
        given = read(serializers.DeliveryQuery, parameters(request))
        page = self.paginate_queryset(deliveries.listed(endpoint, given)) or []
        return self.get_paginated_response(serializers.DeliveryItem(page, many=True).data)

    @extend_schema(
        summary="Count an endpoint's deliveries by reason",
        operation_id="endpoints_deliveries_counts",
        responses=serializers.Counts,
    )
    def counts(self, request: Request, id: UUID) -> Response:  # noqa: A002 - the API's word
        endpoint = services.find(endpoint_id=id)
        waiting = deliveries.waiting(endpoint.workflow).count()
        shown = {"reasons": deliveries.counts(endpoint), "waiting": waiting}
        return Response(serializers.Counts(shown).data)

    @extend_schema(summary="Get a delivery", responses=serializers.DeliveryDetail)
    def retrieve(self, request: Request, id: UUID) -> Response:  # noqa: A002 - the API's word
        found = deliveries.find(delivery_id=id)
        return Response(serializers.DeliveryDetail(found, context={"request": request}).data)

    @extend_schema(
        summary="Send a delivery again",
        description="Makes a new execution of the live version with the stored request.",
        request=serializers.ResendBody,
        responses={
            202: ExecutionItem,
            409: refusal(
                "Its body was not kept, or its sender is not known to be who may, or it waits for "
                "its paused workflow, or the workflow has no live version."
            ),
        },
    )
    def resend(self, request: Request, id: UUID) -> Response:  # noqa: A002 - the API's word
        given, caller = read(serializers.ResendBody, request.data), caller_of(request)
        made = deliveries.resend(
            delivery=deliveries.find(delivery_id=id),
            by=caller.label,
            may_vouch=caller.may(Permission.EDIT),
            unverified=given["unverified"],
        )
        headers = {"Location": execution_url(made.id)}
        return Response(ExecutionItem(made).data, status=202, headers=headers)


@extend_schema(tags=["deliveries"])
class WaitingViews(GenericViewSet[Delivery]):
    """What a paused workflow stored."""

    permissions = {"run": Permission.RUN, "discard": Permission.RUN}
    queryset = Delivery.objects.none()
    serializer_class = serializers.Ran

    @extend_schema(
        summary="Run what was stored while a workflow was paused",
        description="The oldest 500, in order, each once; call again while some are `left`.",
        operation_id="workflows_deliveries_run",
        request=None,
        responses={
            200: serializers.Ran,
            409: refusal("The workflow is still paused, or has no live version."),
        },
    )
    def run(self, request: Request, slug: str) -> Response:
        workflow = workflow_services.find(slug=slug)
        ran = deliveries.run_waiting(workflow=workflow, by=caller_of(request).label)
        return Response(serializers.Ran(ran).data)

    @extend_schema(
        summary="Discard what was stored while a workflow was paused",
        operation_id="workflows_deliveries_discard",
        request=None,
        responses=serializers.Discarded,
    )
    def discard(self, request: Request, slug: str) -> Response:
        workflow = workflow_services.find(slug=slug)
        return Response({"discarded": deliveries.discard_waiting(workflow=workflow)})
