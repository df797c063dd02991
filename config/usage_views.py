"""The doors of a tenant's usage: a page and the API."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import usage
from tenants import scope
from tenants.access import needs
from tenants.roles import Permission


class RateUseItem(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="As in the RateLimit headers.")
    limit = serializers.CharField(help_text="Such as 100/min.")
    remaining = serializers.IntegerField(help_text="How many may come at once, now.")
    reset = serializers.IntegerField(help_text="Seconds until all of them may.")


class UseItem(serializers.Serializer[Any]):
    name = serializers.CharField()
    used = serializers.IntegerField()
    limit = serializers.IntegerField(allow_null=True, help_text="Null: there is none.")


class UsageItem(serializers.Serializer[Any]):
    rates = RateUseItem(many=True, help_text="Those of the API.")
    webhooks = serializers.CharField(
        allow_null=True, help_text="The rate of an endpoint that has none of its own."
    )
    quotas = UseItem(many=True)
    measured_at = serializers.DateTimeField(
        allow_null=True, help_text="When stored_bytes was estimated; once an hour."
    )


@extend_schema(tags=["usage"])
class UsageView(APIView):
    """What the key's tenant uses beside what it may."""

    @extend_schema(summary="Get usage and limits", responses=UsageItem)
    def get(self, request: Request) -> Response:
        return Response(UsageItem(usage.of(scope.tenant_id())).data)


@needs(Permission.VIEW)
def page(request: HttpRequest) -> HttpResponse:
    """The same with bars."""
    return render(request, "tenants/usage.html", {"usage": usage.of(scope.tenant_id())})
