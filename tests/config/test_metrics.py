"""What Prometheus reads, parsed by its own parser and compared with the rows."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, connection
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from config import metrics
from config.local.home import PROJECT
from executions import services
from executions.models import Slot, StepRun, Worker
from executions.services import measuring
from tenants import scope
from tests import factories
from tests.executions.driving import claimed, drained, expire_lease, new_worker
from tests.webhooks import senders
from tests.workflows.definitions import document, step
from workflows.models import Schedule, Workflow

WRONG = step("wrong", kind="fail", config={"message": "Out of stock."})
TOKEN = "a-token-for-prometheus"

BOUNDS = ("0.5", "2.0", "5.0", "60.0", "300.0", "+Inf")
STATUSES = ("queued", "held", "running", "waiting")
Figures = dict[str, float]


@pytest.fixture(autouse=True)
def _measured_anew() -> None:
    metrics.collector.forget()


def scraped(client: Client | None = None, **headers: str) -> Figures:
    """Every sample by its name, with its labels as they are written."""
    answer = (client or Client()).get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.content.decode())
    return {_name(sample): sample.value for family in families for sample in family.samples}


def _name(sample: Any) -> str:
    labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
    name = str(sample.name).removeprefix("stepwell_")
    return f"{name}{{{labels}}}" if labels else name


def tried(workflow: Workflow) -> None:
    with scope.tenant(workflow.tenant_id):
        services.run_draft(workflow=workflow, kind="manual", body=None, message="A test.")


# --- What the figures are ------------------------------------------------------------------------


@pytest.mark.usefixtures("committed_db")
def test_where_nothing_was_every_figure_is_there_and_nought() -> None:
    found = scraped()
    assert set(found.values()) == {0.0}
    assert {"workers", "steps_ready", "executions{status=running}"} <= found.keys()
    assert {"executions_ended_last_hour{status=failed}"} <= found.keys()
    assert {"schedule_slots_last_hour{outcome=missed}"} <= found.keys()


@pytest.mark.usefixtures("committed_db")
def test_executions_are_counted_by_status_and_tests_are_not() -> None:
    tenant = factories.make_tenant()
    wait = step("wait", kind="delay", config={"seconds": 3600})
    limits = {"executions": 1, "limit": "queue"}
    drained(factories.start_execution(factories.make_workflow(tenant, document(wait))))
    one = factories.make_workflow(tenant, document(step("a"), limits=limits))
    for _ in range(3):
        factories.start_execution(one)
    workflow = factories.make_workflow(tenant, document(step("a"), step("b")))
    for _ in range(2):
        factories.start_execution(workflow)
    tried(workflow)
    tried(factories.make_draft(tenant, document(wait)))
    found = scraped()
    counts = {status: found[f"executions{{status={status}}}"] for status in STATUSES}
    assert counts == {"queued": 3, "held": 2, "running": 0, "waiting": 1}
    assert found["execution_queued_oldest_seconds"] > 0


@pytest.mark.usefixtures("committed_db")
def test_leases_ready_steps_and_workers_are_counted() -> None:
    tenant = factories.make_tenant()
    workflow = factories.make_workflow(tenant, document(step("a"), step("b"), step("c")))
    factories.start_execution(workflow)
    worker = new_worker()
    claim = claimed(worker)
    Worker.objects.create(name="dead")
    Worker.objects.filter(name="dead").update(seen_at=Now() - timedelta(minutes=1))
    found = scraped()
    assert (found["executions{status=running}"], found["leases"]) == (1, 1)
    assert (found["steps_ready"], found["workers"], found["leases_expired"]) == (2, 1, 0)
    assert found["step_ready_oldest_seconds"] > 0
    expire_lease(claim)
    metrics.collector.forget()
    assert scraped()["leases_expired"] == 1


@pytest.mark.usefixtures("committed_db")
def test_steps_whose_outcome_is_unknown_are_counted() -> None:
    run = factories.start_execution(factories.make_workflow(factories.make_tenant()))
    claimed(new_worker())
    with scope.tenant(run.tenant_id):
        StepRun.objects.update(status="unknown")
    assert scraped()["steps_unknown"] == 1


@pytest.mark.usefixtures("committed_db")
def test_what_ended_in_the_last_hour_is_counted_by_how_it_ended() -> None:
    tenant = factories.make_tenant()
    for definition, times in ((document(step("a")), 2), (document(WRONG), 1)):
        workflow = factories.make_workflow(tenant, definition)
        for _ in range(times):
            drained(factories.start_execution(workflow))
        tried(workflow)
    old = drained(factories.start_execution(workflow))
    with scope.tenant(tenant.id):
        type(old).objects.filter(id=old.id).update(finished_at=Now() - timedelta(hours=2))
    found = scraped()
    ended = {
        status: found[f"executions_ended_last_hour{{status={status}}}"]
        for status in ("succeeded", "failed", "cancelled", "timed_out")
    }
    assert ended == {"succeeded": 2, "failed": 1, "cancelled": 0, "timed_out": 0}


@pytest.mark.usefixtures("committed_db")
def test_deliveries_are_counted_once() -> None:
    address = senders.make_address()
    for message in ("msg_1", "msg_1", "msg_2"):
        senders.deliver(address, senders.standard(address, delivery_id=message))
    assert scraped()["deliveries_last_hour"] == 2


# --- How late schedules fire ---------------------------------------------------------------------


def fired(schedule: Schedule, *lags: float, outcome: str = "started") -> None:
    """Slots that were fired so many seconds after their time, the last of them just now."""
    with scope.tenant(schedule.tenant_id):
        for place, lag in enumerate(lags):
            Slot.objects.create(
                tenant_id=schedule.tenant_id,
                schedule=schedule,
                slot=timezone.now() - timedelta(seconds=lag, milliseconds=place),
                outcome=outcome,
            )


@pytest.mark.usefixtures("committed_db")
def test_the_lag_of_slots_is_a_histogram_with_its_maximum() -> None:
    workflow = factories.make_workflow(factories.make_tenant())
    fired(factories.make_schedule(workflow), 0.1, 0.3, 4.0, 120.0)
    found = scraped()
    name = "schedule_fire_lag_seconds"
    buckets = {bound: found[f"{name}_bucket{{le={bound}}}"] for bound in BOUNDS}
    assert buckets == {"0.5": 2, "2.0": 2, "5.0": 3, "60.0": 3, "300.0": 4, "+Inf": 4}
    assert found[f"{name}_gcount"] == 4
    assert 124.4 <= found[f"{name}_gsum"] < 200
    assert 120 <= found["schedule_fire_lag_max_seconds"] < 150
    assert found["schedule_slots_last_hour{outcome=started}"] == 4


@pytest.mark.usefixtures("committed_db")
def test_jitter_is_no_lag() -> None:
    workflow = factories.make_workflow(factories.make_tenant())
    schedule = factories.make_schedule(workflow, "* * * * *", jitter=59)
    minute = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=5)
    due = next(schedule.timetable.after(minute))
    with scope.tenant(schedule.tenant_id):
        Slot.objects.create(
            tenant_id=schedule.tenant_id,
            schedule=schedule,
            slot=due.slot,
            outcome="started",
            fired_at=due.at + timedelta(seconds=1.5),
        )
    assert scraped()["schedule_fire_lag_max_seconds"] == 1.5


@pytest.mark.usefixtures("committed_db")
@pytest.mark.parametrize("outcome", ["missed", "waiting"])
def test_what_was_not_fired_has_no_lag(outcome: str) -> None:
    workflow = factories.make_workflow(factories.make_tenant())
    fired(factories.make_schedule(workflow), 100.0, outcome=outcome)
    found = scraped()
    assert found["schedule_fire_lag_seconds_gcount"] == 0
    assert found[f"schedule_slots_last_hour{{outcome={outcome}}}"] == 1


@pytest.mark.usefixtures("committed_db")
def test_a_wait_for_the_run_before_is_no_lag() -> None:
    workflow = factories.make_workflow(factories.make_tenant())
    fired(factories.make_schedule(workflow, overlap="queue"), 100.0)
    assert scraped()["schedule_fire_lag_max_seconds"] == 0


@pytest.mark.usefixtures("committed_db")
def test_a_schedule_that_nobody_fires_is_overdue() -> None:
    schedule = factories.make_schedule(factories.make_workflow(factories.make_tenant()))
    assert scraped()["schedule_overdue_seconds"] == 0
    with scope.tenant(schedule.tenant_id):
        Schedule.objects.update(next_at=Now() - timedelta(minutes=10))
    metrics.collector.forget()
    assert 600 <= scraped()["schedule_overdue_seconds"] < 630


# --- Who may see them ----------------------------------------------------------------------------


@pytest.mark.django_db
def test_without_a_token_only_this_machine_sees_them(settings: LazySettings) -> None:
    assert Client(REMOTE_ADDR="127.0.0.1").get("/metrics").status_code == 200
    assert Client(REMOTE_ADDR="::1").get("/metrics").status_code == 200
    assert Client(REMOTE_ADDR="10.0.0.7").get("/metrics").status_code == 404
    assert Client(REMOTE_ADDR="").get("/metrics").status_code == 404
    settings.BEHIND_PROXY = True
    assert Client(REMOTE_ADDR="127.0.0.1").get("/metrics").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer no", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"]
)
def test_with_a_token_only_its_holder_sees_them(settings: LazySettings, header: str) -> None:
    settings.METRICS_TOKEN, settings.BEHIND_PROXY = TOKEN, True
    assert Client().get("/metrics", headers={"Authorization": header}).status_code == 404
    assert scraped(Client(REMOTE_ADDR="10.0.0.7"), Authorization=f"Bearer {TOKEN}")


@pytest.mark.django_db
def test_no_figure_names_a_tenant() -> None:
    factories.start_execution(factories.make_workflow(factories.make_tenant("very-secret")))
    assert "very-secret" not in "".join(scraped())


def test_only_reading_is_allowed() -> None:
    assert Client().post("/metrics").status_code == 405


# --- What they cost ------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_second_scrape_asks_postgres_nothing(django_assert_num_queries: Any) -> None:
    scraped()
    with django_assert_num_queries(0):
        scraped()


@pytest.mark.django_db
def test_no_figure_is_found_by_reading_a_whole_table() -> None:
    """With an index for each part, the planner takes it if it must not scan the table."""
    with scope.operator("a test looks at a plan"), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for statement in (measuring._STATE, measuring._ENDED, measuring._SLOTS):
            cursor.execute(f"EXPLAIN {statement}", {"lost": 6.0})
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "Seq Scan on executions_execution" not in plan
            assert "Seq Scan on executions_steprun" not in plan
            assert "Seq Scan on executions_slot" not in plan


@pytest.mark.django_db
def test_while_postgres_is_away_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise DatabaseError

    monkeypatch.setattr(metrics.collector, "state", metrics.Kept(away, 1.0))
    assert Client().get("/metrics").status_code == 503


# --- docs/OPERATIONS.md --------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_guide_names_every_metric_and_no_other() -> None:
    guide = (PROJECT / "docs" / "OPERATIONS.md").read_text()
    described = set(re.findall(r"^\| `stepwell_(\w+)", guide, re.MULTILINE))
    alarmed = set(re.findall(r"stepwell_(\w+)", guide))
    families = text_string_to_metric_families(Client().get("/metrics").content.decode())
    names = {family.name.removeprefix("stepwell_") for family in families}
    assert {name.removesuffix("_gcount").removesuffix("_gsum") for name in names} == described
    assert {name.removesuffix("_bucket") for name in alarmed} == described
