"""The whole API on one screen. Each line: an address, its views by method."""

from __future__ import annotations

from typing import Any

from django.urls import path

from config.usage_views import UsageView
from executions.api import (
    Bulk,
    Children,
    Events,
    ExecutionVerbs,
    ExecutionViews,
    Run,
    RunDraft,
    StepVerbs,
)
from tenants.api import (
    AuditExport,
    AuditViews,
    EgressView,
    InvitationViews,
    KeyViews,
    MemberViews,
    Register,
    SecretViews,
    VariableViews,
)
from webhooks.api import EndpointViews
from webhooks.delivery_api import DeliveryViews, WaitingViews
from webhooks.trial_api import Extend, Listen, Stop
from workflows.api import DraftView, Publish, Validate, VersionViews, WorkflowViews
from workflows.schedule_api import ScheduleViews
from workflows.subscription_api import SubscriptionViews

app_name = "api"

WORKFLOW = "workflows/<slug:slug>/"
VERSION = f"{WORKFLOW}versions/<int:number>/"
EXECUTION = "executions/<uuid:id>/"
STEP = f"{EXECUTION}steps/<slug:key>/"
ENDPOINT = "endpoints/<uuid:id>/"
DELIVERY = "deliveries/<uuid:id>/"
SCHEDULE = "schedules/<uuid:id>/"
SUBSCRIPTION = "subscriptions/<uuid:id>/"

_ALL: dict[str, Any] = {"get": "list", "post": "create"}
_ONE: dict[str, Any] = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
_KEPT: dict[str, Any] = {"get": "retrieve", "delete": "destroy"}
_NAMED: dict[str, Any] = {"get": "retrieve", "put": "update", "delete": "destroy"}
_SECRET: dict[str, Any] = {**_NAMED, "patch": "partial_update"}

urlpatterns = [
    path("register/", Register.as_view(), name="register"),
    path("workflows/", WorkflowViews.as_view(_ALL), name="workflows"),
    path("workflows/validate/", Validate.as_view(), name="validate"),
    path(WORKFLOW, WorkflowViews.as_view(_ONE), name="workflow"),
    path(f"{WORKFLOW}draft/", DraftView.as_view(), name="draft"),
    path(f"{WORKFLOW}draft/listen/", Listen.as_view(), name="listen"),
    path(f"{WORKFLOW}draft/listen/extend/", Extend.as_view(), name="extend-listening"),
    path(f"{WORKFLOW}draft/listen/stop/", Stop.as_view(), name="stop-listening"),
    path(f"{WORKFLOW}draft/run/", RunDraft.as_view(), name="run-draft"),
    path(f"{WORKFLOW}publish/", Publish.as_view(), name="publish"),
    path(f"{WORKFLOW}pause/", WorkflowViews.as_view({"post": "pause"}), name="workflow-pause"),
    path(f"{WORKFLOW}resume/", WorkflowViews.as_view({"post": "resume"}), name="workflow-resume"),
    path(f"{WORKFLOW}deliveries/run/", WaitingViews.as_view({"post": "run"}), name="waiting-run"),
    path(
        f"{WORKFLOW}deliveries/discard/",
        WaitingViews.as_view({"post": "discard"}),
        name="waiting-discard",
    ),
    path(f"{WORKFLOW}run/", Run.as_view(), name="run"),
    path(f"{WORKFLOW}versions/", VersionViews.as_view({"get": "list"}), name="versions"),
    path(f"{WORKFLOW}versions/diff/", VersionViews.as_view({"get": "diff"}), name="diff"),
    path(VERSION, VersionViews.as_view({"get": "retrieve"}), name="version"),
    path(f"{VERSION}restore/", VersionViews.as_view({"post": "restore"}), name="restore"),
    path("executions/", ExecutionViews.as_view({"get": "list"}), name="executions"),
    path("executions/bulk/", Bulk.as_view(), name="bulk"),
    path(EXECUTION, ExecutionViews.as_view({"get": "retrieve"}), name="execution"),
    path(f"{EXECUTION}children/", Children.as_view({"get": "list"}), name="children"),
    path(f"{EXECUTION}events/", Events.as_view(), name="events"),
    path(f"{EXECUTION}cancel/", ExecutionVerbs.as_view({"post": "cancel"}), name="cancel"),
    path(f"{EXECUTION}resume/", ExecutionVerbs.as_view({"post": "resume"}), name="resume"),
    path(f"{EXECUTION}replay/", ExecutionVerbs.as_view({"post": "replay"}), name="replay"),
    path(f"{STEP}resolve/", StepVerbs.as_view({"post": "resolve"}), name="resolve"),
    path(f"{STEP}decide/", StepVerbs.as_view({"post": "decide"}), name="decide"),
    path("endpoints/", EndpointViews.as_view(_ALL), name="endpoints"),
    path(ENDPOINT, EndpointViews.as_view(_ONE), name="endpoint"),
    path(f"{ENDPOINT}rotate/", EndpointViews.as_view({"post": "rotate"}), name="rotate"),
    path(f"{ENDPOINT}deliveries/", DeliveryViews.as_view({"get": "list"}), name="deliveries"),
    path(
        f"{ENDPOINT}deliveries/counts/",
        DeliveryViews.as_view({"get": "counts"}),
        name="delivery-counts",
    ),
    path(DELIVERY, DeliveryViews.as_view({"get": "retrieve"}), name="delivery"),
    path(f"{DELIVERY}resend/", DeliveryViews.as_view({"post": "resend"}), name="resend"),
    path("schedules/", ScheduleViews.as_view(_ALL), name="schedules"),
    path("schedules/preview/", ScheduleViews.as_view({"post": "preview"}), name="schedule-preview"),
    path(SCHEDULE, ScheduleViews.as_view(_ONE), name="schedule"),
    path(f"{SCHEDULE}pause/", ScheduleViews.as_view({"post": "pause"}), name="schedule-pause"),
    path(f"{SCHEDULE}resume/", ScheduleViews.as_view({"post": "resume"}), name="schedule-resume"),
    path("api-keys/", KeyViews.as_view(_ALL), name="api-keys"),
    path("api-keys/<uuid:id>/", KeyViews.as_view(_ONE), name="api-key"),
    path("members/", MemberViews.as_view({"get": "list"}), name="members"),
    path("members/<uuid:id>/", MemberViews.as_view(_ONE), name="member"),
    path("invitations/", InvitationViews.as_view(_ALL), name="invitations"),
    path("invitations/<uuid:id>/", InvitationViews.as_view(_KEPT), name="invitation"),
    path("subscriptions/", SubscriptionViews.as_view(_ALL), name="subscriptions"),
    path(SUBSCRIPTION, SubscriptionViews.as_view(_ONE), name="subscription"),
    path("usage/", UsageView.as_view(), name="usage"),
    path("egress/", EgressView.as_view(), name="egress"),
    path("secrets/", SecretViews.as_view(_ALL), name="secrets"),
    path(
        "secrets/<slug:name>/",
        SecretViews.as_view(_SECRET),
        name="secret",
    ),
    path("variables/", VariableViews.as_view(_ALL), name="variables"),
    path("variables/<slug:name>/", VariableViews.as_view(_NAMED), name="variable"),
    path("audit/", AuditViews.as_view({"get": "list"}), name="audit"),
    path("audit/export/", AuditExport.as_view(), name="audit-export"),
]
