"""Schedules over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.conf import LazySettings

from tests.callers import Caller, owner_of
from tests.workflows.definitions import document, step

DAILY = {"workflow": "flow", "name": "Daily", "cron": "30 2 * * *", "zone": "Europe/Paris"}
NEEDY = document(step("a"), input={"type": "object", "required": ["region"]})


@pytest.fixture
def acme(db: None) -> Caller:
    caller = owner_of("acme")
    caller.post("workflows/", {"name": "flow", "definition": NEEDY})
    caller.post("workflows/flow/publish/")
    return caller


def made(caller: Caller, **values: Any) -> Any:
    return caller.post("schedules/", {**DAILY, "input": {"region": "eu"}, **values})


def first_error(answer: Any) -> tuple[str, str]:
    assert answer.status_code == 422
    (error, *_) = answer.json()["errors"]
    return error["field"], error["message"]


def test_a_schedule_is_made_with_sensible_choices(acme: Caller) -> None:
    answer = made(acme)
    body = answer.json()
    assert answer.status_code == 201
    assert answer["Location"] == f"/api/v1/schedules/{body['id']}/"
    assert body["words"] == "At 02:30 every day"
    assert (body["misfire"], body["overlap"], body["jitter"]) == ("once", "allow", 0)
    assert (body["paused"], body["problem"], body["slots"]) == (False, "", [])
    assert acme.get(answer["Location"]).json() == body
    assert [one["id"] for one in acme.get("schedules/").json()["results"]] == [body["id"]]


def test_the_next_ten_fires_are_shown_in_the_schedules_zone(acme: Caller) -> None:
    body = made(acme).json()
    fires = [datetime.fromisoformat(fire["slot"]) for fire in body["next"]]
    assert len(fires) == 10
    assert fires == sorted(set(fires))
    assert {fire.strftime("%H:%M") for fire in fires} <= {"02:30", "03:00"}
    assert datetime.fromisoformat(body["next_at"]) == fires[0]


def test_an_expression_can_be_tried_without_keeping_it(acme: Caller) -> None:
    body = acme.post("schedules/preview/", {"cron": "0 9 * * 1-5"}).json()
    assert body["words"] == "At 09:00 on Monday through Friday"
    assert len(body["next"]) == 10
    assert acme.get("schedules/").json()["results"] == []


@pytest.mark.parametrize(
    ("values", "field", "part"),
    [
        ({"cron": "61 * * * *"}, "cron", "'61' is no minute. Give 0-59"),
        ({"cron": "@daily"}, "cron", "five fields"),
        ({"zone": "Europe/Pariss"}, "zone", 'Did you mean "Europe/Paris"?'),
        ({"workflow": "nothing"}, "workflow", "There is no workflow 'nothing'."),
        ({"jitter": 3601}, "jitter", "3600"),
        ({"misfire": "sometimes"}, "misfire", "sometimes"),
        ({"misfire_max": 0}, "misfire_max", "1"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "ends_at", "before its first slot"),
        ({"starts_at": "9999-01-01T00:00:00Z"}, "starts_at", "ten years"),
        (
            {"starts_at": "2030-01-02T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z"},
            "ends_at",
            "after it starts",
        ),
        ({"crom": "* * * * *"}, "crom", "not known here"),
    ],
)
def test_what_does_not_fit_is_refused_by_field(
    acme: Caller, values: dict[str, Any], field: str, part: str
) -> None:
    named, message = first_error(made(acme, **values))
    assert named == field
    assert part in message


def test_an_input_that_the_workflow_would_refuse_is_refused_at_once(acme: Caller) -> None:
    answer = made(acme, input={})
    assert answer.status_code == 422
    assert "region" in answer.json()["errors"][0]["message"]


def test_a_schedule_is_changed(acme: Caller) -> None:
    path = made(acme)["Location"]
    body = acme.patch(path, {"cron": "0 12 * * *", "name": "Noon"}).json()
    assert (body["name"], body["words"]) == ("Noon", "At 12:00 every day")
    assert body["next_at"] == acme.get(path).json()["next"][0]["fires_at"]
    assert acme.patch(path, {"cron": "nonsense"}).status_code == 422
    assert acme.get(path).json()["cron"] == "0 12 * * *"


def test_a_paused_schedule_fires_no_more_until_it_is_resumed(acme: Caller) -> None:
    path = made(acme)["Location"]
    paused = acme.post(f"{path}pause/").json()
    assert (paused["paused"], paused["next_at"]) == (True, None)
    assert len(paused["next"]) == 10
    resumed = acme.post(f"{path}resume/").json()
    assert (resumed["paused"], resumed["next_at"]) == (False, resumed["next"][0]["fires_at"])


def test_a_schedule_whose_input_is_refused_by_now_can_still_be_paused(acme: Caller) -> None:
    path = made(acme)["Location"]
    stricter = document(step("a"), input={"type": "object", "required": ["region", "day"]})
    acme.put("workflows/flow/draft/", {"definition": stricter}, if_match="*")
    assert acme.post("workflows/flow/publish/").status_code == 201
    assert acme.post(f"{path}pause/").status_code == 200
    assert acme.patch(path, {"input": {"region": "eu"}}).status_code == 422
    assert acme.patch(path, {"input": {"region": "eu", "day": 1}}).status_code == 200


def test_a_deleted_schedule_is_gone(acme: Caller) -> None:
    path = made(acme)["Location"]
    assert acme.delete(path).status_code == 204
    assert acme.get(path).status_code == 404


def test_a_schedule_starts_when_it_is_told_to(acme: Caller) -> None:
    body = made(acme, starts_at="2030-01-01T01:30:00Z").json()
    assert body["next_at"] == "2030-01-01T01:30:00Z"
    sooner = acme.patch(f"schedules/{body['id']}/", {"starts_at": None}).json()
    assert sooner["next_at"] < body["next_at"]


def test_a_deployment_has_only_so_many_active_schedules(
    acme: Caller, settings: LazySettings
) -> None:
    settings.MAX_SCHEDULES = 2
    globex = owner_of("globex")
    globex.post("workflows/", {"name": "flow", "definition": document(step("a"))})
    first, _ = made(acme), made(globex)
    refused = made(acme)
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:stepwell:problem:too-many-schedules"
    assert "2 schedules are active" in refused.json()["detail"]

    acme.post(f"{first['Location']}pause/")
    assert made(acme).status_code == 201
    assert acme.post(f"{first['Location']}resume/").status_code == 409
    assert acme.get(first["Location"]).json()["paused"] is True
