"""Where a tenant's calls may go: to the hosts on its list, also by way of redirects."""

from __future__ import annotations

from dataclasses import replace

import pytest

from executions.destinations import TenantGuard
from executions.egress import EgressPolicy, networks
from executions.outbound import OutboundClient
from executions.placeholders import Placeholders
from tenants import scope, services
from tenants.hosts import Hosts
from tests import factories
from tests.bad_servers import answer, redirect, serving
from tests.executions.calls import LOOPBACK, Names, connections_recorded, failure, request
from tests.executions.driving import claimed, drained, finish, new_worker, started, step_run
from tests.executions.trying import attempt, call, claim_of, error_of, tried
from tests.workflows.definitions import document, step
from workflows.steps.base import Done

NAMES = Names(
    shop_example=[("127.0.0.1",)], eu_shop_example=[("127.0.0.1",)], evil_example=[("127.0.0.1",)]
)
CLIENT = OutboundClient(LOOPBACK, lookup=NAMES)


def guard(*rules: str) -> TenantGuard:
    return TenantGuard(Hosts(rules))


@pytest.mark.parametrize(
    ("host", "rule"),
    [
        ("shop.example", "shop.example:{port}"),
        ("SHOP.Example", "shop.example:{port}"),
        ("eu.shop.example", "*.shop.example:{port}"),
        ("127.0.0.1", "127.0.0.1:{port}"),
    ],
)
def test_a_call_goes_to_a_host_on_the_list(host: str, rule: str) -> None:
    with serving(answer()) as server:
        listed = guard("other.example", rule.format(port=server.port))
        assert CLIENT.send(request(server.url("/", host), guard=listed)).status == 200


def test_without_a_list_a_call_goes_to_every_host() -> None:
    with serving(answer()) as server:
        assert CLIENT.send(request(server.url("/", "evil.example"), guard=guard())).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "shop.example.evil.example",
        "xshop.example",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::ffff:127.0.0.1]",
        "[::1]",
    ],
)
def test_a_call_goes_to_no_other_host_and_no_name_is_looked_up(host: str) -> None:
    NAMES.asked.clear()
    with serving(answer()) as server, connections_recorded() as made:
        listed = guard(f"shop.example:{server.port}", f"*.shop.example:{server.port}")
        failed = failure(CLIENT, request(server.url("/", host), guard=listed))
    assert (failed.kind, failed.sent) == ("blocked", False)
    assert "shop.example" in failed.message
    assert (made, NAMES.asked, server.connections) == ([], [], 0)


def test_a_port_that_is_not_on_the_list_is_another_place() -> None:
    with serving(answer()) as server:
        failed = failure(
            CLIENT, request(server.url("/", "shop.example"), guard=guard("shop.example"))
        )
    assert failed.kind == "blocked"
    assert server.connections == 0


def test_a_redirect_leads_to_no_other_host() -> None:
    with (
        serving(answer()) as server,
        serving(redirect(server.url("/", "evil.example"))) as first,
        serving(redirect(first.url("/", "eu.shop.example"))) as outset,
    ):
        listed = guard(f"shop.example:{outset.port}", f"*.shop.example:{first.port}")
        call = request(outset.url("/", "shop.example"), guard=listed, max_redirects=3)
        failed = failure(CLIENT, call)
    assert (failed.kind, failed.sent) == ("blocked", True)
    assert f"evil.example:{server.port}" in failed.message
    assert (first.connections, server.connections) == (1, 0)


def test_the_operators_lists_win_over_the_tenants() -> None:
    denying = EgressPolicy(networks("127.0.0.0/8"), (), frozenset({"shop.example"}))
    for policy, host in ((denying, "shop.example"), (EgressPolicy(), "127.0.0.1")):
        with serving(answer()) as server:
            listed = guard(f"{host}:{server.port}")
            client = OutboundClient(policy, lookup=NAMES)
            failed = failure(client, request(server.url("/", host), guard=listed))
        assert (failed.kind, server.connections) == ("blocked", 0)


def test_a_secrets_list_holds_beside_the_tenants() -> None:
    secrets = Placeholders({"key": "s3cr3t-token"}, {"key": Hosts(("other.example",))})
    with serving(answer()) as server:
        made = request(server.url("/", "shop.example"), headers={"X": secrets.names["key"]})
        made = secrets.reveal(made)
        both = TenantGuard(Hosts((f"shop.example:{server.port}",)), made.guard)
        assert '"key"' in failure(CLIENT, replace(made, guard=both)).message
    assert server.connections == 0


def test_a_long_list_is_told_in_short() -> None:
    listed = guard(*(f"h{number}.example" for number in range(50)))
    failed = failure(CLIENT, request("https://evil.example/", guard=listed))
    assert "h4.example and 45 more" in failed.message
    assert "h5.example" not in failed.message


# --- A step -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("kind", ["http", "poll"])
def test_a_step_that_calls_elsewhere_fails_and_names_the_host(kind: str) -> None:
    with serving(answer()) as server:
        config = call(server.url())["with"]
        if kind == "poll":
            config = {"request": config, "until": "{{ response.status == 200 }}"}
        claim = claim_of(step("a", kind=kind, config=config))
        claim.run.egress = Hosts(("shop.example",))
        error = error_of(tried(claim))
    assert (error.kind, error.sent) == ("blocked", False)
    assert f"127.0.0.1:{server.port}" in error.message
    assert server.connections == 0


@pytest.mark.usefixtures("loopback")
def test_a_refusal_tells_nothing_of_what_is_there() -> None:
    """Of an open port as of a closed one."""
    with serving(answer()) as server:
        said = [_refusal(server.url()).replace(str(server.port), "PORT")]
    said.append(_refusal(server.url()).replace(str(server.port), "PORT"))
    assert said[0] == said[1]


def _refusal(url: str) -> str:
    claim = claim_of(call(url))
    claim.run.egress = Hosts(("shop.example",))
    return error_of(tried(claim)).message


@pytest.mark.usefixtures("loopback")
def test_a_step_without_a_list_calls_as_before() -> None:
    with serving(answer()) as server:
        assert isinstance(attempt(call(server.url())).result, Done)


@pytest.mark.usefixtures("committed_db", "loopback")
def test_a_refused_call_is_tried_once_and_fails_its_run() -> None:
    tenant = factories.make_tenant()
    with scope.tenant(tenant.id):
        services.set_egress(tenant_id=tenant.id, hosts=["shop.example"])
    with serving(answer()) as server:
        execution = drained(started(tenant, document(call(server.url(), "POST"))))
    row = step_run(execution, "a")
    assert (execution.status, row.status, (row.error or {}).get("kind")) == (
        "failed",
        "failed",
        "blocked",
    )
    assert len(row.attempts) == 1
    assert server.connections == 0


@pytest.mark.usefixtures("committed_db")
def test_each_step_goes_by_the_list_of_when_it_was_begun() -> None:
    """A run that a worker has in hand hears of a new list with its next step."""
    tenant, me = factories.make_tenant(), new_worker()
    config = {"url": "https://one.example/"}
    steps = [
        step("a"),
        *(step(key, need, kind="http", config=config) for key, need in ("ba", "cb")),
    ]
    with scope.tenant(tenant.id):
        services.set_egress(tenant_id=tenant.id, hosts=["one.example"])
    started(tenant, document(*steps))
    claim = claimed(me)
    assert claim.run.egress == Hosts(("one.example",))
    with scope.tenant(tenant.id):
        services.set_egress(tenant_id=tenant.id, hosts=["two.example"])
    following = finish(claim, me)
    assert following is not None
    assert following.run.egress == Hosts(("two.example",))
    last = finish(following, None)
    assert last is None
    with scope.tenant(tenant.id):
        services.set_egress(tenant_id=tenant.id, hosts=[])
    assert claimed(me).run.egress == Hosts()
