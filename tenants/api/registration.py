"""Registration over the API."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.fields import get_error_detail
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants import services
from tenants.models import Tenant, User
from tenants.openapi import refusal
from tenants.serializers import Strict, read

MAX_PASSWORD_LENGTH = 1_000


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
        responses={
            201: Registered,
            403: refusal("Registration is closed here."),
            409: refusal("The name or the e-mail address is taken."),
            503: refusal("Registrations cannot be counted just now, so there are none."),
        },
    )
    def post(self, request: Request) -> Response:
        headers = services.admit_registration(services.address_of(request))
        made = services.register(**read(Registration, request.data))
        body = {"tenant": made.tenant, "api_key": made.key.token}
        return Response(
            Registered(body).data, status=201, headers={**headers, "Cache-Control": "no-store"}
        )
