"""The audit trail over the API: page by page, or all of it as a file."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from tenants import scope, services
from tenants.auth import caller_of
from tenants.models import AuditEntry
from tenants.pagination import LatestFirst
from tenants.roles import Permission
from tenants.serializers import Strict, read
from tenants.streams import MEDIA_TYPES, as_file

# Read by the paginator and by content negotiation, not by filters.
_OTHER_PARAMETERS = frozenset({"cursor", "limit"})
MAX_LENGTH = 300  # characters of a filter


class AuditFilters(Strict):
    """Which entries are meant; all of them, if nothing is said."""

    actor = serializers.CharField(
        max_length=MAX_LENGTH, required=False, help_text="A label (an e-mail address) or an id."
    )
    action = serializers.CharField(
        max_length=MAX_LENGTH, required=False, help_text="workflow.published, or only workflow."
    )
    target = serializers.CharField(
        max_length=MAX_LENGTH, required=False, help_text="A type (workflow), an id or a label."
    )
    since = serializers.DateTimeField(required=False, help_text="At or after this time.")
    until = serializers.DateTimeField(required=False, help_text="Before this time.")


class ExportFilters(AuditFilters):
    format = serializers.ChoiceField(list(MEDIA_TYPES), required=False, default="jsonl")


class AuditItem(serializers.ModelSerializer[AuditEntry]):
    """One act: who, from where, what, before and after."""

    before = serializers.SerializerMethodField(help_text="Of what was changed; secrets masked.")
    after = serializers.SerializerMethodField(help_text="As `before`.")
    prev_hash = serializers.SerializerMethodField(help_text="The hash of the entry before.")
    hash = serializers.SerializerMethodField(help_text="SHA-256; docs/AUDIT.md says of what.")

    class Meta:
        model = AuditEntry
        fields = [*services.AUDIT_COLUMNS]
        read_only_fields = fields

    def get_before(self, entry: AuditEntry) -> dict[str, Any] | None:
        return services.side(entry.before)

    def get_after(self, entry: AuditEntry) -> dict[str, Any] | None:
        return services.side(entry.after)

    def get_prev_hash(self, entry: AuditEntry) -> str:
        return bytes(entry.prev_hash).hex()

    def get_hash(self, entry: AuditEntry) -> str:
        return bytes(entry.hash).hex()


@extend_schema(tags=["audit"])
class AuditViews(GenericViewSet[AuditEntry]):
    """What was done in the key's tenant, newest first; for owners."""

    permissions = {"list": Permission.ADMINISTER}
    queryset = AuditEntry.objects.none()
    serializer_class = AuditItem
    pagination_class = LatestFirst

    @extend_schema(summary="List the audit trail", parameters=[AuditFilters])
    def list(self, request: Request) -> Response:
        given = read(AuditFilters, _filters(request))
        page = self.paginate_queryset(services.entries_of(scope.tenant_id(), given)) or []
        return self.get_paginated_response(AuditItem(page, many=True).data)


class ByParameter(BaseContentNegotiation):
    """`?format=` is the view's own: it answers with a file, and with JSON when it refuses."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: Any = None
    ) -> tuple[BaseRenderer, str]:
        return JSONRenderer(), "application/json"


@extend_schema(tags=["audit"])
class AuditExport(APIView):
    """The audit trail as a file. It may be long, so it is read in many short scopes."""

    opens_own_scope = True
    permissions = {"get": Permission.ADMINISTER}
    content_negotiation_class = ByParameter

    @extend_schema(
        summary="Export the audit trail",
        description="Oldest first. JSON lines hold each entry as it was hashed; CSV is for people.",
        parameters=[ExportFilters],
        responses={(200, media): OpenApiTypes.STR for media in MEDIA_TYPES.values()},
    )
    def get(self, request: Request) -> HttpResponseBase:
        given = read(ExportFilters, request.query_params.dict())
        form = given.pop("format")
        caller = caller_of(request)
        pieces = services.export(caller.tenant_id, given, form)
        return as_file(request._request, pieces, form, f"audit-{caller.tenant_slug}")  # noqa: SLF001 - DRF's own idiom


def _filters(request: Request) -> dict[str, str]:
    given = request.query_params.dict()
    return {name: value for name, value in given.items() if name not in _OTHER_PARAMETERS}
