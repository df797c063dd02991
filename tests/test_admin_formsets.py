"""Forged or broken formsets in the admin: an error that staff can read, and never a fault."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from tests.audited import World, make_world
from tests.site import ADMIN, session
from tests.test_audited_admin import TRIES_ONLY, given, sent

FORGED: dict[str, dict[str, str | None]] = {
    "nothing": {"TOTAL_FORMS": None, "INITIAL_FORMS": None},
    "no total": {"TOTAL_FORMS": None},
    "no initial": {"INITIAL_FORMS": None},
    "a word": {"TOTAL_FORMS": "x"},
    "words": {"TOTAL_FORMS": "x", "INITIAL_FORMS": "x"},
    "empty": {"TOTAL_FORMS": "", "INITIAL_FORMS": ""},
    "negative": {"TOTAL_FORMS": "-1", "INITIAL_FORMS": "-1"},
    "huge": {"TOTAL_FORMS": "9" * 30},
    "huge rows": {"TOTAL_FORMS": "9" * 30, "INITIAL_FORMS": "9" * 30},
    "too long for a number": {"TOTAL_FORMS": "9" * 9999},
    "not this writing": {"TOTAL_FORMS": "\u0661\x00"},
    "new": {"TOTAL_FORMS": "3", "INITIAL_FORMS": "0"},
    "rows without ids": {"TOTAL_FORMS": "3", "INITIAL_FORMS": "3"},
    "rows of nobody": {"TOTAL_FORMS": "1", "INITIAL_FORMS": "1", "0-id": "7"},
    "rows of nonsense": {"TOTAL_FORMS": "1", "INITIAL_FORMS": "1", "0-id": "x\x00"},
    "more rows than forms": {"TOTAL_FORMS": "1", "INITIAL_FORMS": "5"},
    "no page": {"page": "\u00b2"},
    "bounds": {"MIN_NUM_FORMS": "x", "MAX_NUM_FORMS": "x"},
    "a deleted one": {"TOTAL_FORMS": "1", "INITIAL_FORMS": "1", "0-DELETE": "on"},
}


@pytest.fixture
def world(db: None) -> World:
    """With a row in each inline."""
    made = make_world()
    crontab = CrontabSchedule.objects.get()
    PeriodicTask.objects.create(name="timed", task="config.retain", crontab=crontab)
    return made


def prefixes() -> list[str]:
    """Of all formsets that an admin has: its inlines, and `form` of a list that is edited."""
    found = {"form"}
    for model, shown in admin.site._registry.items():
        for inline in shown.inlines:
            made = inline(model, admin.site).get_formset(None)  # type: ignore[arg-type] # any request
            found.add(made.get_default_prefix())
    return sorted(found)


def forged(prefix: str, change: dict[str, str | None], body: dict[str, Any]) -> dict[str, Any]:
    changes = {f"{prefix}-{name}": value for name, value in change.items()}
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


@pytest.mark.parametrize("kind", FORGED)
def test_every_page_answers_a_forged_formset(world: World, kind: str) -> None:
    faults = []
    forms_first = sorted(ADMIN, key=lambda route: not route.pattern.endswith("/change/"))
    for route in (route for route in forms_first if route.pattern not in TRIES_ONLY):
        client = session(world.site.people.staff)
        path = world.path(route)
        body = sent(world, client, route, path)
        for prefix in prefixes():  # a page reads its own
            body = forged(prefix, FORGED[kind], body)
        answer = client.post(path, {**body, "_save": "Save"})
        if answer.status_code >= 500:
            faults.append((route.pattern, answer.status_code))
    assert faults == []


def test_there_are_formsets_to_forge() -> None:
    assert prefixes() == ["form", "periodictask_set", "versions"]
    edited = [shown for shown in admin.site._registry.values() if shown.list_editable]
    assert edited == [], "the rows of a list that is edited have to be forged too"


@pytest.mark.parametrize(
    "kind", ["nothing", "no total", "a word", "words", "too long for a number"]
)
def test_what_is_missing_is_told_and_nothing_is_saved(world: World, kind: str) -> None:
    client = session(world.site.people.staff)
    for part, prefix, change in (
        ("django_celery_beat/crontabschedule", "periodictask_set", {"minute": "9"}),
        ("workflows/workflow", "versions", {"name": "Renamed"}),
    ):
        path = f"/admin/{part}/{world.rows[part]}/change/"
        before = given(client, path)
        body = forged(prefix, FORGED[kind], {**before, **change})
        text = client.post(path, body).content.decode()
        assert "ManagementForm data is missing or has been tampered with" in text
        assert given(client, path) == before


@pytest.mark.parametrize("key", ["x", "", "\x00", "[]", "9" * 30, "9" * 9999])
def test_a_chosen_row_that_cannot_be_is_refused_by_every_list(world: World, key: str) -> None:
    client = session(world.site.people.staff)
    faults = {}
    for model in admin.site._registry:
        path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        answer = client.post(path, {"action": "delete_selected", "_selected_action": key})
        if answer.status_code != 400:
            faults[path] = answer.status_code
    assert faults == {}


@pytest.mark.parametrize(
    "field", ["minute", "hour", "day_of_month", "month_of_year", "day_of_week"]
)
def test_a_time_that_celery_cannot_read_is_refused(world: World, field: str) -> None:
    client = session(world.site.people.staff)
    path = "/admin/django_celery_beat/crontabschedule/add/"
    answer = client.post(path, {**given(client, path), field: "-1"})
    assert "Celery cannot read this: negative numbers not supported." in answer.content.decode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"headers": ""}, None),
        ({"regtask": "\x00"}, "Null characters are not allowed"),
        ({"task": "\x00", "regtask": ""}, "Need name of task"),
    ],
)
def test_a_chore_is_kept_or_refused_and_no_fault(
    world: World, change: dict[str, str], said: str | None
) -> None:
    client = session(world.site.people.staff)
    chore = "django_celery_beat/periodictask"
    path = f"/admin/{chore}/{world.rows[chore]}/change/"
    answer = client.post(path, {**given(client, path), **change})
    assert answer.status_code == (302 if said is None else 200)
    assert said is None or said in answer.content.decode()


def test_a_delay_that_nobody_could_wait_for_is_refused(world: World) -> None:
    client = session(world.site.people.staff)
    path = f"/admin/workflows/schedule/{world.rows['workflows/schedule']}/change/"
    answer = client.post(path, {**given(client, path), "jitter": "9" * 20})
    assert "Ensure this value is less than or equal to" in answer.content.decode()
