"""Secrets over the API: written, listed, deleted, never read back."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from tenants import scope, services
from tenants.api.named import Named, gone, read_at
from tenants.hosts import MAX_HOSTS, MAX_RULE_LENGTH
from tenants.models import Secret
from tenants.roles import Permission
from tenants.serializers import Strict, read
from tenants.services import MAX_VALUE_LENGTH


class SecretHosts(Strict):
    """Where the secret may go: exact names, `*.example.com`, each with or without a port."""

    hosts = serializers.ListField(
        child=serializers.CharField(max_length=MAX_RULE_LENGTH),
        max_length=MAX_HOSTS,
        required=False,
        help_text="None means any host. Without this field a list that is there stays.",
    )


class SecretValue(SecretHosts):
    """A value that is never shown again, and where it may go."""

    value = serializers.CharField(
        max_length=MAX_VALUE_LENGTH, trim_whitespace=False, write_only=True
    )


class SecretChange(Strict):
    """Fewer hosts. Further ones take the value too."""

    hosts = serializers.ListField(
        child=serializers.CharField(max_length=MAX_RULE_LENGTH), max_length=MAX_HOSTS
    )


class NewSecret(Named, SecretValue):
    """`secrets.<name>`, its value, which is never shown again, and where it may go."""


class SecretItem(serializers.ModelSerializer[Secret]):
    class Meta:
        model = Secret
        fields = ["name", "hosts", "created_at", "updated_at"]
        read_only_fields = fields


@extend_schema(tags=["secrets"])
class SecretViews(GenericViewSet[Secret]):
    """Named values that can be written and used in workflows, and never read back."""

    permissions = {
        "create": Permission.SECRETS,
        "update": Permission.SECRETS,
        "partial_update": Permission.SECRETS,
        "destroy": Permission.SECRETS,
    }
    queryset = Secret.objects.none()
    serializer_class = SecretItem
    lookup_field = "name"

    @extend_schema(summary="List secrets")
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(services.secrets_of(scope.tenant_id())) or []
        return self.get_paginated_response(SecretItem(page, many=True).data)

    @extend_schema(summary="Get a secret's hosts and dates")
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
        return self._put(read_at(name, NewSecret, request.data))

    @extend_schema(
        summary="Narrow a secret's list of hosts", request=SecretChange, responses=SecretItem
    )
    def partial_update(self, request: Request, name: str) -> Response:
        hosts = read(SecretChange, request.data)["hosts"]
        secret = services.narrow_hosts(tenant_id=scope.tenant_id(), name=name, hosts=hosts)
        return Response(SecretItem(secret).data)

    @extend_schema(summary="Delete a secret", responses={204: None})
    def destroy(self, request: Request, name: str) -> Response:
        return gone(services.delete_secret(tenant_id=scope.tenant_id(), name=name))

    def _put(self, values: dict[str, Any]) -> Response:
        secret, created = services.put_secret(tenant_id=scope.tenant_id(), **values)
        return Response(SecretItem(secret).data, status=201 if created else 200)
