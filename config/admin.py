"""Other apps' models in the look of this admin, or out of it."""

from __future__ import annotations

from functools import partial
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from celery.schedules import ParseException, crontab
from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.admin import GroupAdmin as PlainGroupAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django_celery_beat import admin as beat
from django_celery_beat import models
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from tenants.actions import Action
from tenants.admin.audited import Audited
from tenants.services import audit
from tenants.services.audit import Target

for model in (
    Authenticator,  # people manage these three by themselves; staff help by the actions on a user
    EmailAddress,
    Group,
    UserSession,
    models.ClockedSchedule,
    models.CrontabSchedule,
    models.IntervalSchedule,
    models.PeriodicTask,
    models.SolarSchedule,
):
    admin.site.unregister(model)


@admin.register(Group)
class GroupAdmin(Audited, PlainGroupAdmin, ModelAdmin):
    """What groups of staff may do: a superuser's business, or one could widen one's own group."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser and super().has_delete_permission(request, obj)


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):
    """The names of the tasks that this deployment knows."""


class TaskForm(beat.PeriodicTaskForm):
    """Two of its fields are made by hand and would keep the plain look."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()
        self.fields["regtask"].validators.append(ProhibitNullCharactersValidator())

    def clean_headers(self) -> str:
        return self.cleaned_data["headers"] or "{}"

    def clean(self) -> dict[str, Any]:
        self.cleaned_data.setdefault("task", "")  # beat's reads it even where it was refused
        cleaned: dict[str, Any] = super().clean()  # type: ignore[no-untyped-call] # beat has no types
        return cleaned


@admin.register(models.PeriodicTask)
class PeriodicTaskAdmin(Audited, beat.PeriodicTaskAdmin, ModelAdmin):
    """The deployment's own clockwork; tenants' schedules are elsewhere."""

    form = TaskForm

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any
    ) -> HttpResponse | None:
        """Django's actions on rows save them past `save_model`."""
        chosen = [str(task) for task in queryset.filter(pk__in=_selected(request))]
        answer: HttpResponse | None = super().response_action(request, queryset, *args)
        verb = request.POST.get("action", "")
        if verb != "delete_selected" and chosen:
            target = Target("periodictask", "", verb)
            audit.record_platform(Action.ROWS_HANDLED, target, after={"rows": chosen})
        return answer


def _selected(request: HttpRequest) -> list[str]:
    return request.POST.getlist(ACTION_CHECKBOX_NAME)


@admin.register(models.IntervalSchedule)
class IntervalScheduleAdmin(Audited, ModelAdmin):
    list_display = ["every", "period"]


class CrontabForm(forms.ModelForm):  # type: ignore[type-arg] # beat's models have no types
    """Refuses what beat's own checks let pass and Celery cannot read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("minute", "hour", "day_of_month", "month_of_year", "day_of_week"):
            if name in self.fields:
                self.fields[name].validators.append(partial(_check_time, name))


def _check_time(name: str, value: str) -> None:
    try:
        crontab(**{name: value})
    except (ParseException, ValueError) as problem:
        raise ValidationError(f"Celery cannot read this: {problem}.") from problem


@admin.register(models.CrontabSchedule)
class CrontabScheduleAdmin(Audited, beat.CrontabScheduleAdmin, ModelAdmin):
    """Times for the clockwork."""

    form = CrontabForm
