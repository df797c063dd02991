"""`manage.py doctor` as a person or a monitor calls it."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command

from executions.models import Execution
from tenants import scope
from tests.executions.driving import statuses
from tests.executions.planting import EXPIRED, RUN, make, plant, rounded

pytestmark = pytest.mark.usefixtures("committed_db")


def doctor(*arguments: str) -> tuple[int, str]:
    """The exit status and what was printed."""
    out = io.StringIO()
    try:
        call_command("doctor", *arguments, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), rounded(out.getvalue())
    return 0, out.getvalue()


def slug_of(run: Execution) -> str:
    with scope.tenant(run.tenant_id):
        return run.tenant.slug


def test_a_healthy_database_is_said_to_be_so() -> None:
    make("finished")
    assert doctor() == (0, "All invariants hold.\n")
    assert doctor("--all", "--repair") == (0, "All invariants hold.\n")


def test_a_breach_is_named_with_its_place_and_fails_the_command() -> None:
    run = make("running")
    plant(run.id, EXPIRED)
    assert doctor() == (
        1,
        f"broken    I8 lease-over: {slug_of(run)} {run.id} a: "
        "Its lease ended an hour ago and it is still running.\n",
    )
    assert statuses(run) == {"a": "running"}


def test_what_was_repaired_is_named_and_does_not_fail_it() -> None:
    run = make("running")
    plant(run.id, EXPIRED)
    status, printed = doctor("--repair")
    assert status == 0
    assert printed.startswith("repaired  I8 lease-over: ")
    assert doctor() == (0, "All invariants hold.\n")


def test_what_is_left_after_a_repair_fails_it() -> None:
    whole, late = make("single"), make("running")
    plant(whole.id, RUN.format("finished_at = NULL"))
    plant(late.id, EXPIRED)
    status, printed = doctor("--repair")
    assert status == 1
    assert [line.split()[:3] for line in printed.splitlines()] == [
        ["repaired", "I8", "lease-over:"],
        ["broken", "I2", "run-contradicts:"],
    ]


def test_machines_get_json() -> None:
    run = make("running")
    plant(run.id, EXPIRED)
    status, printed = doctor("--json")
    assert status == 1
    assert json.loads(printed) == {
        "violations": [
            {
                "number": "I8",
                "name": "lease-over",
                "message": "Its lease ended an hour ago and it is still running.",
                "tenant": slug_of(run),
                "tenant_id": str(run.tenant_id),
                "execution_id": str(run.id),
                "step": "a",
                "repair": "release",
            }
        ],
        "repaired": [],
    }
