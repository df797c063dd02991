"""What guards each route, socket and task; and that one without a guard is seen."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery
from django.http import HttpRequest, HttpResponse
from rest_framework.views import APIView

from config import doors
from config.celery import app
from config.doors import Route
from tenants.access import needs
from tenants.roles import Permission


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("open to all")


class OpenAPI(APIView):
    permission_classes = []


class OwnAPI(APIView):
    permissions = {"post": Permission.EDIT}

    def get(self) -> None:
        """A method that the class has."""

    def post(self) -> None:
        """As above."""

    def put(self) -> None:
        """One without a permission of its own."""


def test_every_door_of_this_process_is_guarded() -> None:
    app.loader.import_default_modules()
    known = doors.doors(app)
    assert {door.kind for door in known} == {"route", "socket", "task"}
    assert [door for door in known if not door.guard] == []


@pytest.mark.parametrize(
    ("pattern", "view"),
    [
        ("t/<slug:tenant_slug>/new/", plain),
        ("new/", plain),
        ("admin/new/", plain),
        ("api/v1/new/", OpenAPI.as_view()),
        ("api/v1/new/", plain),
    ],
)
def test_a_route_without_a_guard_is_seen(pattern: str, view: Any) -> None:
    assert doors.guard_of(Route(pattern, view)) == ""


def test_a_page_says_what_a_member_must_be_allowed() -> None:
    route = Route("t/<slug:tenant_slug>/new/", needs(Permission.EDIT)(plain))
    assert doors.guard_of(route) == "a member who may edit"


def test_an_api_view_says_it_by_method_and_is_closed_by_default() -> None:
    route = Route("api/v1/new/", OwnAPI.as_view())
    assert doors.guard_of(route) == "a key that may: get view, post edit, put nobody"


def test_a_task_that_takes_somebodys_data_is_seen() -> None:
    celery = Celery("planted", set_as_current=False)

    @celery.task(name="planted.work")
    def work(tenant_id: str) -> None:
        """Whose work it is would be the message's word."""

    found = {door.name: door.guard for door in doors.doors(celery)}
    assert found["planted.work"] == ""
