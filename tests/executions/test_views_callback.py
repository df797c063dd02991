"""The one-time address as other systems see it: who calls it need not be known to us."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from executions import callbacks
from executions.callbacks import Callback
from executions.models import Execution
from tests import factories
from tests.executions.driving import drained, output_of, started, statuses
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")

JSON_TYPE = "application/json"


@pytest.fixture
def execution() -> Execution:
    """A run that waits for a call, and for something else beside it."""
    call = step("call", kind="wait_for_callback", config={})
    made = document(call, step("pause", kind="delay"))
    return drained(started(factories.make_tenant(), made))


def path_of(execution: Execution, key: str = "call") -> str:
    address = callbacks.address(Callback(execution.tenant_id, execution.id, key))
    return address.removeprefix("http://127.0.0.1:8000")


def call(path: str, data: Any = b"{}", content_type: str = JSON_TYPE, **more: Any) -> Any:
    return Client().post(path, data, content_type=content_type, **more)


def test_a_call_is_taken_once(execution: Execution) -> None:
    path = path_of(execution)
    first = call(f"{path}?page=2", b'{"paid": true}', headers={"X-From": "shop"})
    assert (first.status_code, first.json()) == (
        *(200, {"execution_id": str(execution.id), "step": "call"}),
    )
    output = output_of(execution, "call")
    assert (output["body"], output["query"]) == ({"paid": True}, {"page": "2"})
    assert output["headers"]["x-from"] == "shop"
    second = call(path)
    assert (second.status_code, second.json()["type"]) == (409, "urn:stepwell:problem:answered")


@pytest.mark.parametrize("token", ["x", "a.b.c:sig", "%00"])
def test_an_address_that_we_never_gave_out_is_not_found(token: str, execution: Execution) -> None:
    answer = call(f"/callbacks/{token}/")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_the_address_of_a_step_that_is_not_there_is_not_found(execution: Execution) -> None:
    assert call(path_of(execution, "other")).status_code == 404


def test_only_a_post_is_a_call(execution: Execution) -> None:
    """A link that a mail scanner looks at must not use the address up."""
    for method in ("get", "head", "put", "delete"):
        assert getattr(Client(), method)(path_of(execution)).status_code == 405
    assert statuses(execution)["call"] == "waiting"


@pytest.mark.parametrize(
    ("data", "content_type", "body"),
    [
        (b'{"n": 1}', JSON_TYPE, {"n": 1}),
        (b"", JSON_TYPE, None),
        (b"a=1&b=2&a=3", "application/x-www-form-urlencoded", {"a": "1", "b": "2"}),
        ("grüß".encode(), "text/plain", "grüß"),
        (b"nul \x00", "text/plain", "nul \ufffd"),
    ],
)
def test_a_body_is_read_as_its_type_says(
    data: bytes, content_type: str, body: Any, execution: Execution
) -> None:
    assert call(path_of(execution), data, content_type).status_code == 200
    assert output_of(execution, "call")["body"] == body


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{", JSON_TYPE, 422),
        (b"NaN", JSON_TYPE, 422),
        (b'"\\u0000"', JSON_TYPE, 422),
        (b"\xff\xfe", "text/plain", 422),
        (b"[" * 100_000, JSON_TYPE, 422),
        (b"x" * 1_100_000, "text/plain", 413),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_and_waited_on(
    data: bytes, content_type: str, status: int, execution: Execution
) -> None:
    assert call(path_of(execution), data, content_type).status_code == status
    assert statuses(execution)["call"] == "waiting"


def test_a_nul_in_the_query_is_no_error_of_ours(execution: Execution) -> None:
    assert call(f"{path_of(execution)}?q=%00").status_code == 200
    assert output_of(execution, "call")["query"] == {"q": "\ufffd"}


def test_a_secret_in_a_header_is_not_kept(execution: Execution) -> None:
    call(path_of(execution), headers={"Authorization": "Bearer very-secret"})
    assert "very-secret" not in str(output_of(execution, "call"))
