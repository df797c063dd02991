"""What is forgotten by whom, and how long the settings say that it is kept."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db.models.functions import Now

from config import env, retention
from config.celery import app
from config.local.home import PROJECT
from tests import factories
from tests.executions.driving import drained
from tests.executions.past import copies


def printed(*arguments: str) -> dict[str, int]:
    out = io.StringIO()
    call_command("retain", *arguments, stdout=out)
    lines = [line.split() for line in out.getvalue().splitlines()]
    return {kind: int(count.replace(",", "")) for kind, count in lines}


def make_sessions() -> None:
    for name, hours in (("over", -1), ("good", 1)):
        Session.objects.create(
            session_key=name, session_data="", expire_date=Now() + timedelta(hours=hours)
        )


@pytest.mark.usefixtures("committed_db")
def test_a_dry_run_counts_and_deletes_nothing() -> None:
    workflow = factories.make_workflow(factories.make_tenant())
    copies(drained(factories.start_execution(workflow)), 3, timedelta(days=31))
    make_sessions()
    expected = printed("--dry-run")
    assert expected == {
        "executions": 3,
        "steps": 3,
        "events": expected["events"],
        "trials": 0,
        "keys": 0,
        "deliveries": 0,
        "addresses": 0,
        "sessions": 1,
    }
    assert printed() == expected
    assert set(printed().values()) == {0}


@pytest.mark.usefixtures("committed_db")
def test_only_sessions_that_are_over_go() -> None:
    make_sessions()
    assert retention.forget() == {"sessions": 1}
    assert list(Session.objects.values_list("session_key", flat=True)) == ["good"]


def test_beat_sends_the_tick_that_a_task_hears() -> None:
    app.loader.import_default_modules()
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= set(app.tasks)


@pytest.mark.parametrize("text", ["", "0", "-1", "7d", "1.5", "100000"])
def test_what_is_no_number_of_days_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPWELL_KEEP_EVENTS_DAYS", text)
    with pytest.raises(ImproperlyConfigured, match=r"KEEP_EVENTS_DAYS: .* Give e\.g\. 30"):
        env.days("STEPWELL_KEEP_EVENTS_DAYS", default=30)


def test_a_run_may_not_be_forgotten_before_its_history() -> None:
    days = {"STEPWELL_KEEP_EVENTS_DAYS": "30", "STEPWELL_KEEP_EXECUTIONS_DAYS": "7"}
    refused = subprocess.run(
        [sys.executable, "-c", "import config.settings"],
        cwd=PROJECT,
        env={**os.environ, **days},
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 1
    assert "give at least the 30 of STEPWELL_KEEP_EVENTS_DAYS" in refused.stderr
