"""Reading: the list of executions, one with its steps, its children, its events."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from executions import events, serializers, services
from executions.models import Execution, StepRun
from tenants.auth import caller_of
from tenants.serializers import parameters, read


@extend_schema(tags=["executions"])
class ExecutionViews(GenericViewSet[Execution]):
    """The executions of the key's tenant, newest first."""

    queryset = Execution.objects.none()
    serializer_class = serializers.ExecutionItem

    @extend_schema(summary="List executions", parameters=[serializers.ListQuery])
    def list(self, request: Request) -> Response:
        given = read(serializers.ListQuery, parameters(request))
        rows = listed().filter(**serializers.lookups(given))
        if given["attention"]:
            needing = services.attention(caller_of(request)).order_by()
            rows = rows.filter(id__in=needing.values("execution_id"))
        elif not given["items"]:
            rows = rows.filter(item_index=None)
        page = self.paginate_queryset(rows) or []
        return self.get_paginated_response(serializers.ExecutionItem(page, many=True).data)

    @extend_schema(summary="Get an execution", responses=serializers.ExecutionDetail)
    def retrieve(self, request: Request, id: UUID) -> Response:  # noqa: A002 - the API's word
        return Response(serializers.detail(find_whole(id), caller_of(request)))


@extend_schema(tags=["executions"])
class Children(GenericViewSet[Execution]):
    """The executions that an execution's steps started and wait for, newest first."""

    queryset = Execution.objects.none()
    serializer_class = serializers.ExecutionItem

    @extend_schema(
        summary="List an execution's children",
        description="The items of its for_each steps, the runs of its sub_workflow steps.",
    )
    def list(self, request: Request, id: UUID) -> Response:  # noqa: A002 - the API's word
        get_object_or_404(Execution.objects.only("id"), id=id)
        page = self.paginate_queryset(listed().filter(parent_id=id)) or []
        return self.get_paginated_response(serializers.ExecutionItem(page, many=True).data)


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


def listed() -> QuerySet[Execution]:
    """Executions as a list shows them."""
    rows = Execution.objects.select_related("workflow", "version")
    return rows.defer("trigger", "output", "error", "workflow__draft", "version__definition")


def find_whole(ident: UUID) -> Execution:
    """The execution with its steps. Raises Http404."""
    steps = Prefetch("step_runs", StepRun.objects.all())
    rows = Execution.objects.select_related("workflow", "version")
    rows = rows.defer("workflow__draft", "version__definition")
    return get_object_or_404(rows.prefetch_related(steps), id=ident)
