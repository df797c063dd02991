"""Variables over the API."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from tenants import scope, services
from tenants.api.named import Named, gone, read_at
from tenants.models import Variable
from tenants.roles import Permission
from tenants.serializers import Strict, read


class StorableJSON(serializers.JSONField):
    """A JSON value that Postgres can keep, up to MAX_VALUE_LENGTH characters."""

    def to_internal_value(self, data: Any) -> Any:
        flaw = services.unstorable(data)
        if flaw:
            raise ValidationError(flaw)
        return data


class VariableValue(Strict):
    """A plain value."""

    value = StorableJSON()


class NewVariable(Named, VariableValue):
    """`vars.<name>` and its value."""


class VariableItem(serializers.ModelSerializer[Variable]):
    class Meta:
        model = Variable
        fields = ["name", "value", "updated_at"]
        read_only_fields = fields


@extend_schema(tags=["variables"])
class VariableViews(GenericViewSet[Variable]):
    """Plain settings of the tenant: `vars.<name>` in expressions."""

    permissions = {
        "create": Permission.SECRETS,
        "update": Permission.SECRETS,
        "destroy": Permission.SECRETS,
    }
    queryset = Variable.objects.none()
    serializer_class = VariableItem
    lookup_field = "name"

    @extend_schema(summary="List variables")
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(services.variables_of(scope.tenant_id())) or []
        return self.get_paginated_response(VariableItem(page, many=True).data)

    @extend_schema(summary="Get a variable")
    def retrieve(self, request: Request, name: str) -> Response:
        variable = services.variables_of(scope.tenant_id()).filter(name=name).first()
        if variable is None:
            raise Http404
        return Response(VariableItem(variable).data)

    @extend_schema(
        summary="Create or replace a variable",
        request=NewVariable,
        responses={200: VariableItem, 201: VariableItem},
    )
    def create(self, request: Request) -> Response:
        return self._put(read(NewVariable, request.data))

    @extend_schema(
        summary="Create or replace a variable by name",
        request=VariableValue,
        responses={200: VariableItem, 201: VariableItem},
    )
    def update(self, request: Request, name: str) -> Response:
        return self._put(read_at(name, NewVariable, request.data))

    @extend_schema(summary="Delete a variable", responses={204: None})
    def destroy(self, request: Request, name: str) -> Response:
        return gone(services.delete_variable(tenant_id=scope.tenant_id(), name=name))

    def _put(self, values: dict[str, Any]) -> Response:
        variable, created = services.put_variable(tenant_id=scope.tenant_id(), **values)
        return Response(VariableItem(variable).data, status=201 if created else 200)
