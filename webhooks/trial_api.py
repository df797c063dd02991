"""The test address of a workflow's draft over the API."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants.auth import caller_of
from tenants.openapi import refusal
from tenants.roles import Permission
from tenants.serializers import read
from webhooks import trials
from webhooks.trial_serializers import ListenBody, Listening, Opened, listening
from workflows import services as workflow_services


@extend_schema(tags=["workflows"])
class Listen(APIView):
    """Whether the draft listens, and what came in. Who may not edit may not see it either."""

    permissions = {"get": Permission.EDIT, "post": Permission.EDIT}

    @extend_schema(summary="See what came in at the test address", responses=Listening)
    def get(self, request: Request, slug: str) -> Response:
        address = trials.latest(workflow=workflow_services.find(slug=slug))
        return Response(Listening(listening(address)).data)

    @extend_schema(
        summary="Listen at a test address",
        description="For five minutes (STEPWELL_TEST_ADDRESS_SECONDS) signed requests to the "
        "address run the draft as it is then, each as a test. One address a workflow: a new one "
        "replaces it, and what came in there.",
        request=ListenBody,
        responses={201: Opened},
    )
    def post(self, request: Request, slug: str) -> Response:
        workflow = workflow_services.find(slug=slug)
        given = read(ListenBody, request.data)
        opened = trials.listen(
            workflow=workflow, endpoint_id=given.get("endpoint"), by=caller_of(request).label
        )
        body = {**listening(opened.address), "secret": opened.secret or None}
        return Response(Opened(body).data, status=201)


@extend_schema(tags=["workflows"])
class Extend(APIView):
    """Goes on listening."""

    permissions = {"post": Permission.EDIT}

    @extend_schema(
        summary="Listen for the whole time again",
        request=None,
        responses={200: Listening, 409: refusal("No test address listens just now.")},
    )
    def post(self, request: Request, slug: str) -> Response:
        address = trials.extend(workflow=workflow_services.find(slug=slug))
        return Response(Listening(listening(address)).data)


@extend_schema(tags=["workflows"])
class Stop(APIView):
    """Stops listening."""

    permissions = {"post": Permission.EDIT}

    @extend_schema(
        summary="Stop listening",
        description="What came in can still be seen, until the workflow listens anew.",
        request=None,
        responses=Listening,
    )
    def post(self, request: Request, slug: str) -> Response:
        workflow = workflow_services.find(slug=slug)
        trials.stop(workflow=workflow)
        return Response(Listening(listening(trials.latest(workflow=workflow))).data)
