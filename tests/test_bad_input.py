"""Bad input from end to end: every answer is one of the contract, nothing hangs, nothing swells.

What comes in at webhooks is in webhooks/test_views.py; here are definitions over the API, and the
servers that a running workflow meets.
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
from tests.callers import Caller, owner_of
from tests.executions import driving
from tests.workflows.definitions import document, step
from workflows.definition import JSON

PATIENCE = 60.0  # seconds; against hanging, not a measurement
MEGABYTE = 1024 * 1024
# A worker that unpacked the bomb, or kept an endless body, would grow by 200 and more.
GROWTH = 64 * MEGABYTE


# --- Definitions -------------------------------------------------------------------------------


def chain(length: int) -> dict[str, Any]:
    """Steps one behind the other."""
    return document(
        *(step(f"s{index}", *([f"s{index - 1}"] if index else [])) for index in range(length))
    )


def row(length: int) -> dict[str, Any]:
    """Steps side by side."""
    return document(*(step(f"s{index}") for index in range(length)))


def logging(message: str) -> dict[str, Any]:
    return document(step("first"), step("second", "first", config={"message": message}))


def calling(url: str, **more: Any) -> dict[str, Any]:
    return document(step("call", kind="http", config={"url": url}, **more))


BAD_DEFINITIONS = [
    pytest.param(document(step("a", "b"), step("b", "a")), {"cycle"}, id="cycle-of-two"),
    pytest.param(document(step("a", "a")), {"cycle"}, id="cycle-of-one"),
    pytest.param(row(51), {"too_many_steps"}, id="51-steps"),
    pytest.param(chain(21), {"too_deep"}, id="21-deep"),
    pytest.param(document(step("a", "nowhere")), {"unknown_step"}, id="unknown-step"),
    pytest.param(document(step("a"), step("b", "a.maybe")), {"unknown_outcome"}, id="outcome"),
    pytest.param(document(step("a", kind="teleport")), {"unknown_type"}, id="unknown-type"),
    pytest.param(logging("{{ trigger.bdy }}"), {"unknown_name"}, id="unknown-member"),
    pytest.param(logging("{{ triger.body }}"), {"unknown_name"}, id="unknown-root"),
    pytest.param(logging("{{ steps.frist.output }}"), {"unknown_step"}, id="misspelt-step"),
    pytest.param(logging("{{ 1 + }}"), {"bad_expression"}, id="broken-expression"),
    pytest.param(calling("{{ secrets.nope }}"), {"unknown_secret"}, id="unknown-secret"),
    pytest.param(calling("{{ vars.nope }}"), {"unknown_variable"}, id="unknown-variable"),
    pytest.param(calling("file:///etc/passwd"), {"bad_value"}, id="file-url"),
    pytest.param(calling("gopher://127.0.0.1/"), {"bad_value"}, id="gopher-url"),
]


@pytest.fixture
def acme(db: None) -> Caller:
    return owner_of("acme")


@pytest.mark.parametrize(("definition", "codes"), BAD_DEFINITIONS)
def test_validating_a_bad_definition_tells_what_is_wrong(
    acme: Caller, definition: dict[str, Any], codes: set[str]
) -> None:
    answer = acme.post("workflows/validate/", {"definition": definition})
    assert answer.status_code == 200
    errors = [found for found in answer.json()["problems"] if found["severity"] == "error"]
    assert {found["code"] for found in errors} == codes
    assert all(found["message"] for found in errors)


@pytest.mark.parametrize(("definition", "codes"), BAD_DEFINITIONS)
def test_a_bad_definition_can_be_kept_but_not_published(
    acme: Caller, definition: dict[str, Any], codes: set[str]
) -> None:
    made = acme.post("workflows/", {"name": "Bad", "definition": definition})
    assert made.status_code == 201
    answer = acme.post("workflows/bad/publish/")
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert codes <= {found["code"] for found in answer.json()["errors"]}
    assert acme.post("workflows/bad/run/", {"input": {}}).status_code == 409


@pytest.mark.parametrize("definition", [row(50), chain(20)])
def test_what_is_just_within_the_limits_can_be_published(
    acme: Caller, definition: dict[str, Any]
) -> None:
    acme.post("workflows/", {"name": "Good", "definition": definition})
    assert acme.post("workflows/good/publish/").status_code == 201


NESTED = "[" * 50_000 + "]" * 50_000
LAUGHS = "\n".join(
    ["a0: &a0 [ha, ha]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]
)


@pytest.mark.parametrize(
    ("body", "media"),
    [
        pytest.param("{", "application/json", id="cut-off"),
        pytest.param("", "application/json", id="empty"),
        pytest.param("[]", "application/json", id="a-list"),
        pytest.param("\x00", "application/json", id="nul"),
        pytest.param('{"definition": NaN}', "application/json", id="nan"),
        pytest.param('{"definition": 1e400}', "application/json", id="overflow"),
        pytest.param('{"definition": {"\\u0000": "\\ud800"}}', "application/json", id="surrogate"),
        pytest.param(f'{{"definition": {NESTED}}}', "application/json", id="nested-json"),
        pytest.param(f'{{"definition": {"9" * 5000}}}', "application/json", id="5000-digits"),
        pytest.param(b"\xff\xfe", "application/json", id="no-text"),
        pytest.param(LAUGHS, "application/yaml", id="billion-laughs"),
        pytest.param(NESTED, "application/yaml", id="nested-yaml"),
        pytest.param("!!python/object/apply:os.system [ls]", "application/yaml", id="yaml-tag"),
        pytest.param(b"\xff\xfe\xff", "application/yaml", id="yaml-no-text"),
        pytest.param("a: 1\na: 2", "application/yaml", id="yaml-twice"),
        pytest.param("x" * (MEGABYTE + 10), "application/yaml", id="too-large"),
        pytest.param("<a/>", "application/xml", id="another-format"),
    ],
)
@pytest.mark.parametrize("path", ["workflows/validate/", "workflows/flow/draft/", "workflows/"])
def test_no_body_is_a_fault_of_ours(acme: Caller, path: str, body: str | bytes, media: str) -> None:
    acme.post("workflows/", {"name": "Flow", "definition": document(step("a"))})
    method = "PUT" if path.endswith("draft/") else "POST"
    answer = acme.send(method, path, body, content_type=media, if_match="*")
    accepted = (200,) if path == "workflows/validate/" else ()  # then it lists the problems
    assert answer.status_code in (*accepted, 400, 413, 415, 422)
    if answer.status_code == 200:
        assert answer.json()["problems"]
    else:
        assert answer["Content-Type"] == "application/problem+json"


# --- Servers that a step meets -----------------------------------------------------------------


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
