"""Schedules over the API. Making one active is counted over all tenants, hence the own scopes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from tenants import scope
from tenants.auth import caller_of
from tenants.openapi import refusal
from tenants.roles import Permission
from tenants.serializers import Strict, read
from workflows import schedules
from workflows.cron import MAX_LENGTH
from workflows.models import MAX_JITTER, Schedule
from workflows.schedules import Upcoming
from workflows.serializers import StorableJSON
from workflows.timetable import MAX_CATCH_UP, OUTCOMES, Timetable

RECENT = 20  # slots that are shown

# --- In ----------------------------------------------------------------------------------------


class CronBody(Strict):
    cron = serializers.CharField(max_length=MAX_LENGTH, help_text="Five fields: 30 9 * * 1-5.")
    zone = serializers.CharField(
        max_length=64, default="UTC", help_text="An IANA time zone: Europe/Paris."
    )


class SchedulePatch(Strict):
    name = serializers.CharField(max_length=200, required=False)
    cron = serializers.CharField(
        max_length=MAX_LENGTH, required=False, help_text="Five fields: 30 9 * * 1-5."
    )
    zone = serializers.CharField(
        max_length=64, required=False, help_text="An IANA time zone: Europe/Paris; UTC if unset."
    )
    input = StorableJSON(
        required=False, allow_null=True, help_text="trigger.body of its runs; {} if unset."
    )
    misfire = serializers.ChoiceField(
        list(Schedule.MISFIRE),
        required=False,
        help_text="Which slots are still run that come up late; `once` if unset.",
    )
    misfire_max = serializers.IntegerField(
        min_value=1, max_value=MAX_CATCH_UP, required=False, help_text="Of misfire `all`."
    )
    overlap = serializers.ChoiceField(
        list(Schedule.OVERLAP),
        required=False,
        help_text="What a slot does while a run of the schedule is open; `allow` if unset.",
    )
    jitter = serializers.IntegerField(
        min_value=0,
        max_value=MAX_JITTER,
        required=False,
        help_text="Seconds by which a slot may fire later; 0 if unset.",
    )
    starts_at = serializers.DateTimeField(required=False, allow_null=True)
    ends_at = serializers.DateTimeField(required=False, allow_null=True)


class NewSchedule(SchedulePatch):
    workflow = serializers.CharField(help_text="A workflow's slug.")
    name = serializers.CharField(max_length=200)
    cron = serializers.CharField(max_length=MAX_LENGTH, help_text="Five fields: 30 9 * * 1-5.")


# --- Out ---------------------------------------------------------------------------------------


class NextFire(serializers.Serializer[Any]):
    slot = serializers.SerializerMethodField(help_text="In the schedule's own zone.")
    mark = serializers.ChoiceField(
        ["after_gap", "repeated_hour"],
        allow_null=True,
        help_text="after_gap: the time meant does not exist that day. "
        "repeated_hour: the clock shows it twice that day.",
    )
    fires_at = serializers.DateTimeField(help_text="With the schedule's jitter.")

    @extend_schema_field(OpenApiTypes.DATETIME)
    def get_slot(self, fire: Upcoming) -> str:
        return fire.slot.isoformat()


class SchedulePreview(serializers.Serializer[Any]):
    words = serializers.CharField(help_text="The expression as a sentence.")
    next = NextFire(many=True)


class SlotItem(serializers.Serializer[Any]):
    slot = serializers.DateTimeField()
    outcome = serializers.ChoiceField(OUTCOMES)
    reason = serializers.CharField(help_text="Why it was refused.")
    execution = serializers.UUIDField(source="execution_id", allow_null=True)
    fired_at = serializers.DateTimeField(help_text="When it was dealt with.")
    lag_seconds = serializers.SerializerMethodField(help_text="From `slot` to `fired_at`.")

    def get_lag_seconds(self, slot: Any) -> float:
        lag: float = (slot.fired_at - slot.slot).total_seconds()
        return lag


class ScheduleItem(serializers.ModelSerializer[Schedule]):
    workflow = serializers.CharField(source="workflow.slug")
    words = serializers.CharField(
        source="timetable.cron.words", help_text="The expression as a sentence."
    )
    input = serializers.JSONField()
    misfire = serializers.ChoiceField(list(Schedule.MISFIRE))
    overlap = serializers.ChoiceField(list(Schedule.OVERLAP))

    class Meta:
        model = Schedule
        fields = [
            "id",
            "workflow",
            "name",
            "cron",
            "zone",
            "words",
            "input",
            "misfire",
            "misfire_max",
            "overlap",
            "jitter",
            "starts_at",
            "ends_at",
            "paused",
            "next_at",
            "problem",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


class ScheduleDetail(ScheduleItem):
    next = serializers.SerializerMethodField(
        help_text="The fires that come next; of a paused schedule those that would."
    )
    slots = serializers.SerializerMethodField(help_text="The latest slots, newest first.")

    class Meta(ScheduleItem.Meta):
        fields = [*ScheduleItem.Meta.fields, "next", "slots"]
        read_only_fields = fields

    @extend_schema_field(NextFire(many=True))
    def get_next(self, schedule: Schedule) -> Any:
        return NextFire(schedules.coming(schedule), many=True).data

    @extend_schema_field(SlotItem(many=True))
    def get_slots(self, schedule: Schedule) -> Any:
        return SlotItem(schedule.slots.order_by("-slot")[:RECENT], many=True).data


# --- Views -------------------------------------------------------------------------------------

_TOO_MANY = refusal("The deployment has as many active schedules as it may.")


@extend_schema(tags=["schedules"])
class ScheduleViews(GenericViewSet[Schedule]):
    """The schedules of the key's tenant."""

    opens_own_scope = True
    permissions = {
        "create": Permission.EDIT,
        "partial_update": Permission.EDIT,
        "destroy": Permission.EDIT,
        "pause": Permission.EDIT,
        "resume": Permission.EDIT,
        "preview": Permission.VIEW,
    }
    queryset = Schedule.objects.none()
    serializer_class = ScheduleItem

    @extend_schema(summary="List schedules")
    def list(self, request: Request) -> Response:
        with scope.tenant(_tenant(request)):
            page = self.paginate_queryset(schedules.listed()) or []
            return self.get_paginated_response(ScheduleItem(page, many=True).data)

    @extend_schema(
        summary="Create a schedule",
        request=NewSchedule,
        responses={201: ScheduleDetail, 409: _TOO_MANY},
    )
    def create(self, request: Request) -> Response:
        values = read(NewSchedule, request.data)
        workflow = values.pop("workflow")
        made = schedules.create(tenant_id=_tenant(request), workflow=workflow, values=values)
        location = reverse("api:schedule", args=[made.id])
        return Response(_shown(made), status=201, headers={"Location": location})

    @extend_schema(summary="Get a schedule", responses=ScheduleDetail)
    def retrieve(self, request: Request, id: UUID) -> Response:  # noqa: A002 - the API's word
        with scope.tenant(_tenant(request)):
            found = schedules.find(schedule_id=id)
        return Response(_shown(found))

    @extend_schema(
        summary="Change a schedule",
        request=SchedulePatch,
        responses={200: ScheduleDetail, 409: _TOO_MANY},
    )
    def partial_update(self, request: Request, id: UUID) -> Response:  # noqa: A002
        return self._changed(request, id, read(SchedulePatch, request.data))

    @extend_schema(summary="Delete a schedule", responses={204: None})
    def destroy(self, request: Request, id: UUID) -> Response:  # noqa: A002
        with scope.tenant(_tenant(request)):
            schedules.delete(schedule=schedules.find(schedule_id=id))
        return Response(status=204)

    @extend_schema(summary="Pause a schedule", request=None, responses=ScheduleDetail)
    def pause(self, request: Request, id: UUID) -> Response:  # noqa: A002
        return self._changed(request, id, {"paused": True})

    @extend_schema(
        summary="Resume a schedule",
        request=None,
        responses={200: ScheduleDetail, 409: _TOO_MANY},
    )
    def resume(self, request: Request, id: UUID) -> Response:  # noqa: A002
        return self._changed(request, id, {"paused": False})

    @extend_schema(
        summary="Show when an expression fires", request=CronBody, responses=SchedulePreview
    )
    def preview(self, request: Request) -> Response:
        values = read(CronBody, request.data)
        expression = schedules.check(values["cron"], values["zone"])
        now = timezone.now()
        fires = schedules.upcoming(Timetable(expression), now, now)
        return Response(SchedulePreview({"words": expression.words, "next": fires}).data)

    def _changed(self, request: Request, ident: UUID, values: dict[str, Any]) -> Response:
        changed = schedules.change(tenant_id=_tenant(request), schedule_id=ident, values=values)
        return Response(_shown(changed))


def _tenant(request: Request) -> UUID:
    return caller_of(request).tenant_id


def _shown(schedule: Schedule) -> dict[str, Any]:
    with scope.tenant(schedule.tenant_id):
        return dict(ScheduleDetail(schedule).data)
