"""Workflows, their drafts and versions over the API. Views translate; services decide."""

from __future__ import annotations

import re
from typing import Any

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from tenants import scope
from tenants.openapi import refusal
from tenants.parsers import StrictJSON
from tenants.problems import Problem
from tenants.roles import Permission
from tenants.serializers import read
from workflows import canonical, definition, documents, pausing, serializers, services
from workflows.definition import JSON
from workflows.media import YAML, YAMLParser, YAMLRenderer
from workflows.models import Workflow, WorkflowVersion

_ETAG = re.compile(r'(?:W/)?"(\d{1,9})"')
_REFERENCE = re.compile(r"\d{1,9}|draft")

# As YAML it is the bare document.
_YAML_OR_JSON = {"application/json": serializers.DefinitionBody, YAML: OpenApiTypes.ANY}
_DRAFT = {(200, "application/json"): serializers.Draft, (200, YAML): OpenApiTypes.ANY}
_VERSION = {(200, "application/json"): serializers.VersionDetail, (200, YAML): OpenApiTypes.ANY}
_IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description='The draft\'s ETag, or "*"'
)
_VERSION_OR_DRAFT = r"^(\d{1,9}|draft)$"


@extend_schema(tags=["workflows"])
class WorkflowViews(GenericViewSet[Workflow]):
    """The workflows of the key's tenant."""

    permissions = {
        "create": Permission.EDIT,
        "partial_update": Permission.EDIT,
        "destroy": Permission.EDIT,
        "pause": Permission.RUN,
        "resume": Permission.RUN,
    }
    queryset = Workflow.objects.none()
    serializer_class = serializers.WorkflowItem

    @extend_schema(summary="List workflows")
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(services.listed()) or []
        return self.get_paginated_response(serializers.WorkflowItem(page, many=True).data)

    @extend_schema(
        summary="Create a workflow",
        request=serializers.NewWorkflow,
        responses={
            201: serializers.WorkflowDetail,
            409: refusal("The slug is taken."),
        },
    )
    def create(self, request: Request) -> Response:
        values = read(serializers.NewWorkflow, request.data)
        workflow = services.create(tenant_id=scope.tenant_id(), **values)
        location = reverse("api:workflow", args=[workflow.slug])
        return Response(
            serializers.WorkflowDetail(workflow).data, status=201, headers={"Location": location}
        )

    @extend_schema(summary="Get a workflow", responses=serializers.WorkflowDetail)
    def retrieve(self, request: Request, slug: str) -> Response:
        return Response(serializers.WorkflowDetail(services.find(slug=slug)).data)

    @extend_schema(
        summary="Rename a workflow",
        request=serializers.WorkflowPatch,
        responses=serializers.WorkflowDetail,
    )
    def partial_update(self, request: Request, slug: str) -> Response:
        workflow = services.find(slug=slug)
        services.rename(workflow=workflow, **read(serializers.WorkflowPatch, request.data))
        return Response(serializers.WorkflowDetail(workflow).data)

    @extend_schema(summary="Archive a workflow", responses={204: None})
    def destroy(self, request: Request, slug: str) -> Response:
        services.archive(workflow=services.find(slug=slug))
        return Response(status=204)

    @extend_schema(
        summary="Pause a workflow",
        description="It begins no runs until it is resumed: webhooks are stored, schedules do not "
        "fire, callers are answered 409. What runs goes on.",
        request=None,
        responses=serializers.WorkflowDetail,
    )
    def pause(self, request: Request, slug: str) -> Response:
        workflow = services.find(slug=slug)
        pausing.pause(workflow=workflow)
        return Response(serializers.WorkflowDetail(workflow).data)

    @extend_schema(
        summary="Resume a workflow",
        description="Webhooks that were stored meanwhile wait for `deliveries/run/`.",
        request=None,
        responses=serializers.WorkflowDetail,
    )
    def resume(self, request: Request, slug: str) -> Response:
        workflow = services.find(slug=slug)
        pausing.resume(workflow=workflow)
        return Response(serializers.WorkflowDetail(workflow).data)


@extend_schema(tags=["workflows"])
class Validate(APIView):
    """Checks a definition without keeping it."""

    permissions = {"post": Permission.VIEW}
    parser_classes: list[type[BaseParser]] = [StrictJSON, YAMLParser]

    @extend_schema(
        summary="Check a definition", request=_YAML_OR_JSON, responses=serializers.Findings
    )
    def post(self, request: Request) -> Response:
        document, found = _document(request)
        if not found:
            found = services.problems(tenant_id=scope.tenant_id(), definition=document)
        return Response({"problems": [problem.as_dict() for problem in found]})


@extend_schema(tags=["workflows"])
class DraftView(APIView):
    """The mutable definition of a workflow, as JSON or as YAML."""

    permissions = {"put": Permission.EDIT}
    parser_classes: list[type[BaseParser]] = [StrictJSON, YAMLParser]
    renderer_classes = [JSONRenderer, YAMLRenderer]

    @extend_schema(summary="Get the draft", responses=_DRAFT)
    def get(self, request: Request, slug: str) -> Response:
        return _draft(services.find(slug=slug))

    @extend_schema(
        summary="Replace the draft",
        parameters=[_IF_MATCH],
        request=_YAML_OR_JSON,
        responses={
            **_DRAFT,
            412: refusal("The draft was changed meanwhile."),
            428: refusal("If-Match is missing."),
        },
    )
    def put(self, request: Request, slug: str) -> Response:
        workflow = services.find(slug=slug)
        revision = _expected_revision(request)
        document, found = _document(request)
        if found:
            errors = [problem.as_dict() for problem in found]
            raise Problem(400, "malformed", found[0].message, errors=errors)
        return _draft(
            services.save_draft(workflow=workflow, definition=document, expected_revision=revision)
        )


@extend_schema(tags=["workflows"])
class Publish(APIView):
    """Freezes the draft into the next version."""

    permissions = {"post": Permission.EDIT}

    @extend_schema(
        summary="Publish the draft",
        description="200 with the current version if the draft does not differ from it.",
        request=serializers.PublishBody,
        responses={200: serializers.VersionDetail, 201: serializers.VersionDetail},
    )
    def post(self, request: Request, slug: str) -> Response:
        workflow = services.find(slug=slug)
        values = read(serializers.PublishBody, request.data)
        version = services.publish(workflow=workflow, by=None, **values)
        status = 200 if version.id == workflow.current_id else 201
        return Response(serializers.VersionDetail(version).data, status=status)


@extend_schema(tags=["workflows"])
class VersionViews(GenericViewSet[WorkflowVersion]):
    """The published versions of a workflow, newest first."""

    permissions = {"restore": Permission.EDIT}
    queryset = WorkflowVersion.objects.none()
    serializer_class = serializers.VersionItem

    def get_renderers(self) -> list[Any]:
        return [JSONRenderer(), *([YAMLRenderer()] if self.action == "retrieve" else [])]

    @extend_schema(summary="List versions")
    def list(self, request: Request, slug: str) -> Response:
        workflow = services.find(slug=slug)
        page = self.paginate_queryset(services.versions(workflow=workflow)) or []
        return self.get_paginated_response(serializers.VersionItem(page, many=True).data)

    @extend_schema(summary="Get a version", responses=_VERSION)
    def retrieve(self, request: Request, slug: str, number: int) -> Response:
        version = services.find_version(workflow=services.find(slug=slug), number=number)
        return Response(serializers.VersionDetail(version).data)

    @extend_schema(
        summary="Compare two versions",
        parameters=[
            OpenApiParameter(
                "from",
                str,
                pattern=_VERSION_OR_DRAFT,
                description='A number or "draft"; the current version if unset.',
            ),
            OpenApiParameter(
                "to",
                str,
                pattern=_VERSION_OR_DRAFT,
                description='A number or "draft"; the draft if unset.',
            ),
        ],
        responses=serializers.DefinitionDiff,
    )
    def diff(self, request: Request, slug: str) -> Response:
        workflow = services.find(slug=slug)
        current = workflow.current.number if workflow.current else None
        found = services.diff(
            workflow=workflow,
            old=_reference(request, "from", current),
            new=_reference(request, "to", "draft"),
        )
        return Response(serializers.DefinitionDiff(found.as_dict()).data)

    @extend_schema(summary="Copy a version to the draft", request=None, responses=serializers.Draft)
    def restore(self, request: Request, slug: str, number: int) -> Response:
        return _draft(services.restore(workflow=services.find(slug=slug), number=number))


def _document(request: Request) -> tuple[JSON, list[definition.Problem]]:
    """The definition in the body; a YAML text may itself be the problem."""
    if isinstance(request.data, str):
        return documents.loads(request.data, "yaml")
    return read(serializers.DefinitionBody, request.data)["definition"], []


def _draft(workflow: Workflow) -> Response:
    found = services.problems(
        tenant_id=workflow.tenant_id, definition=workflow.draft, slug=workflow.slug
    )
    body = {
        "definition": canonical.arranged(workflow.draft),
        "revision": workflow.draft_revision,
        "problems": [problem.as_dict() for problem in found],
    }
    return Response(body, headers={"ETag": f'"{workflow.draft_revision}"'})


def _expected_revision(request: Request) -> int | None:
    """The revision that If-Match names; None for any."""
    header = request.headers.get("If-Match", "").strip()
    if not header:
        detail = "Send If-Match with the ETag of the draft that you changed, or * for any."
        raise Problem(428, "precondition-required", detail)
    match = _ETAG.fullmatch(header)
    if header != "*" and match is None:
        raise Problem(412, "draft-changed", f"The draft has no ETag {header}; read it again.")
    return int(match[1]) if match else None


def _reference(
    request: Request, name: str, default: int | services.Draft | None
) -> int | services.Draft | None:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not _REFERENCE.fullmatch(text):
        detail = f"{name!r} must be a version's number or 'draft'."
        error = {"field": name, "code": "invalid", "message": detail}
        raise Problem(422, "invalid", detail, errors=[error])
    return "draft" if text == "draft" else int(text)
