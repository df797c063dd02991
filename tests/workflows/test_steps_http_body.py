"""What an answer's body is to a run, whatever the other side says that it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.worlds import ScriptedWorld, answer, world
from workflows.documents import unstorable
from workflows.steps.http import Http

HTTP = Http()


def read(here: ScriptedWorld) -> Any:
    return HTTP.run(HTTP.load({"url": "https://api.example/orders"}), here)


BINARY = {"base64": "iVAA", "content_type": "image/png", "size": 3}


@pytest.mark.parametrize(
    ("content_type", "raw", "body"),
    [
        ("application/json", b"[1]", [1]),
        ("application/problem+json; charset=utf-8", b'{"a": 1}', {"a": 1}),
        ("application/json", b"\xef\xbb\xbf[1]", [1]),
        ("application/json", b"", None),
        ("text/html; charset=iso-8859-1", b"caf\xe9", "café"),
        ("text/plain", b"caf\xe9", "caf\ufffd"),
        ("text/plain; charset=unicode_escape", rb"\ud800", r"\ud800"),
        ("text/plain; charset=no-such", b"x", "x"),
        ("text/plain; charset=utf-16", "né".encode("utf-16"), "né"),
        ("text/plain", b"a\x00b", "a\ufffdb"),
        ("image/png", b"\x89P\x00", BINARY),
        ("application/octet-stream", b"plain", "plain"),
        (
            "application/octet-stream",
            b"a\x00",
            {
                "base64": "YQA=",
                "content_type": "application/octet-stream",
                "size": 2,
            },
        ),
    ],
)
def test_a_body_is_read_by_its_content_type(content_type: str, raw: bytes, body: Any) -> None:
    here = world(answer(raw, content_type=content_type))
    assert read(here).output["body"] == body
    assert here.lines == []


@pytest.mark.parametrize(
    "raw", [b"<html>", b"NaN", b"[1e999]", b'"\\u0000"', b'"\\ud800"', b"[" * 100_000]
)
def test_json_that_is_none_stays_text_and_is_noted(raw: bytes) -> None:
    here = world(answer(raw))
    assert read(here).output["body"] == raw.decode()
    ((level, message, _),) = here.lines
    assert level == "warning"
    assert "kept as text" in message


@given(
    st.binary(max_size=200),
    st.sampled_from(
        [
            "application/json",
            "text/plain; charset=utf-16",
            "text/plain; charset=gb18030",
            "image/png",
            "",
            ";;;charset=",
            "text/plain; charset=utf-7",
        ]
    ),
)
def test_no_body_crashes_the_step_or_cannot_be_stored(raw: bytes, content_type: str) -> None:
    result = read(world(answer(raw, content_type=content_type)))
    assert list(unstorable(result.output)) == []
    failure = read(world(answer(raw, 500, content_type))).error
    assert list(unstorable(failure.details)) == []
