"""Where a tenant's outgoing calls may go, over the API."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants import scope, services
from tenants.hosts import MAX_EGRESS_HOSTS, MAX_RULE_LENGTH
from tenants.roles import Permission
from tenants.serializers import Strict, read


class EgressHosts(Strict):
    """Where calls may go: exact names, `*.example.com`, each with or without a port."""

    hosts = serializers.ListField(
        child=serializers.CharField(max_length=MAX_RULE_LENGTH),
        max_length=MAX_EGRESS_HOSTS,
        help_text="None means every public host.",
    )


@extend_schema(tags=["egress"])
class EgressView(APIView):
    """The hosts that the steps of the key's tenant may call."""

    permissions = {"put": Permission.ADMINISTER}

    @extend_schema(summary="Get the hosts that calls may go to", responses=EgressHosts)
    def get(self, request: Request) -> Response:
        return Response({"hosts": services.egress_of(scope.tenant_id()).rules})

    @extend_schema(
        summary="Set the hosts that calls may go to", request=EgressHosts, responses=EgressHosts
    )
    def put(self, request: Request) -> Response:
        given = read(EgressHosts, request.data)
        hosts = services.set_egress(tenant_id=scope.tenant_id(), hosts=given["hosts"])
        return Response({"hosts": hosts.rules})
