"""The demo: made once, completed at every start; its samples run to their ends."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command

from config.demo import samples
from config.demo.people import PEOPLE, Person
from config.demo.seed import seed
from config.local.demo import Facts
from executions import services as executions
from executions.models import Event, Execution
from tenants import scope
from tenants import services as tenants
from tenants.models import ApiKey, Tenant, User
from tests import factories, outgoing
from tests.executions import driving
from webhooks import services as webhooks
from webhooks.models import Endpoint
from webhooks.receive import receive
from webhooks.signatures import Message, sign
from workflows import services as workflows
from workflows.definition import JSON

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def kept_in(tmp_path: Path) -> Path:
    return tmp_path / "demo.json"


@pytest.fixture(scope="module")
def shop_url(shop_port: int) -> Iterator[str]:
    with outgoing.loopback_allowed():
        yield f"http://127.0.0.1:{shop_port}"


def acme() -> Tenant:
    with scope.operator("a test looks"):
        return Tenant.objects.get(slug="acme")


def output_of(execution: Execution) -> dict[str, JSON]:
    assert (execution.status, execution.error) == ("succeeded", None)
    output = execution.output
    assert isinstance(output, dict)
    return output


def ran(slug: str, body: JSON = None) -> Execution:
    """A run of a sample, to its end."""
    with scope.tenant(acme().id):
        execution = executions.start(workflow=workflows.find(slug=slug), kind="manual", body=body)
    return driving.drained(execution)


def send(facts: Facts, delivery_id: str = "msg_1") -> UUID:
    body = json.dumps(facts.payload).encode()
    headers = sign(
        "standard-webhooks",
        None,
        facts.endpoint.secret,
        Message({}, body),
        delivery_id=delivery_id,
        timestamp=int(time.time()),
    )
    token = urlsplit(facts.endpoint.url).path.split("/")[2]
    received = receive(token, headers, {}, body)
    assert received.execution_id is not None
    return received.execution_id


def test_everybody_can_log_in_with_the_printed_password(db: None, kept_in: Path) -> None:
    facts = seed(shop_url=NOWHERE, kept_in=kept_in)
    assert [login.email for login in facts.logins] == [person.email for person in PEOPLE]
    for login in facts.logins:
        assert authenticate(username=login.email, password=login.password) is not None
    staff = [login for login in facts.logins if User.objects.get(email=login.email).is_staff]
    assert [login.role for login in staff] == ["staff"]


@pytest.mark.parametrize("person", [person for person in PEOPLE if person.tenant])
def test_a_member_has_the_role_in_the_own_tenant_only(
    db: None, kept_in: Path, person: Person
) -> None:
    seed(shop_url=NOWHERE, kept_in=kept_in)
    user = User.objects.get(email=person.email)
    roles = {slug: tenants.find_member(user, slug) for slug in ("acme", "globex")}
    own = roles.pop(str(person.tenant))
    assert own is not None
    assert own.role is person.member_as
    assert list(roles.values()) == [None]


def test_a_second_start_changes_nothing(db: None, kept_in: Path) -> None:
    first = seed(shop_url=NOWHERE, kept_in=kept_in)
    assert seed(shop_url=NOWHERE, kept_in=kept_in) == first
    with scope.tenant(acme().id):
        assert Endpoint.objects.count() == 1
        assert ApiKey.objects.count() == 1
        for slug in samples.NAMES:
            assert workflows.versions(workflow=workflows.find(slug=slug)).count() == 1


def test_what_people_changed_stays(db: None, kept_in: Path) -> None:
    seed(shop_url=NOWHERE, kept_in=kept_in)
    changed: JSON = {
        "schema": 1,
        "steps": [{"key": "own", "type": "log", "with": {"message": "mine"}}],
    }
    with scope.tenant(acme().id):
        workflow = workflows.find(slug="lost-order")
        workflows.save_draft(workflow=workflow, definition=changed, expected_revision=None)
        workflows.publish(workflow=workflow, by=None)
    seed(shop_url=NOWHERE, kept_in=kept_in)
    with scope.tenant(acme().id):
        current = workflows.find(slug="lost-order").current
        assert current is not None
        assert current.number == 2


def test_the_shops_new_address_is_taken_at_every_start(db: None, kept_in: Path) -> None:
    seed(shop_url=NOWHERE, kept_in=kept_in)
    seed(shop_url="http://127.0.0.1:10", kept_in=kept_in)
    tenant_id = acme().id
    with scope.tenant(tenant_id):
        assert tenants.variable_values(tenant_id)["shop_url"] == "http://127.0.0.1:10"


def test_with_its_file_lost_the_demo_prints_what_works_again(db: None, kept_in: Path) -> None:
    first = seed(shop_url=NOWHERE, kept_in=kept_in)
    kept_in.unlink()
    again = seed(shop_url=NOWHERE, kept_in=kept_in)
    assert again.endpoint.url == first.endpoint.url
    assert again.endpoint.secret != first.endpoint.secret
    assert tenants.find_key_holder(again.api_key) is not None
    owner = again.logins[0]
    assert authenticate(username=owner.email, password=owner.password) is not None


def test_a_password_that_somebody_changed_is_the_demos_again(db: None, kept_in: Path) -> None:
    editor = seed(shop_url=NOWHERE, kept_in=kept_in).logins[1]
    user = User.objects.get(email=editor.email)
    user.set_password("my own words")
    user.save()
    seed(shop_url=NOWHERE, kept_in=kept_in)
    assert authenticate(username=editor.email, password=editor.password) is not None


def test_a_secret_that_somebody_rotated_is_the_demos_again(db: None, kept_in: Path) -> None:
    facts = seed(shop_url=NOWHERE, kept_in=kept_in)
    with scope.tenant(acme().id):
        webhooks.rotate(endpoint=Endpoint.objects.get())
    assert seed(shop_url=NOWHERE, kept_in=kept_in) == facts
    with scope.tenant(acme().id):
        Endpoint.objects.update(sealed_previous=None)
    send(facts)


def test_only_its_owner_reads_what_is_kept(db: None, kept_in: Path) -> None:
    seed(shop_url=NOWHERE, kept_in=kept_in)
    assert stat.S_IMODE(kept_in.stat().st_mode) == 0o600


@pytest.mark.parametrize("slug", samples.NAMES)
def test_a_sample_has_no_problems_and_no_warnings(db: None, kept_in: Path, slug: str) -> None:
    seed(shop_url=NOWHERE, kept_in=kept_in)
    tenant_id = acme().id
    with scope.tenant(tenant_id):
        found = workflows.problems(tenant_id=tenant_id, definition=samples.definition(slug))
    assert found == []


def test_every_sample_is_listed() -> None:
    files = Path(samples.__file__).parent.glob("*.yaml")
    assert {file.stem for file in files} == set(samples.NAMES)


def test_the_demos_webhook_puts_an_order_into_the_crm(
    committed_db: None, kept_in: Path, shop_url: str
) -> None:
    facts = seed(shop_url=shop_url, kept_in=kept_in)
    execution_id = send(facts)
    with scope.tenant(acme().id):
        execution = Execution.objects.get(id=execution_id)
    execution = driving.drained(execution)
    with scope.tenant(acme().id):
        shown = json.dumps(list(Event.objects.values("message", "data")))
    output = output_of(execution)
    assert output["found"] is True
    assert str(output["crm_id"]).startswith("crm_")
    assert driving.statuses(execution)["missing"] == "skipped"
    fetch = driving.step_run(execution, "fetch")
    assert len(fetch.attempts) == 2, "the shop was busy once, so a retry is to be seen"
    assert "demo-shop-token" not in shown + json.dumps(fetch.input)


def test_an_order_that_is_not_there_is_no_failure(
    committed_db: None, kept_in: Path, shop_url: str
) -> None:
    seed(shop_url=shop_url, kept_in=kept_in)
    execution = ran("order-to-crm", {"order_id": "none"})
    assert output_of(execution) == {"found": False, "crm_id": None}


def test_the_morning_check_waits_for_all_services(
    committed_db: None, kept_in: Path, shop_url: str
) -> None:
    seed(shop_url=shop_url, kept_in=kept_in)
    execution = ran("morning-check")
    assert set(output_of(execution)) == {"warehouse", "payments", "shipping", "catalogue"}
    said = {key: driving.statuses(execution)[key] for key in ("praise", "note", "alarm")}
    assert sorted(said.values()) == ["skipped", "skipped", "succeeded"]


def test_the_lost_orders_failure_is_handled(
    committed_db: None, kept_in: Path, shop_url: str
) -> None:
    seed(shop_url=shop_url, kept_in=kept_in)
    execution = ran("lost-order")
    assert "404" in str(output_of(execution)["reason"])
    assert driving.statuses(execution)["fetch"] == "failed"


def decided(execution: Execution, decision: Literal["approved", "rejected"]) -> Execution:
    """The run after the demo's operator has decided and a worker did what followed."""
    operator = factories.principal_of(User.objects.get(email="operator@acme.example"), acme())
    with scope.tenant(execution.tenant_id):
        executions.decide(
            tenant_id=execution.tenant_id,
            execution_id=execution.id,
            key="approve",
            decision=decision,
            by=operator,
            data={"reason": "It is the demo."},
        )
    return driving.drained(execution)


def test_approved_orders_are_sent_one_by_one(
    committed_db: None, kept_in: Path, shop_url: str
) -> None:
    seed(shop_url=shop_url, kept_in=kept_in)
    execution = ran("bulk-orders", {"orders": ["1001", "none"]})
    assert driving.statuses(execution) == {"approve": "waiting"}
    first, second = decided(execution, "approved").output or []
    assert str(first["crm_id"]).startswith("crm_")
    assert second == {"order": "none", "crm_id": None}
    with scope.tenant(acme().id):
        kinds = list(Execution.objects.values_list("trigger_kind", flat=True))
    assert sorted(kinds) == ["item", "item", "manual", "sub_workflow", "sub_workflow"]


def test_rejected_orders_are_told_to_the_operators(
    committed_db: None, kept_in: Path, shop_url: str
) -> None:
    seed(shop_url=shop_url, kept_in=kept_in)
    execution = decided(ran("bulk-orders", {"orders": ["1001"]}), "rejected")
    assert execution.status == "failed"
    with scope.tenant(acme().id):
        handler = Execution.objects.get(trigger_kind="failure")
    lines = [event.message for event in driving.events(handler) if event.kind == "step.log"]
    assert lines == ["bulk-orders ended failed: The orders were not approved: rejected."]


def test_the_command_prints_the_facts(
    db: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("STEPWELL_DEMO_SHOP", NOWHERE)
    monkeypatch.setenv("STEPWELL_HOME", str(tmp_path))
    call_command("demo_seed")
    facts = Facts.model_validate_json(capsys.readouterr().out)
    assert facts.tenant == "acme"


def test_the_command_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEPWELL_DEMO_SHOP", raising=False)
    with pytest.raises(CommandError, match="STEPWELL_DEMO_SHOP"):
        call_command("demo_seed")
