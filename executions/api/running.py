"""Verbs: cancel, resume, replay, resolve, decide; one by one or in bulk.

Each writes in the scope that the middleware opened, so an answer leaves only when what it says is
committed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from executions import serializers, services
from executions.api import idempotency
from executions.api.reading import find_whole
from executions.models import Execution
from tenants.auth import caller_of
from tenants.openapi import refusal
from tenants.roles import Permission
from tenants.serializers import read

_NOT_LIVE = "The workflow has no live version."


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
        parameters=idempotency.PARAMETERS,
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
        repeat = frozenset(given["repeat"])
        asked = ("resume", str(id), version, step, sorted(repeat))
        resume = partial(
            services.resume, execution, by=caller_of(request).label, version=version, step=step
        )
        return _accepted(request, asked, partial(resume, repeat=repeat))

    @extend_schema(
        summary="Replay an execution",
        parameters=idempotency.PARAMETERS,
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
        version, by = given["version"], caller_of(request).label
        replay = partial(services.replay, _find(id), by=by, version=version)
        return _accepted(request, ("replay", str(id), version), replay)


@extend_schema(tags=["executions"])
class StepVerbs(GenericViewSet[Execution]):
    """What is said of a step that needs somebody."""

    permissions = {"resolve": Permission.RUN, "decide": Permission.DECIDE}
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


def _accepted(request: Request, asked: tuple[Any, ...], make: Callable[..., Execution]) -> Response:
    """The execution that is made, once for the caller's key if there is one."""
    wish = idempotency.wish_of(request, *asked)
    made, replayed = services.once(
        caller_of(request).tenant_id, wish, lambda ident: make(execution_id=ident)
    )
    answer = serializers.ExecutionItem(made).data
    headers = {"Location": serializers.url(made.id), **idempotency.headers(replayed=replayed)}
    return Response(answer, status=202, headers=headers)
