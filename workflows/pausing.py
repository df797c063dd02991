"""Pausing a workflow: what is done with it in an incident, by whoever may start runs.

A paused workflow begins no runs: webhooks are stored, schedules do not fire, callers are told. What
runs goes on, with the sub-workflows and alarms that it calls. All of it works in the open tenant
scope.
"""

from __future__ import annotations

from django.db.models.functions import Now

from tenants.actions import Action
from tenants.services import audit
from workflows.models import Schedule, Workflow


def pause(*, workflow: Workflow) -> None:
    """Begin no more runs of it; of a paused one nothing changes."""
    if Workflow.objects.filter(pk=workflow.pk, paused_at=None).update(paused_at=Now()):
        audit.record(Action.WORKFLOW_PAUSED, workflow)
    workflow.refresh_from_db(fields=["paused_at"])


def resume(*, workflow: Workflow) -> None:
    """Begin runs again. As with a schedule that was paused, its schedules' slots are those from now
    on; the webhooks that were stored are run when somebody says so."""
    workflow.refresh_from_db(fields=["paused_at"])
    if workflow.paused_at is None:
        return
    # Schedules first, as whoever fires one takes its lock before the workflow's.
    for schedule in _locked_schedules(workflow):
        schedule.handled_until = max(schedule.handled_until, schedule.now)  # type: ignore[attr-defined] # annotated
        schedule.next_at = schedule.timetable.next_at(schedule.handled_until)
        schedule.save(update_fields=["handled_until", "next_at"])
    Workflow.objects.filter(pk=workflow.pk).update(paused_at=None)
    workflow.paused_at = None
    audit.record(Action.WORKFLOW_RESUMED, workflow)


def _locked_schedules(workflow: Workflow) -> list[Schedule]:
    rows = Schedule.objects.select_for_update(no_key=True).annotate(now=Now())
    return list(rows.filter(workflow=workflow, paused=False, next_at__isnull=False).order_by("id"))
