"""Bad input from end to end: every answer is one of the contract, nothing hangs, nothing swells.

What comes in at webhooks is in webhooks/test_views.py, definitions over the API are in
test_bad_definitions.py; here are the servers that a running workflow meets.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from executions.models import Execution
from tenants import scope
from tenants.models import Tenant
from tests import bad_servers, factories, outgoing
from tests.bad_servers import Behaviour, serving
from tests.callers import Caller
from tests.executions import driving
from tests.workflows.definitions import calling, document, logging, step
from workflows.definition import JSON

PATIENCE = 60.0  # seconds; against hanging, not a measurement
# A worker that unpacked the bomb, or kept an endless body, would grow by 200 and more.
GROWTH = 64 * 2**20


@dataclass
class Growth:
    """By how many bytes the process was larger than at the start, at most."""

    bytes: int = 0


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@contextmanager
def watched() -> Iterator[Growth]:
    """Looks at the memory of this process every few milliseconds."""
    before, growth, stop = _resident(), Growth(), threading.Event()

    def watch() -> None:
        while not stop.wait(0.003):
            growth.bytes = max(growth.bytes, _resident() - before)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield growth
    finally:
        stop.set()
        watcher.join()


def ran(tenant: Tenant, definition: dict[str, Any], body: JSON = None) -> Execution:
    """A run to its end, by a worker of its own; it must get there."""
    execution = driving.started(tenant, definition, body)

    def work() -> Execution:
        try:
            return driving.drained(execution)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result(timeout=PATIENCE)


def error_of(execution: Execution) -> dict[str, Any]:
    assert execution.status == "failed"
    assert isinstance(execution.error, dict)
    assert execution.error["message"]
    return execution.error


@pytest.fixture
def tenant(committed_db: None) -> Iterator[Tenant]:
    with outgoing.loopback_allowed():
        yield factories.make_tenant()


CALL = document(
    step(
        "call",
        kind="http",
        config={"url": "{{ trigger.body.url }}"},
        timeout=1.5,
        retry={"attempts": 1},
    )
)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://10.0.0.1/",
        "http://0.0.0.0/",
        "http://[::1]/",
    ],
)
def test_a_step_cannot_reach_where_nobody_outside_can(tenant: Tenant, url: str) -> None:
    assert error_of(ran(tenant, CALL, {"url": url}))["kind"] in ("blocked", "invalid")


def test_without_the_operators_word_a_step_cannot_reach_this_machine(committed_db: None) -> None:
    with serving(bad_servers.answer()) as server:
        execution = ran(factories.make_tenant(), CALL, {"url": server.url()})
    assert error_of(execution)["kind"] == "blocked"
    assert server.connections == 0


def test_a_redirect_does_not_lead_past_the_guard(tenant: Tenant) -> None:
    definition = calling("{{ trigger.body.url }}")
    definition["steps"][0]["with"]["redirects"] = 3
    with serving(bad_servers.redirect("http://169.254.169.254/")) as server:
        assert error_of(ran(tenant, definition, {"url": server.url()}))["kind"] == "blocked"


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "FILE:///etc/passwd", "gopher://127.0.0.1/", "//host/", "", 7, None],
)
def test_what_is_no_web_address_fails_its_step(tenant: Tenant, url: JSON) -> None:
    error = error_of(ran(tenant, CALL, {"url": url}))
    assert (error["kind"], error["step"]) == ("config", "call")
    assert "with.url" in error["message"]


def test_a_name_that_the_request_lacks_fails_its_step(tenant: Tenant) -> None:
    error = error_of(ran(tenant, CALL, {"ulr": "http://127.0.0.1/"}))
    assert (error["kind"], error["step"]) == ("expression", "call")
    assert "ulr" in error["message"], "the nearest name is named"


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (bad_servers.silent, "timeout"),
        (bad_servers.drip_headers, "timeout"),
        (bad_servers.drip_header_bytes, "timeout"),
        (bad_servers.drip_body, "timeout"),
        (bad_servers.drip_chunked, "timeout"),
        (bad_servers.drip_continue, "timeout"),
        (bad_servers.gzip_bomb, "too_large"),
        (bad_servers.deflate_bomb, "too_large"),
        (bad_servers.endless_body, "too_large"),
        (bad_servers.endless_headers, "too_large"),
        (bad_servers.hang_up, "broken"),
        (bad_servers.reset, "broken"),
        (bad_servers.broken_body, "broken"),
        (bad_servers.not_gzip, "invalid"),
        (bad_servers.raw(b"\x00\xff" * 100), "broken"),
    ],
)
def test_the_worst_of_servers_only_fails_the_step(
    tenant: Tenant, behaviour: Behaviour, kind: str
) -> None:
    bad_servers.bomb()  # made before the memory is looked at
    began = time.monotonic()
    with serving(behaviour) as server, watched() as growth:
        execution = ran(tenant, CALL, {"url": server.url()})
    assert error_of(execution)["kind"] == kind
    assert growth.bytes < GROWTH
    assert time.monotonic() - began < PATIENCE


def test_a_worker_goes_on_after_the_worst_of_servers(tenant: Tenant) -> None:
    with serving(bad_servers.drip_body) as server:
        error_of(ran(tenant, CALL, {"url": server.url()}))
    with serving(bad_servers.answer(b"fine")) as server:
        assert ran(tenant, CALL, {"url": server.url()}).status == "succeeded"


@pytest.mark.parametrize(
    "message",
    [
        "{{ 'x' * 10000000 * 1000 }}",
        "{{ range(100000000) | list }}",
        "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ 9 ** 9 ** 9 ** 9 }}",
    ],
)
def test_an_expression_that_wants_too_much_fails_its_step(tenant: Tenant, message: str) -> None:
    """Those that publishing does not refuse already."""
    made = factories.make_draft(tenant, logging(message))
    with watched() as growth:
        answer = _publish_and_run(tenant, made.slug)
    assert answer in ("refused", "expression")
    assert growth.bytes < GROWTH


def _publish_and_run(tenant: Tenant, slug: str) -> str:
    owner = Caller(factories.make_key(tenant), tenant.id)
    if owner.post(f"workflows/{slug}/publish/").status_code == 422:
        return "refused"
    run = owner.post(f"workflows/{slug}/run/", {"input": {}})
    assert run.status_code == 202
    with scope.tenant(tenant.id):
        execution = Execution.objects.get(id=run.json()["id"])
    return str(error_of(driving.drained(execution))["kind"])
