"""Executions over the API: start one, list them, read one with its steps and events."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from executions import events, serializers, services, waiting
from executions.models import Execution, StepRun
from tenants import scope
from tenants.openapi import refusal
from tenants.principals import Principal
from tenants.roles import Permission
from tenants.serializers import read
from workflows import services as workflow_services

# Read by the paginator and by content negotiation, not by filters.
_OTHER_PARAMETERS = frozenset({"cursor", "limit", "format"})
_LOOKUPS = {
    "workflow": "workflow__slug",
    "status": "status",
    "trigger": "trigger_kind",
    "since": "created_at__gte",
    "until": "created_at__lt",
}


@extend_schema(tags=["executions"])
class Run(APIView):
    """Starts a workflow's current version. Waits outside any transaction, hence its own scopes."""

    opens_own_scope = True
    permissions = {"post": Permission.RUN}

    @extend_schema(
        summary="Run a workflow",
        parameters=[serializers.RunQuery],
        request=serializers.RunBody,
        responses={
            200: serializers.ExecutionDetail,
            202: serializers.Started,
            409: refusal("The workflow was never published."),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        caller: Principal = request.user  # type: ignore[assignment] # ours, not Django's
        seconds = read(serializers.RunQuery, _parameters(request))["wait"]
        body = read(serializers.RunBody, request.data)["input"]
        with scope.tenant(caller.tenant_id):
            workflow = workflow_services.find(slug=slug)
            execution = services.start(workflow=workflow, kind="api", body=body, by=caller.label)
        if seconds and waiting.until_ended(
            tenant_id=caller.tenant_id, execution_id=execution.id, seconds=seconds
        ):
            with scope.tenant(caller.tenant_id):
                return Response(serializers.ExecutionDetail(_find(execution.id)).data)
        url = serializers.url(execution)
        started = {"id": execution.id, "status": execution.status, "url": url}
        return Response(started, status=202, headers={"Location": url})


@extend_schema(tags=["executions"])
class ExecutionViews(GenericViewSet[Execution]):
    """The executions of the key's tenant, newest first."""

    queryset = Execution.objects.none()
    serializer_class = serializers.ExecutionItem

    @extend_schema(summary="List executions", parameters=[serializers.Filters])
    def list(self, request: Request) -> Response:
        given = read(serializers.Filters, _parameters(request))
        wanted = {_LOOKUPS[name]: value for name, value in given.items()}
        page = self.paginate_queryset(_listed().filter(**wanted)) or []
        return self.get_paginated_response(serializers.ExecutionItem(page, many=True).data)

    @extend_schema(summary="Get an execution", responses=serializers.ExecutionDetail)
    def retrieve(self, request: Request, id: UUID) -> Response:  # noqa: A002 - the API's word
        return Response(serializers.ExecutionDetail(_find(id)).data)


@extend_schema(tags=["executions"])
class Events(APIView):
    """An execution's history. Under the same address the live process streams it as SSE."""

    @extend_schema(
        summary="List an execution's events",
        description="Oldest first. With `Accept: text/event-stream` they come as they happen.",
        operation_id="executions_events_list",
        parameters=[serializers.EventsQuery],
        responses=serializers.EventPage,
    )
    def get(self, request: Request, id: UUID) -> Response:  # noqa: A002 - the API's word
        query = read(serializers.EventsQuery, request.query_params.dict())
        get_object_or_404(Execution.objects.only("id"), id=id)
        found = events.read(id, query["after"], query["limit"])
        following = None
        if len(found) == query["limit"]:
            here = request.build_absolute_uri()
            following = replace_query_param(here, "after", found[-1]["seq"])
        return Response({"results": found, "next": following, "previous": None})


def _parameters(request: Request) -> dict[str, Any]:
    given = request.query_params.dict()
    return {name: value for name, value in given.items() if name not in _OTHER_PARAMETERS}


def _listed() -> QuerySet[Execution]:
    rows = Execution.objects.select_related("workflow", "version")
    return rows.defer("trigger", "output", "error", "workflow__draft", "version__definition")


def _find(ident: UUID) -> Execution:
    """The execution with its steps. Raises Http404."""
    steps = Prefetch("step_runs", StepRun.objects.all())
    rows = Execution.objects.select_related("workflow", "version").defer("workflow__draft")
    return get_object_or_404(rows.prefetch_related(steps), id=ident)
