"""Running a workflow's draft: a test."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from executions import serializers, services
from executions.api import idempotency
from executions.api.starting import started
from executions.models import Execution
from tenants import scope
from tenants.auth import caller_of
from tenants.principals import Principal
from tenants.roles import Permission
from tenants.serializers import parameters, read
from workflows import services as workflow_services
from workflows.definition import JSON


@extend_schema(tags=["executions"])
class RunDraft(APIView):
    """Starts a workflow's draft. Waits outside any transaction, hence its own scopes."""

    opens_own_scope = True
    permissions = {"post": Permission.EDIT}

    @extend_schema(
        summary="Run the draft, as a test",
        description="As the draft is now. Its steps really call out. The execution is marked as a "
        "`test`: it is in no list unless asked for, takes no place of the workflow's limits, and "
        "raises no alarm. 422 lists what keeps the draft from being published, if anything does.",
        parameters=[serializers.RunQuery, *idempotency.PARAMETERS],
        request=serializers.DraftRunBody,
        responses={200: serializers.ExecutionDetail, 202: serializers.Started},
    )
    def post(self, request: Request, slug: str) -> Response:
        caller = caller_of(request)
        seconds = read(serializers.RunQuery, parameters(request))["wait"]
        body = read(serializers.DraftRunBody, request.data)["input"]
        wish = idempotency.wish_of(request, "run-draft", slug, body)
        with scope.tenant(caller.tenant_id):
            start = partial(_start, caller, slug, body)
            execution, replayed = services.once(caller.tenant_id, wish, start)
        return started(execution, caller, seconds, replayed=replayed)


def _start(caller: Principal, slug: str, body: JSON, ident: UUID | None) -> Execution:
    return services.run_draft(
        workflow=workflow_services.find(slug=slug),
        kind="api",
        body=body,
        message=f"A test of the draft by {caller.label}.",
        execution_id=ident,
    )
