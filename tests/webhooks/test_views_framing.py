"""How large a webhook's body may be, however it is sent, and bodies that break off."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from tests.webhooks import asgi, senders
from tests.webhooks.posting import post, problem
from tests.webhooks.senders import BODY, NOTHING, make_address, standard

pytestmark = pytest.mark.usefixtures("committed_db")

LIMIT = 1_048_576


def padded(size: int) -> bytes:
    """A JSON object of exactly this many bytes."""
    return b'{"pad": "' + b"x" * (size - 11) + b'"}'


def test_one_megabyte_is_accepted() -> None:
    assert post(make_address(), padded(LIMIT)).status_code == 202


def test_a_byte_more_than_one_megabyte_is_too_large() -> None:
    response = post(make_address(), padded(LIMIT + 1))
    assert problem(response)["type"] == "urn:stepwell:problem:too-large"
    assert response.status_code == 413
    assert senders.stored() == NOTHING


def test_who_announces_too_much_is_answered_without_being_read() -> None:
    class Unread(io.BytesIO):
        def read(self, *args: Any) -> bytes:
            raise AssertionError("the body was read")

    response = post(
        make_address(), b"", {}, **{"wsgi.input": Unread(), "CONTENT_LENGTH": "5000000"}
    )
    assert response.status_code == 413


def in_parts(body: bytes, size: int = 65_536) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("size", "status"), [(LIMIT, 202), (LIMIT + 1, 413), (4 * LIMIT, 413)])
def test_the_limit_holds_for_every_framing(size: int, status: int, chunked: bool) -> None:
    address = make_address()
    body = padded(size)
    headers = standard(address, body)
    declared = None if chunked else size
    assert asgi.post(address.path, in_parts(body), headers, declare=declared)[0] == status


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 202), (LIMIT + 1, 413)])
def test_the_limit_holds_for_chunks_under_wsgi(size: int, status: int) -> None:
    """gunicorn joins the chunks and marks the stream's end (`wsgi.input_terminated`)."""
    address = make_address()
    body = padded(size)
    chunked = {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True}
    headers = {**standard(address, body), "transfer-encoding": "chunked"}
    assert post(address, b"", headers, **chunked, CONTENT_LENGTH="").status_code == status


def test_who_hangs_up_is_not_waited_for() -> None:
    address = make_address()
    asgi.break_off(address.path, b'{"order', standard(address))
    assert senders.stored() == NOTHING


class Broken(io.BytesIO):
    """What servers raise while they read differs; gunicorn's own are no OSErrors."""

    def read(self, *args: Any) -> bytes:
        raise self.fault

    fault: Exception = OSError("connection reset by peer")


class BadChunk(Broken):
    fault = ValueError("a chunk has no size")


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param({"wsgi.input": Broken(), "CONTENT_LENGTH": "20"}, id="reset"),
        pytest.param({"wsgi.input": io.BytesIO(BODY), "CONTENT_LENGTH": "2000"}, id="short"),
        pytest.param({"wsgi.input": BadChunk(), "wsgi.input_terminated": True}, id="bad-chunk"),
    ],
)
def test_a_body_that_breaks_off_is_a_bad_request(stream: dict[str, Any]) -> None:
    address = make_address()
    response = post(address, b"", standard(address), **stream)
    assert (response.status_code, problem(response)["type"]) == (
        400,
        "urn:stepwell:problem:broken-off",
    )
