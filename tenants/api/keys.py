"""API keys over the API. The token is in the answer that makes it, and nowhere else."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from tenants import scope, services
from tenants.auth import caller_of
from tenants.models import ROLES, ApiKey
from tenants.roles import Permission, Role
from tenants.serializers import Strict, read


class KeyName(Strict):
    """What a key is called."""

    name = serializers.CharField(max_length=100)


class NewKey(KeyName):
    """A key's name and what it may."""

    role = serializers.ChoiceField(choices=ROLES)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=[scope.value for scope in Permission]),
        allow_null=True,
        allow_empty=False,
        required=False,
        default=None,
        max_length=len(Permission),
        help_text="Narrows the key to these permissions of its role; null: to none less.",
    )
    expires_at = serializers.DateTimeField(
        allow_null=True,
        required=False,
        default=None,
        help_text="From then on the key opens nothing; null: until it is revoked.",
    )


class KeyItem(serializers.ModelSerializer[ApiKey]):
    prefix = serializers.CharField(source="__str__", help_text="How the token begins.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=[scope.value for scope in Permission]),
        allow_null=True,
    )

    class Meta:
        model = ApiKey
        fields = [
            "id",
            "name",
            "prefix",
            "role",
            "scopes",
            "expires_at",
            "last_used_at",
            "created_at",
        ]
        read_only_fields = fields


class IssuedKeyItem(KeyItem):
    """A new key with its token, which is shown this once."""

    token = serializers.CharField()

    class Meta(KeyItem.Meta):
        fields = [*KeyItem.Meta.fields, "token"]
        read_only_fields = fields


@extend_schema(tags=["api-keys"])
class KeyViews(GenericViewSet[ApiKey]):
    """The tenant's keys. A key can neither make nor revoke one that may more than itself."""

    permissions = dict.fromkeys(
        ("list", "retrieve", "create", "partial_update", "destroy"), Permission.ADMINISTER
    )
    queryset = ApiKey.objects.none()
    serializer_class = KeyItem
    lookup_field = "id"

    @extend_schema(summary="List API keys")
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(services.keys_of(scope.tenant_id())) or []
        return self.get_paginated_response(KeyItem(page, many=True).data)

    @extend_schema(summary="Get an API key")
    def retrieve(self, request: Request, id: UUID) -> Response:  # noqa: A002 - the URL's name
        return Response(KeyItem(self._key(id)).data)

    @extend_schema(
        summary="Make an API key",
        description="`token` is shown in this answer only: copy it.",
        request=NewKey,
        responses={201: IssuedKeyItem},
    )
    def create(self, request: Request) -> Response:
        values: dict[str, Any] = read(NewKey, request.data)
        role, scopes = Role(values.pop("role")), values.pop("scopes")
        issued = services.grant_key(
            by=caller_of(request),
            role=role,
            scopes=None if scopes is None else [Permission(each) for each in scopes],
            **values,
        )
        return Response({**KeyItem(issued.key).data, "token": issued.token}, status=201)

    @extend_schema(summary="Rename an API key", request=KeyName, responses={200: KeyItem})
    def partial_update(self, request: Request, id: UUID) -> Response:  # noqa: A002 - as above
        name = read(KeyName, request.data)["name"]
        return Response(KeyItem(services.rename_key(key=self._key(id), name=name)).data)

    @extend_schema(
        summary="Revoke an API key",
        description="It opens nothing from now on, and what is open with it closes.",
        responses={204: None},
    )
    def destroy(self, request: Request, id: UUID) -> Response:  # noqa: A002 - as above
        services.revoke_key(key=self._key(id), by=caller_of(request).permissions)
        return Response(status=204)

    def _key(self, ident: UUID) -> ApiKey:
        found = services.keys_of(scope.tenant_id()).filter(id=ident).first()
        if found is None:
            raise Http404
        return found
