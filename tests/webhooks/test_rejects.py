"""What starts nothing is kept with its reason, within bounds, and harms nobody."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.models import Sum

from tenants import scope
from tenants.problems import Problem
from tests import environment, factories, servers
from tests.executions import driving
from tests.webhooks import senders
from tests.webhooks.senders import BODY, Address, deliver, kept, make_address, standard
from tests.workflows.definitions import document, step
from webhooks import deliveries, rejects, services, statements
from webhooks.models import Delivery, Tally
from webhooks.receive import receive

pytestmark = pytest.mark.usefixtures("committed_db")

STRICT = document(step("only"), input={"type": "object", "required": ["order_id"]})
LIMIT = 1_048_576


def refused(address: Address, headers: dict[str, str], body: bytes = BODY, **more: Any) -> int:
    with pytest.raises(Problem) as problem:
        receive(address.token, headers, {}, body, **more)
    return problem.value.status


def only(address: Address) -> Delivery:
    (row,) = kept(address)
    return row


def said(row: Delivery) -> dict[str, Any]:
    assert row.problem is not None
    return dict(row.problem)


# --- Reasons -------------------------------------------------------------------------------------


def test_an_accepted_request_is_kept_as_it_came() -> None:
    address = make_address()
    headers = {**standard(address), "authorization": "open-sesame", "content-type": "text/json"}
    receive(address.token, headers, {"page": "2"}, BODY, client="192.0.2.7")
    row = only(address)
    assert (row.reason, row.status, row.hold) == ("accepted", 202, "")
    assert (bytes(row.body or b""), row.size, row.is_whole) == (BODY, len(BODY), True)
    assert (row.query, row.client) == ({"page": "2"}, "192.0.2.7")
    assert (row.headers["authorization"], row.headers["content-type"]) == ("[masked]", "text/json")
    assert row.latency_ms is not None
    assert row.latency_ms > 0


def test_a_bad_signature() -> None:
    address = make_address()
    assert refused(address, {"x-shop": "north"}, b"anything", client="192.0.2.7") == 401
    row = only(address)
    assert (row.reason, row.status, row.client) == ("bad_signature", 401, "192.0.2.7")
    assert (bytes(row.body or b""), row.headers) == (b"anything", {"x-shop": "north"})
    assert (row.dedupe_key, row.execution_id) == (None, None)


def test_a_stale_signature_has_a_reason_of_its_own_and_the_same_answer() -> None:
    address = make_address()
    assert refused(address, standard(address, age=timedelta(minutes=6))) == 401
    assert only(address).reason == "stale"


def test_a_body_that_is_no_json() -> None:
    address = make_address()
    assert refused(address, standard(address, b"{"), b"{") == 422
    row = only(address)
    assert row.reason == "bad_body"
    assert said(row)["detail"].startswith("The body is not JSON")


def test_a_body_that_does_not_fit_the_schema_says_where() -> None:
    address = make_address(definition=STRICT)
    assert refused(address, standard(address, b"{}"), b"{}") == 422
    row = only(address)
    assert row.reason == "schema_mismatch"
    assert "order_id" in said(row)["errors"][0]["message"]


def test_a_workflow_without_a_live_version() -> None:
    address = make_address(workflow=factories.make_draft(factories.make_tenant()))
    assert refused(address, standard(address)) == 409
    assert only(address).reason == "not_published"


def test_of_a_body_that_is_too_large_only_the_size_is_kept() -> None:
    address = make_address()
    assert refused(address, {}, b"", size=5 * LIMIT) == 413
    row = only(address)
    assert (row.reason, row.size, row.body) == ("too_large", 5 * LIMIT, None)


def test_a_size_that_no_column_holds() -> None:
    address = make_address()
    assert refused(address, {}, b"", size=10**30) == 413
    assert only(address).size == 2**31 - 1


def test_a_duplicate_leads_to_the_first() -> None:
    address = make_address()
    headers = standard(address)
    first, again = deliver(address, headers), deliver(address, headers)
    assert again.duplicate
    row = kept(address)[-1]
    assert (row.reason, row.status) == ("duplicate", 200)
    assert (row.duplicate_of, row.execution_id) == (first.delivery_id, first.execution_id)


def test_an_unknown_token_leaves_nothing() -> None:
    address = make_address()
    with pytest.raises(Problem):
        receive("unknown", standard(address), {}, BODY)
    with scope.operator("a test counts"):
        assert not Delivery.objects.exists()
        assert not Tally.objects.exists()


def test_a_disabled_endpoint_leaves_nothing() -> None:
    address = make_address()
    with scope.tenant(address.tenant.id):
        services.change(endpoint=address.endpoint(), enabled=False)
    assert refused(address, standard(address)) == 404
    assert kept(address) == []


# --- Addresses -----------------------------------------------------------------------------------


def allow(address: Address, *entries: str) -> None:
    endpoint = address.endpoint()
    with scope.tenant(address.tenant.id):
        services.change(endpoint=endpoint, allowed_ips=entries)


def test_an_address_that_is_not_allowed_is_refused_before_its_signature_is_looked_at() -> None:
    address = make_address()
    allow(address, "192.0.2.0/24", "2001:db8::/32")
    assert refused(address, standard(address), client="198.51.100.1") == 403
    assert refused(address, {}, client="198.51.100.1") == 403
    assert refused(address, standard(address), client=None) == 403
    assert {row.reason for row in kept(address)} == {"ip_denied"}


@pytest.mark.parametrize("client", ["192.0.2.200", "2001:db8::5", "::ffff:192.0.2.3"])
def test_an_address_that_is_allowed(client: str) -> None:
    address = make_address()
    allow(address, "192.0.2.0/24", "2001:db8::/32")
    assert not deliver(address, standard(address), client=client).duplicate


# --- Bounds --------------------------------------------------------------------------------------

FLOOD, KEPT = 3_000, 100


def tally(address: Address, reason: str) -> tuple[int, int, int]:
    """Seen, kept, and the bytes of the bodies that are kept; over all hours."""
    with scope.tenant(address.tenant.id):
        sums = Tally.objects.filter(reason=reason).aggregate(Sum("seen"), Sum("kept"))
        rows = Delivery.objects.filter(reason=reason)
        size = sum(len(body) for body in rows.values_list("body", flat=True) if body)
        return sums["seen__sum"] or 0, sums["kept__sum"] or 0, size


def flood(address: Address, count: int, body: bytes) -> None:
    def some(number: int) -> None:
        for _ in range(count // 8):
            assert refused(address, {}, body) == 401

    driving.in_threads(8, some)


def hours(address: Address, reason: str = "bad_signature") -> list[int]:
    """How many came in each hour: in two, if the clock struck meanwhile."""
    with scope.tenant(address.tenant.id):
        return list(Tally.objects.filter(reason=reason).values_list("seen", flat=True))


def test_a_flood_leaves_a_bounded_number_of_rows_and_an_exact_count() -> None:
    address = make_address()
    flood(address, FLOOD, b"x" * 500)
    seen, rows, _ = tally(address, "bad_signature")
    assert seen == FLOOD
    assert rows == len(kept(address)) == sum(min(KEPT, seen) for seen in hours(address))
    with scope.tenant(address.tenant.id):
        (count,) = deliveries.counts(address.endpoint())
    assert (count.reason, count.kept, count.not_kept) == ("bad_signature", rows, FLOOD - rows)


def test_the_bodies_of_a_flood_fit_a_budget() -> None:
    address = make_address()
    flood(address, 80, b"x" * 200_000)
    _, rows, size = tally(address, "bad_signature")
    assert rows == 80
    assert 0 < size <= rejects.HOUR_BYTES * len(hours(address))
    assert all(len(row.body) == rejects.BODY_BYTES for row in kept(address) if row.body)


def test_reasons_do_not_crowd_each_other_out(settings: LazySettings) -> None:
    settings.MAX_KEPT_REFUSALS = 2
    address = make_address()
    for _ in range(5):
        refused(address, {})
    refused(address, standard(address, b"{"), b"{")
    reasons = Counter(row.reason for row in kept(address))
    few = sum(min(2, seen) for seen in hours(address))
    assert reasons == {"bad_signature": few, "bad_body": 1}


def test_long_headers_are_left_out() -> None:
    address = make_address()
    refused(address, {"x-short": "1", **{f"x-{number}": "v" * 8_000 for number in range(50)}})
    headers = only(address).headers
    assert headers["x-short"] == "1"
    assert sum(len(name) + len(value) for name, value in headers.items()) <= 16_384


@pytest.mark.parametrize("hostile", ["\0", "\ud800", "'", "\\"])
def test_hostile_text_is_kept_in_a_form_that_can_be(hostile: str) -> None:
    address = make_address()
    assert refused(address, {"x-note": hostile}) == 401
    assert only(address).reason == "bad_signature"


# --- Harm ----------------------------------------------------------------------------------------


def test_a_failure_to_keep_does_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "REJECT", "SELECT 1/0")
    address = make_address()
    assert refused(address, {}) == 401
    first = deliver(address, standard(address))
    assert deliver(address, standard(address)).delivery_id == first.delivery_id
    assert [row.reason for row in kept(address)] == ["accepted"]


def test_whoever_writes_down_a_refusal_holds_up_no_accepted_webhook() -> None:
    """A process is frozen with the lock of the counter; the webhook needs no lock that it has."""
    address = make_address()
    refused(address, {})
    with _other_session() as other:
        other.execute("BEGIN")
        other.execute("SELECT FROM webhooks_tally FOR UPDATE")
        other.execute("SELECT FROM webhooks_endpoint FOR KEY SHARE")  # as an inserted row takes
        assert not _impatient(lambda: deliver(address, standard(address)).duplicate)
        other.execute("ROLLBACK")


def test_a_counter_that_somebody_holds_is_not_waited_for_long() -> None:
    address = make_address()
    refused(address, {})
    with _other_session() as other:
        other.execute("BEGIN")
        other.execute("SELECT FROM webhooks_tally FOR UPDATE")
        assert refused(address, {}) == 401  # after lock_timeout, without a row
        other.execute("ROLLBACK")
    assert len(kept(address)) == 1


def _other_session() -> psycopg.Connection[tuple[object, ...]]:
    """Above row-level security, so that it can lock what it likes."""
    return servers.superuser(environment.DATABASE)


def _impatient(act: Any) -> Any:
    """Do it; whoever waits for a lock meanwhile fails."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    try:
        return act()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")


def test_nothing_of_a_refused_request_is_taken() -> None:
    address = make_address(definition=STRICT)
    refused(address, standard(address, b"{}"), b"{}")
    assert senders.stored() == senders.NOTHING
