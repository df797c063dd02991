"""Schedules: when each fires next, what became of its latest slots, pause and resume."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from tenants import scope
from tenants.admin.base import ScopedAdmin, ask, panel
from tenants.forms import blame
from tenants.problems import Problem
from workflows import schedules
from workflows.models import Schedule, Workflow

SLOTS = 20  # that are shown
_VALUES = [
    "name",
    "cron",
    "zone",
    "input",
    "misfire",
    "misfire_max",
    "overlap",
    "jitter",
    "starts_at",
    "ends_at",
]


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    class Meta:
        model = Schedule
        fields = ["workflow", *_VALUES]

    def clean_workflow(self) -> Workflow:
        workflow: Workflow = self.cleaned_data["workflow"]
        if workflow.archived_at is not None:
            raise forms.ValidationError("It is archived and starts no more runs.")
        return workflow

    def clean_jitter(self) -> int:
        jitter: int = self.cleaned_data["jitter"]
        Schedule._meta.get_field("jitter").run_validators(jitter)  # or the page reckons with it
        return jitter

    def clean_input(self) -> Any:
        return self.cleaned_data["input"] or {}  # to the form, {} is nothing

    def _post_clean(self) -> None:
        """Django has put the values into the schedule; those of a person may not fit."""
        super()._post_clean()  # type: ignore[misc] # the stubs leave it out
        if self.errors:
            return
        try:
            schedules.verify(schedule=self.instance)
        except Problem as problem:
            blame(self, problem)


@admin.register(Schedule)
class ScheduleAdmin(ScopedAdmin):
    form = ScheduleForm
    list_display = ["name", "workflow", "cron", "zone", "next_at", "is_active", "problem"]
    list_filter = ["paused"]
    list_select_related = ["workflow"]
    search_fields = ["name", "workflow__slug"]
    autocomplete_fields = ["workflow"]
    actions_detail = ["pause", "resume"]
    fieldsets = (
        (None, {"fields": ["tenant", "workflow", "name", ("cron", "zone"), "words", "input"]}),
        ("Late and open runs", {"fields": [("misfire", "misfire_max"), "overlap"]}),
        ("Time", {"fields": ["jitter", ("starts_at", "ends_at")]}),
        ("State", {"fields": ["paused", "next_at", "problem"]}),
        ("Next fires", {"classes": ["tab"], "fields": ["fires"]}),
        ("Slots", {"classes": ["tab"], "fields": ["slots"]}),
    )
    add_fieldsets = ((None, {"fields": ["workflow", *_VALUES]}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Schedule]:
        rows: QuerySet[Schedule] = super().get_queryset(request)
        return rows.defer("workflow__draft")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        shown = ["workflow", "words", "paused", "next_at", "problem", "fires", "slots"]
        return ["tenant", *shown] if obj else []

    @display(description="active", boolean=True)
    def is_active(self, schedule: Schedule) -> bool:
        return schedule.next_at is not None

    @display(description="in words")
    def words(self, schedule: Schedule) -> str:
        return schedule.timetable.cron.words

    @display(description="")
    def fires(self, schedule: Schedule) -> SafeString:
        return panel("fires", fires=schedules.coming(schedule))

    @display(description="")
    def slots(self, schedule: Schedule) -> SafeString:
        return panel("slots", slots=schedule.slots.order_by("-slot")[:SLOTS])

    def save_model(self, request: HttpRequest, obj: Any, form: forms.Form, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in _VALUES}
        tenant_id = obj.workflow.tenant_id
        if change:
            schedules.change(tenant_id=tenant_id, schedule_id=obj.pk, values=values)
            return
        made = schedules.create(tenant_id=tenant_id, workflow=obj.workflow.slug, values=values)
        obj.pk, obj.tenant_id = made.pk, tenant_id

    def delete_model(self, request: HttpRequest, obj: Schedule) -> None:
        with scope.tenant(obj.tenant_id):
            schedules.delete(schedule=obj)

    @action(description="Pause", url_path="pause", permissions=["change"], icon="pause")
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._set(request, object_id, paused=True)

    @action(description="Resume", url_path="resume", permissions=["change"], icon="play_arrow")
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._set(request, object_id, paused=False)

    def _set(self, request: HttpRequest, object_id: str, *, paused: bool) -> HttpResponse:
        schedule = self.required(request, object_id)
        change = reverse("admin:workflows_schedule_change", args=[schedule.pk])
        if request.method != "POST":
            return ask(
                request,
                self.admin_site,
                title=f"{'Pause' if paused else 'Resume'} {schedule.name}?",
                text="It fires no more until it is resumed."
                if paused
                else "It fires from now on; what it did not fire meanwhile is left out.",
                submit="Pause" if paused else "Resume",
                back=change,
            )
        try:
            schedules.change(
                tenant_id=schedule.tenant_id, schedule_id=schedule.pk, values={"paused": paused}
            )
        except Problem as problem:
            self.message_user(request, problem.detail, "error")
        return HttpResponseRedirect(change)
