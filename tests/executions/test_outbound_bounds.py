"""No server decides how long a call takes, or how much memory and work it costs."""

from __future__ import annotations

import gzip
import os
import resource
import socket
import threading
import time
import zlib
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from executions.outbound import Limits, OutboundClient
from executions.outbound.lookup import Found
from tests import bad_servers
from tests.bad_servers import Behaviour, answer, not_accepting, raw, refusing, serving
from tests.executions.calls import LOOPBACK, failure, found, request
from workflows.steps.base import HttpFailure, HttpResponse

CLIENT = OutboundClient(LOOPBACK)
SOON = 0.3
# Far above any deadline used here, far below what a call without one would take.
NOT_HANGING = 5.0


@pytest.mark.parametrize(
    "behaviour",
    [
        bad_servers.silent,
        bad_servers.drip_headers,
        bad_servers.drip_header_bytes,
        bad_servers.drip_body,
        bad_servers.drip_chunked,
        bad_servers.drip_continue,
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_slow_answer_ends_at_the_deadline(behaviour: Behaviour, method: str) -> None:
    started = time.monotonic()
    with serving(behaviour) as server:
        late = failure(CLIENT, request(server.url(), method=method, timeout=SOON))
        assert len(server.requests) == 1
    assert (late.kind, late.message, late.sent) == (
        "timeout",
        "127.0.0.1 did not answer in time.",
        True,
    )
    assert SOON <= time.monotonic() - started < NOT_HANGING


def test_a_server_that_does_not_read_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        late = failure(CLIENT, request(url, method="PUT", body=bytes(50_000_000), timeout=SOON))
    assert (late.kind, late.sent) == ("timeout", True)


def test_a_connection_that_is_not_accepted_ends_at_the_deadline_unsent() -> None:
    started = time.monotonic()
    with not_accepting() as server:
        late = failure(CLIENT, request(server.url(), timeout=SOON))
    assert (late.kind, late.sent) == ("connect", False)
    assert time.monotonic() - started < NOT_HANGING


def test_each_address_has_its_own_limit_to_connect() -> None:
    client = OutboundClient(
        LOOPBACK,
        limits=Limits(connect=0.1),
        lookup=lambda host, port: found("127.0.0.1", "127.0.0.2", port=port),
    )
    with not_accepting() as server, socket.create_server(("127.0.0.2", server.port)) as second:
        threading.Thread(target=_answer_one, args=(second,), daemon=True).start()
        assert client.send(request(server.url(host="two.example"))).body == b"second"


def test_a_refused_connection_is_unsent() -> None:
    refused = failure(CLIENT, request(refusing().url()))
    assert (refused.kind, refused.message, refused.sent) == (
        "connect",
        "Could not connect to 127.0.0.1.",
        False,
    )


def test_a_lookup_that_hangs_ends_at_the_deadline_unsent() -> None:
    released = threading.Event()

    def hanging(host: str, port: int) -> Found:
        released.wait(NOT_HANGING)
        return []

    late = failure(
        OutboundClient(LOOPBACK, lookup=hanging), request("http://shop.example/", timeout=SOON)
    )
    released.set()
    assert (late.kind, late.sent) == ("connect", False)
    assert late.message == "The name shop.example could not be looked up."


@pytest.mark.parametrize(
    "behaviour",
    [
        bad_servers.endless_continue,
        bad_servers.endless_headers,
        bad_servers.many_headers,
        bad_servers.long_header,
        bad_servers.endless_body,
        bad_servers.endless_chunks,
        bad_servers.gzip_bomb,
        bad_servers.deflate_bomb,
        pytest.param(answer(bytes(1_000_001)), id="a_byte_too_many"),
        pytest.param(
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"), id="too_much_declared"
        ),
    ],
)
def test_an_answer_over_a_limit_ends_there(behaviour: Behaviour) -> None:
    with serving(behaviour) as server:
        refused = failure(CLIENT, request(server.url()))
    assert (refused.kind, refused.sent) == ("too_large", True)


@pytest.mark.parametrize(
    "behaviour",
    [
        bad_servers.triple_gzip,
        bad_servers.not_gzip,
        pytest.param(answer(headers=("Content-Encoding: br",)), id="brotli"),
        pytest.param(
            answer(headers=("Content-Encoding: gzip", "Content-Encoding: gzip")), id="gzip_twice"
        ),
    ],
)
def test_an_answer_packed_otherwise_is_refused(behaviour: Behaviour) -> None:
    with serving(behaviour) as server:
        refused = failure(CLIENT, request(server.url()))
    assert (refused.kind, refused.sent) == ("invalid", True)


@pytest.mark.parametrize(
    "behaviour",
    [
        bad_servers.gzip_bomb,
        bad_servers.triple_gzip,
        bad_servers.empty_gzip_members,
        bad_servers.endless_body,
    ],
)
def test_a_bomb_costs_little_memory(behaviour: Behaviour) -> None:
    bad_servers.bomb()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with serving(behaviour) as server:
        _outcome(server.url())
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert kilobytes < 50_000


@pytest.mark.parametrize(
    "behaviour",
    [
        bad_servers.hang_up,
        bad_servers.reset,
        bad_servers.broken_body,
        bad_servers.broken_chunk,
        bad_servers.endless_chunk_size,
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Le"), id="half_a_head"),
        pytest.param(
            raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), id="no_chunk_size"
        ),
        pytest.param(raw(b"HTTP/2 is not HTTP/1\r\n\r\n"), id="other_version"),
        pytest.param(raw(b"220 mail.example ESMTP\r\n"), id="other_protocol"),
        pytest.param(raw(b"\x00" * 100), id="zeros"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_broken_answer_is_called_broken_and_sent(behaviour: Behaviour, method: str) -> None:
    with serving(behaviour) as server:
        broken = failure(CLIENT, request(server.url(), method=method, body=b"x"))
        assert len(server.requests) == 1, "a call is never repeated by the client itself"
    assert (broken.kind, broken.sent) == ("broken", True)


def test_a_body_of_exactly_the_limit_is_read() -> None:
    with serving(answer(bytes(1_000_000))) as server:
        assert len(CLIENT.send(request(server.url())).body) == 1_000_000


def test_a_head_of_exactly_the_limit_is_read() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: "
    head += b"x" * (Limits().head - len(head) - 4) + b"\r\n\r\n"
    with serving(raw(head + b"ok")) as server:
        assert CLIENT.send(request(server.url())).body == b"ok"
    over = head.replace(b"X: ", b"X: x")
    with serving(raw(over + b"ok")) as server:
        assert failure(CLIENT, request(server.url())).kind == "too_large"


@pytest.mark.parametrize(
    ("pack", "encoding"),
    [
        (gzip.compress, "gzip"),
        (gzip.compress, "X-GZIP"),
        (zlib.compress, "deflate"),
        (bytes, "identity"),
    ],
)
def test_a_packed_answer_is_unpacked(pack: Callable[[bytes], bytes], encoding: str) -> None:
    packed = answer(pack(b"hello" * 1000), headers=(f"Content-Encoding: {encoding}",))
    with serving(packed) as server:
        assert CLIENT.send(request(server.url())).body == b"hello" * 1000


def test_an_empty_packed_answer_is_empty() -> None:
    packed = answer(gzip.compress(b""), headers=("Content-Encoding: gzip",))
    with serving(packed) as server:
        assert CLIENT.send(request(server.url())).body == b""


def test_a_connection_is_not_used_twice_even_if_the_server_keeps_it() -> None:
    with serving(answer(keep=True)) as server:
        for _ in range(3):
            assert CLIENT.send(request(server.url())).body == b"ok"
        assert server.connections == 3


def test_every_connection_is_closed() -> None:
    with serving(answer(keep=True)) as kept, serving(bad_servers.drip_body) as slow:
        CLIENT.send(request(kept.url()))
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            CLIENT.send(request(kept.url()))
            failure(CLIENT, request(slow.url(), timeout=0.05))
        # The servers' ends live in this process too and close when they notice.
        _eventually(lambda: len(os.listdir("/proc/self/fd")) <= before)


def test_a_client_is_shared_by_threads() -> None:
    bodies: list[bytes] = []

    def call(url: str) -> None:
        bodies.extend(CLIENT.send(request(url)).body for _ in range(10))

    with serving(answer(b"a")) as one, serving(answer(b"b")) as two:
        threads = [threading.Thread(target=call, args=(server.url(),)) for server in (one, two) * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(NOT_HANGING)
    assert sorted(bodies) == [b"a"] * 40 + [b"b"] * 40


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(
        [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
    ),
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [b"\r\n", b"\r\n\r\n", b"Content-Length: ", b"-1", b"5\r\n", b": ", b"HTTP/1.1 100"]
            ),
        ),
        max_size=8,
    ).map(b"".join),
)
def test_whatever_the_server_says_the_call_ends_as_a_response_or_a_failure(
    start: bytes, rest: bytes
) -> None:
    with serving(raw(start + rest)) as server:
        outcome = _outcome(server.url(), timeout=1.0)
    assert isinstance(outcome, HttpResponse) or outcome.sent


def _outcome(url: str, timeout: float = 5.0) -> HttpResponse | HttpFailure:
    try:
        return CLIENT.send(request(url, timeout=timeout))
    except HttpFailure as failed:
        return failed


def _answer_one(listener: socket.socket) -> None:
    sock, _ = listener.accept()
    with sock:
        sock.recv(65_536)
        answer(b"second")(sock, b"")


def _eventually(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + NOT_HANGING
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)
