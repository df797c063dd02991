"""Registration, secrets and variables over the API. Views translate; services decide."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.fields import get_error_detail
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from tenants import scope, services
from tenants.models import Secret, Tenant, User, Variable, name_validator
from tenants.openapi import refusal
from tenants.roles import Permission
from tenants.serializers import Strict, read

MAX_VALUE_LENGTH = 65_536  # characters of a secret, or of a variable's JSON
MAX_PASSWORD_LENGTH = 1_000
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # as JSON spells it; Postgres stores none

# --- Registration ------------------------------------------------------------------------------


class Registration(Strict):
    """A new tenant and its first user."""

    tenant = serializers.CharField(max_length=200, help_text="The name; its slug is made of it.")
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(
        max_length=MAX_PASSWORD_LENGTH, trim_whitespace=False, write_only=True
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            validate_password(attrs["password"], User(email=attrs["email"]))
        except DjangoValidationError as error:
            raise ValidationError({"password": get_error_detail(error)}) from None
        return attrs


class TenantItem(serializers.ModelSerializer[Tenant]):
    class Meta:
        model = Tenant
        fields = ["id", "slug", "name"]
        read_only_fields = fields


class Registered(serializers.Serializer[Any]):
    tenant = TenantItem()
    api_key = serializers.CharField(help_text="Shown only here; only its hash is kept.")


@extend_schema(tags=["registration"])
class Register(APIView):
    """Makes a tenant, its first user and an API key of the owner's role."""

    authentication_classes = []
    permission_classes = [AllowAny]
    opens_own_scope = True  # a key that comes along by habit must not bind this to its tenant

    @extend_schema(
        summary="Register a tenant",
        request=Registration,
        responses={201: Registered, 409: refusal("The name or the e-mail address is taken.")},
    )
    def post(self, request: Request) -> Response:
        made = services.register(**read(Registration, request.data))
        body = {"tenant": made.tenant, "api_key": made.key.token}
        return Response(Registered(body).data, status=201, headers={"Cache-Control": "no-store"})


# --- Secrets -----------------------------------------------------------------------------------


class Named(Strict):
    """Something that expressions call by its name."""

    name = serializers.CharField(max_length=63, validators=[name_validator])


class SecretValue(Strict):
    """A value that is never shown again."""

    value = serializers.CharField(
        max_length=MAX_VALUE_LENGTH, trim_whitespace=False, write_only=True
    )


class NewSecret(Named, SecretValue):
    """`secrets.<name>` and its value, which is never shown again."""


class SecretItem(serializers.ModelSerializer[Secret]):
    class Meta:
        model = Secret
        fields = ["name", "created_at", "updated_at"]
        read_only_fields = fields


@extend_schema(tags=["secrets"])
class SecretViews(GenericViewSet[Secret]):
    """Named values that can be written and used in workflows, and never read back."""

    permissions = {
        "create": Permission.SECRETS,
        "update": Permission.SECRETS,
        "destroy": Permission.SECRETS,
    }
    queryset = Secret.objects.none()
    serializer_class = SecretItem
    lookup_field = "name"

    @extend_schema(summary="List secrets")
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(services.secrets_of(scope.tenant_id())) or []
        return self.get_paginated_response(SecretItem(page, many=True).data)

    @extend_schema(summary="Get a secret's dates")
    def retrieve(self, request: Request, name: str) -> Response:
        secret = services.secrets_of(scope.tenant_id()).filter(name=name).first()
        if secret is None:
            raise Http404
        return Response(SecretItem(secret).data)

    @extend_schema(
        summary="Create or replace a secret",
        request=NewSecret,
        responses={200: SecretItem, 201: SecretItem},
    )
    def create(self, request: Request) -> Response:
        return self._put(read(NewSecret, request.data))

    @extend_schema(
        summary="Create or replace a secret by name",
        request=SecretValue,
        responses={200: SecretItem, 201: SecretItem},
    )
    def update(self, request: Request, name: str) -> Response:
        return self._put(_read_at(name, NewSecret, request.data))

    @extend_schema(summary="Delete a secret", responses={204: None})
    def destroy(self, request: Request, name: str) -> Response:
        deleted, _ = services.secrets_of(scope.tenant_id()).filter(name=name).delete()
        return _gone(deleted)

    def _put(self, values: dict[str, Any]) -> Response:
        secret, created = services.put_secret(tenant_id=scope.tenant_id(), **values)
        return Response(SecretItem(secret).data, status=201 if created else 200)


# --- Variables ---------------------------------------------------------------------------------


class StorableJSON(serializers.JSONField):
    """A JSON value that Postgres can keep, up to MAX_VALUE_LENGTH characters."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            text = json.dumps(data, ensure_ascii=False, allow_nan=False)
            text.encode()
        except ValueError:  # an infinite number, or half of a surrogate pair
            raise ValidationError("Numbers must be finite and text must be Unicode.") from None
        if _NUL.search(text):
            raise ValidationError("Text may not hold a NUL character.")
        if len(text) > MAX_VALUE_LENGTH:
            raise ValidationError(f"Give at most {MAX_VALUE_LENGTH} characters of JSON.")
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
        return self._put(_read_at(name, NewVariable, request.data))

    @extend_schema(summary="Delete a variable", responses={204: None})
    def destroy(self, request: Request, name: str) -> Response:
        deleted, _ = services.variables_of(scope.tenant_id()).filter(name=name).delete()
        return _gone(deleted)

    def _put(self, values: dict[str, Any]) -> Response:
        variable, created = services.put_variable(tenant_id=scope.tenant_id(), **values)
        return Response(VariableItem(variable).data, status=201 if created else 200)


def _read_at(name: str, serializer: type[Named], data: Any) -> dict[str, Any]:
    """The values of a PUT, whose address names the thing: its body need not, or must agree."""
    values = read(serializer, {"name": name, **data} if isinstance(data, Mapping) else data)
    if values["name"] != name:
        raise ValidationError({"name": [f"The address says {name!r}; a name can not be changed."]})
    return values


def _gone(deleted: int) -> Response:
    if not deleted:
        raise Http404
    return Response(status=204)
