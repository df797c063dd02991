"""A request as a curl command that can be pasted into a shell. Pure."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from workflows.definition import JSON

# curl writes these itself, or they are of the connection that the request came over.
_LEFT_OUT = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)
_OF_PROXIES = ("x-forwarded-", "x-real-")
# A longer argument is refused by the kernel (128 KB on Linux); printf is the shell's own.
_LONGEST_ARGUMENT = 65_536
_UNPRINTABLE = re.compile(r"[^\t\n\x20-\x7e\xa0-\U0010ffff]")

NOTE = """\
# Fill in what is [masked]. A signature that carries a time is refused once it is too old, and an
# id that was taken before is a duplicate: sign anew, with a new id.
"""


def command(
    url: str, headers: Mapping[str, str], query: Mapping[str, JSON], body: bytes | None
) -> str:
    """The request again. A body that is no text goes by base64; one that was not kept is left out.

    Every value is quoted for a POSIX shell, so nothing that a sender wrote is read as a command.
    """
    address = f"{url}?{urlencode(query, doseq=True)}" if query else url
    options = [f"--header {shlex.quote(header)}" for header in _headers(headers)]
    before, given = _body(body or b"")
    line = " \\\n  ".join([f"curl --request POST {shlex.quote(address)}", *options, *given])
    return f"{NOTE}{before}{line}\n"


def text(body: bytes) -> str | None:
    """The body as text that a terminal can be given; None if it is no such text."""
    try:
        decoded = body.decode()
    except UnicodeDecodeError:
        return None
    return None if _UNPRINTABLE.search(decoded) else decoded


def _headers(headers: Mapping[str, str]) -> Iterator[str]:
    for name, value in headers.items():
        if name in _LEFT_OUT or name.startswith(_OF_PROXIES):
            continue
        # An empty value is spelt with a semicolon; with a colon curl would leave the header out.
        yield f"{name}: {value}" if value else f"{name};"


def _body(body: bytes) -> tuple[str, list[str]]:
    """What stands before the command, and the options that name the body."""
    shown = text(body)
    if shown is None:
        encoded = base64.b64encode(body).decode("ascii")
        return f"printf %s '{encoded}' | base64 --decode | ", ["--data-binary @-"]
    if len(body) > _LONGEST_ARGUMENT:
        return f"printf %s {shlex.quote(shown)} | ", ["--data-binary @-"]
    return "", [f"--data-raw {shlex.quote(shown)}"]
