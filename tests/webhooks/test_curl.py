"""The command is run by a shell whose curl only says what it was given."""

from __future__ import annotations

import subprocess
import tempfile

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from webhooks import curl

URL = "https://stepwell.example/hooks/token/"
# Each argument between NULs, and what comes in by the pipe behind them.
SAID = """
curl() {
  for each in "$@"; do printf '%s\\0' "$each"; done
  case " $* " in *" @- "*|*" @-") printf 'PIPE\\0'; cat ;; esac
}
"""
HOSTILE = [
    "'",
    '"',
    "$(touch /tmp/owned)",
    "`id`",
    "\\",
    "a'; rm -rf ~; '",
    "$HOME",
    "!!",
    "%s",
    "-",
]


def run(made: str) -> tuple[list[str], bytes | None]:
    """The arguments that curl gets, and its standard input if it reads that."""
    script = (SAID + made).encode()  # as a file: no argument of ours has a bound
    with tempfile.NamedTemporaryFile() as file:
        file.write(script)
        file.flush()
        done = subprocess.run(["/bin/sh", file.name], capture_output=True, check=True)
    arguments, piped, data = done.stdout.partition(b"PIPE\0")
    return [part.decode() for part in arguments.split(b"\0")[:-1]], data if piped else None


def body_of(made: str) -> bytes:
    arguments, data = run(made)
    return data if data is not None else arguments[arguments.index("--data-raw") + 1].encode()


def test_a_plain_request() -> None:
    made = curl.command(URL, {"content-type": "application/json"}, {"page": "2"}, b'{"a": 1}')
    assert run(made)[0] == [
        *("--request", "POST", f"{URL}?page=2"),
        *("--header", "content-type: application/json", "--data-raw", '{"a": 1}'),
    ]
    assert made.startswith("# ")


@pytest.mark.parametrize("text", [*HOSTILE, "\n", "@/etc/passwd", "é", "{}\n"])
def test_nothing_that_a_sender_wrote_is_a_command(text: str) -> None:
    made = curl.command(URL, {"x-note": text, "x-more": "1"}, {"q": text}, text.encode())
    arguments, _ = run(made)
    assert f"x-note: {text}" in arguments
    assert "x-more: 1" in arguments
    assert body_of(made) == text.encode()


@pytest.mark.parametrize(
    "body", [b"\0", b"\xff\xfe", b"a\0b'", b"\x1b[2J", bytes(range(256)), b"\r"]
)
def test_what_is_no_text_goes_by_base64(body: bytes) -> None:
    made = curl.command(URL, {}, {}, body)
    assert "base64 --decode" in made
    assert body_of(made) == body


def test_a_body_too_long_for_an_argument_goes_by_the_pipe() -> None:
    body = b"x'" * 500_000
    assert body_of(curl.command(URL, {}, {}, body)) == body


def test_a_header_without_a_value_is_sent_all_the_same() -> None:
    assert "x-empty;" in run(curl.command(URL, {"x-empty": ""}, {}, b""))[0]


def test_what_belongs_to_the_connection_is_left_out() -> None:
    headers = {"host": "a", "content-length": "3", "x-forwarded-for": "1.2.3.4", "x-kept": "1"}
    arguments, _ = run(curl.command(URL, headers, {}, b"abc"))
    assert [each for each in arguments if each.startswith(("x-", "host", "content-"))] == [
        "x-kept: 1"
    ]


def test_a_query_with_several_values() -> None:
    made = curl.command(URL, {}, {"tag": ["a", "b&c"]}, b"")
    assert f"{URL}?tag=a&tag=b%26c" in run(made)[0]


@examples(max_examples=40)
@given(st.binary(max_size=200), st.text(st.characters(codec="latin-1", exclude_categories=["Cc"])))
def test_any_body_and_header_arrive_as_they_were(body: bytes, value: str) -> None:
    made = curl.command(URL, {"x-any": value}, {}, body)
    assert (f"x-any: {value}" if value else "x-any;") in run(made)[0]
    assert body_of(made) == body
