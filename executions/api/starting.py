"""Running a workflow: answered at once, or with the result."""

from __future__ import annotations

from functools import partial
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from executions import serializers, services, waiting
from executions.api import idempotency
from executions.api.reading import find_whole
from executions.models import Execution
from tenants import scope
from tenants.auth import caller_of
from tenants.openapi import refusal
from tenants.principals import Principal
from tenants.roles import Permission
from tenants.serializers import parameters, read
from workflows import services as workflow_services


@extend_schema(tags=["executions"])
class Run(APIView):
    """Starts a workflow's current version. Waits outside any transaction, hence its own scopes."""

    opens_own_scope = True
    permissions = {"post": Permission.RUN}

    @extend_schema(
        summary="Run a workflow",
        parameters=[serializers.RunQuery, *idempotency.PARAMETERS],
        request=serializers.RunBody,
        responses={
            200: serializers.ExecutionDetail,
            202: serializers.Started,
            409: refusal(
                "The workflow was never published, or another version than the expected is live."
            ),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        caller = caller_of(request)
        seconds = read(serializers.RunQuery, parameters(request))["wait"]
        given = read(serializers.RunBody, request.data)
        # How long to wait is not what is asked for.
        wish = idempotency.wish_of(request, "run", slug, given)
        with scope.tenant(caller.tenant_id):
            start = partial(_start, caller, slug, given)
            execution, replayed = services.once(caller.tenant_id, wish, start)
        return started(execution, caller, seconds, replayed=replayed)


def started(execution: Execution, caller: Principal, seconds: float, *, replayed: bool) -> Response:
    """The answer about a run that is committed: the whole of it, if it ends within the seconds."""
    headers = idempotency.headers(replayed=replayed)
    if seconds and waiting.until_ended(
        tenant_id=caller.tenant_id, execution_id=execution.id, seconds=seconds
    ):
        with scope.tenant(caller.tenant_id):
            found = serializers.detail(find_whole(execution.id), caller)
        return Response(found, headers=headers)
    url = serializers.url(execution.id)
    body = {"id": execution.id, "status": execution.status, "url": url}
    return Response(body, status=202, headers={"Location": url, **headers})


def _start(caller: Principal, slug: str, given: dict[str, Any], ident: Any) -> Execution:
    return services.start(
        workflow=workflow_services.find(slug=slug),
        kind="api",
        body=given["input"],
        by=caller.label,
        expected_version=given["expected_version"],
        execution_id=ident,
    )
