"""Webhook endpoints over the API."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from tenants.openapi import refusal
from tenants.roles import Permission
from tenants.serializers import read
from webhooks import serializers, services
from webhooks.models import Endpoint
from webhooks.services import IssuedSecret
from workflows import services as workflow_services
from workflows.models import Workflow


@extend_schema(tags=["endpoints"])
class EndpointViews(GenericViewSet[Endpoint]):
    """The webhook endpoints of the key's tenant."""

    permissions = {
        "create": Permission.EDIT,
        "partial_update": Permission.EDIT,
        "destroy": Permission.EDIT,
        "rotate": Permission.EDIT,
    }
    queryset = Endpoint.objects.none()
    serializer_class = serializers.EndpointItem

    @extend_schema(summary="List endpoints")
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(services.listed()) or []
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        summary="Create an endpoint",
        request=serializers.NewEndpoint,
        responses={201: serializers.IssuedEndpoint},
    )
    def create(self, request: Request) -> Response:
        values = read(serializers.NewEndpoint, request.data)
        workflow = _workflow(values.pop("workflow"))
        issued = services.create(workflow=workflow, **values)
        location = reverse("api:endpoint", args=[issued.endpoint.id])
        return Response(self._shown_once(issued), status=201, headers={"Location": location})

    @extend_schema(summary="Get an endpoint")
    def retrieve(self, request: Request, id: UUID) -> Response:  # noqa: A002 - the API's word
        return Response(self.get_serializer(services.find(endpoint_id=id)).data)

    @extend_schema(
        summary="Change an endpoint",
        description="Rename it, enable or disable it, say who may send and with what callers are "
        "answered, or how often it takes a request.",
        request=serializers.EndpointPatch,
        responses=serializers.EndpointItem,
    )
    def partial_update(self, request: Request, id: UUID) -> Response:  # noqa: A002
        endpoint = services.find(endpoint_id=id)
        services.change(endpoint=endpoint, **read(serializers.EndpointPatch, request.data))
        return Response(self.get_serializer(endpoint).data)

    @extend_schema(summary="Delete an endpoint", responses={204: None})
    def destroy(self, request: Request, id: UUID) -> Response:  # noqa: A002
        services.delete(endpoint=services.find(endpoint_id=id))
        return Response(status=204)

    @extend_schema(
        summary="Replace an endpoint's secret",
        description="The old secret stays good for 24 hours.",
        request=serializers.Rotation,
        responses={
            200: serializers.IssuedEndpoint,
            409: refusal("The endpoint's scheme has no secret."),
        },
    )
    def rotate(self, request: Request, id: UUID) -> Response:  # noqa: A002
        endpoint = services.find(endpoint_id=id)
        values = read(serializers.Rotation, request.data)
        issued = services.rotate(endpoint=endpoint, **values)
        return Response(self._shown_once(issued))

    def _shown_once(self, issued: IssuedSecret) -> dict[str, object]:
        return {**self.get_serializer(issued.endpoint).data, "secret": issued.secret}


def _workflow(slug: str) -> Workflow:
    try:
        return workflow_services.find(slug=slug)
    except Http404:
        raise ValidationError({"workflow": [f"There is no workflow {slug!r}."]}) from None
