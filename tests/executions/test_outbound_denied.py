"""What the operator denies is called by nobody."""

from __future__ import annotations

import pytest

from executions.egress import EgressPolicy, networks
from executions.outbound import OutboundClient
from tests.bad_servers import answer, not_accepting, redirect, refusing, serving
from tests.executions.calls import LOOPBACK, Names, connections_recorded, failure, request

DENYING = OutboundClient(
    EgressPolicy(
        allow=networks("127.0.0.0/8"),
        deny=networks("127.0.0.2"),
        deny_hosts=frozenset({"stepwell.example", "*.internal.example"}),
    ),
    lookup=Names(
        shop_example=[("127.0.0.1",)],
        db_internal_example=[("127.0.0.1",)],
        stepwell_example=[("127.0.0.1",)],
        denied_example=[("127.0.0.1", "127.0.0.2")],
    ),
)
DENIED = (
    "127.0.0.2",
    "127.2",
    "0x7f000002",
    "[::ffff:127.0.0.2]",
    "denied.example",
    "stepwell.example",
    "STEPWELL.example.",
    "db.internal.example",
)


@pytest.mark.parametrize("host", DENIED)
def test_what_is_denied_is_not_called_although_it_is_allowed(host: str) -> None:
    with connections_recorded() as connections:
        refused = failure(DENYING, request(f"http://{host}/"))
    assert (connections, refused.kind, refused.sent) == ([], "blocked", False)


@pytest.mark.parametrize("host", DENIED)
def test_a_redirect_to_what_is_denied_is_not_followed(host: str) -> None:
    with serving(redirect(f"http://{host}/")) as server, connections_recorded() as connections:
        refused = failure(DENYING, request(server.url(), max_redirects=5))
    assert connections == [("127.0.0.1", server.port)]
    assert (refused.kind, refused.sent) == ("blocked", True)


def test_what_is_not_denied_is_called() -> None:
    with serving(answer()) as server:
        assert DENYING.send(request(server.url(host="shop.example"))).status == 200


def test_closed_and_filtered_permitted_ports_sound_the_same() -> None:
    """How long it takes differs, for which there is no remedy: operators allow few addresses."""
    with not_accepting() as filtered:
        told = [
            failure(FROM_HERE, request(server.url(host="shop.example"), timeout=0.5))
            for server in (filtered, refusing())
        ]
    assert {(one.kind, one.message) for one in told} == {
        ("connect", "Could not connect to shop.example.")
    }


FROM_HERE = OutboundClient(LOOPBACK, lookup=Names(shop_example=[("127.0.0.1",)]))
