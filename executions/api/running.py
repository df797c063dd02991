"""Verbs: run, cancel, resume, replay, resolve, decide; one by one or in bulk.

Each writes in the scope that the middleware opened, so an answer leaves only when what it says is
committed.
"""

from __future__ import annotations

from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from executions import serializers, services, waiting
from executions.api.reading import find_whole, parameters
from executions.models import Execution
from tenants import scope
from tenants.auth import caller_of
from tenants.openapi import refusal
from tenants.principals import Principal
from tenants.roles import Permission
from tenants.serializers import read
from workflows import services as workflow_services

_NOT_LIVE = "The workflow has no live version."


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
        caller = caller_of(request)
        seconds = read(serializers.RunQuery, parameters(request))["wait"]
        body = read(serializers.RunBody, request.data)["input"]
        with scope.tenant(caller.tenant_id):
            workflow = workflow_services.find(slug=slug)
            execution = services.start(workflow=workflow, kind="api", body=body, by=caller.label)
        return started(execution, caller, seconds)


def started(execution: Execution, caller: Principal, seconds: float) -> Response:
    """The answer about a run that is committed: the whole of it, if it ends within the seconds."""
    if seconds and waiting.until_ended(
        tenant_id=caller.tenant_id, execution_id=execution.id, seconds=seconds
    ):
        with scope.tenant(caller.tenant_id):
            return Response(serializers.detail(find_whole(execution.id), caller))
    url = serializers.url(execution.id)
    body = {"id": execution.id, "status": execution.status, "url": url}
    return Response(body, status=202, headers={"Location": url})


@extend_schema(tags=["executions"])
class ExecutionVerbs(GenericViewSet[Execution]):
    """What is done with one execution."""

    permissions = {
        "cancel": Permission.RUN,
        "resume": Permission.RUN,
        "replay": Permission.RUN,
    }
    queryset = Execution.objects.none()
    serializer_class = serializers.ExecutionItem

    @extend_schema(
        summary="Cancel an execution",
        description="And all that it started; what its calls bring is dropped.",
        request=None,
        responses={200: serializers.ExecutionDetail, 409: refusal("It has ended already.")},
    )
    def cancel(self, request: Request, id: UUID) -> Response:  # noqa: A002 - the API's word
        caller = caller_of(request)
        services.stop(_find(id), by=caller.label)
        return Response(serializers.detail(find_whole(id), caller))

    @extend_schema(
        summary="Resume an execution",
        description="Makes a new execution that goes on from what failed, or from a chosen step, "
        "and reuses the results of the other steps.",
        request=serializers.ResumeBody,
        responses={
            200: serializers.Preview,
            202: serializers.ExecutionItem,
            409: refusal(
                f"It has not ended, or nothing failed in it, or a step is uncertain. {_NOT_LIVE}"
            ),
        },
    )
    def resume(self, request: Request, id: UUID) -> Response:  # noqa: A002 - the API's word
        given = read(serializers.ResumeBody, request.data)
        execution, version, step = _find(id), given["version"], given.get("step")
        if given["dry_run"]:
            preview = services.preview(execution, version=version, step=step)
            return Response(serializers.Preview(preview).data)
        made = services.resume(
            execution,
            by=caller_of(request).label,
            version=version,
            step=step,
            repeat=frozenset(given["repeat"]),
        )
        return _accepted(made)

    @extend_schema(
        summary="Replay an execution",
        description="Makes a new execution with the same trigger, from the start. A test of a "
        "draft always runs again the draft that it ran.",
        request=serializers.ReplayBody,
        responses={
            202: serializers.ExecutionItem,
            409: refusal(f"It is one item of a for_each step. {_NOT_LIVE}"),
        },
    )
    def replay(self, request: Request, id: UUID) -> Response:  # noqa: A002 - the API's word
        given = read(serializers.ReplayBody, request.data)
        caller = caller_of(request)
        return _accepted(services.replay(_find(id), by=caller.label, version=given["version"]))


@extend_schema(tags=["executions"])
class StepVerbs(GenericViewSet[Execution]):
    """What is said of a step that needs somebody."""

    permissions = {"resolve": Permission.RUN, "decide": Permission.VIEW}
    queryset = Execution.objects.none()
    serializer_class = serializers.ExecutionDetail

    @extend_schema(
        summary="Resolve a step whose answer is not known",
        request=serializers.ResolutionBody,
        responses={
            200: serializers.ExecutionDetail,
            409: refusal("The step is not one whose answer is not known."),
        },
    )
    def resolve(self, request: Request, id: UUID, key: str) -> Response:  # noqa: A002
        given = read(serializers.ResolutionBody, request.data)
        execution, caller = _find_with(id, key), caller_of(request)
        services.resolve(
            tenant_id=execution.tenant_id,
            execution_id=execution.id,
            key=key,
            action=given["action"],
            by=caller.label,
            output=given["output"],
        )
        return Response(serializers.detail(find_whole(id), caller))

    @extend_schema(
        summary="Approve or reject",
        description="For those whom the step asks, by their role or by name.",
        request=serializers.DecisionBody,
        responses={
            200: serializers.ExecutionDetail,
            409: refusal("The step waits for no approval."),
        },
    )
    def decide(self, request: Request, id: UUID, key: str) -> Response:  # noqa: A002
        given = read(serializers.DecisionBody, request.data)
        execution, caller = _find_with(id, key), caller_of(request)
        services.decide(
            tenant_id=execution.tenant_id, execution_id=execution.id, key=key, by=caller, **given
        )
        return Response(serializers.detail(find_whole(id), caller))


@extend_schema(tags=["executions"])
class Bulk(APIView):
    """Verbs for many executions."""

    permissions = {"post": Permission.RUN}

    @extend_schema(
        summary="Cancel, resume or replay many executions",
        description="The oldest 500 that match; call again with `after` for further ones. For a "
        "replay say `until`, or the new executions will match too.",
        operation_id="executions_bulk",
        request=serializers.BulkBody,
        responses={200: serializers.BulkOutcome},
    )
    def post(self, request: Request) -> Response:
        given = read(serializers.BulkBody, request.data)
        chosen = Execution.objects.filter(**serializers.lookups(given["filter"]))
        if "after" in given:
            chosen = chosen.filter(id__gt=given["after"])
        outcome = services.perform(
            given["action"],
            chosen,
            by=caller_of(request).label,
            dry_run=given["dry_run"],
            rate=given.get("rate"),
            version=given.get("version"),
        )
        return Response(serializers.BulkOutcome(outcome).data)


def _find(ident: UUID) -> Execution:
    """The execution. Raises Http404."""
    rows = Execution.objects.select_related("workflow", "version")
    return get_object_or_404(rows.defer("workflow__draft", "version__definition"), id=ident)


def _find_with(ident: UUID, key: str) -> Execution:
    """The execution, if it has a step with this key. Raises Http404."""
    execution = _find(ident)
    if key not in services.plan_of_run(execution).graph.steps:
        raise Http404
    return execution


def _accepted(made: Execution) -> Response:
    answer = serializers.ExecutionItem(made).data
    return Response(answer, status=202, headers={"Location": serializers.url(made.id)})
