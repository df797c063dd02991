"""Reading an answer without letting the other side decide how much work that is."""

from __future__ import annotations

from requests import Response

from executions.outbound.limits import Limits
from executions.outbound.wire import Deadline
from workflows.steps.base import HttpFailure

_CHUNK = 16_384
_READABLE = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})


def headers_of(response: Response) -> dict[str, str]:
    """Names in lower case; values of a repeated header are joined with a comma."""
    return {name.lower(): value for name, value in response.headers.items()}


def read_body(response: Response, limits: Limits, deadline: Deadline) -> bytes:
    """The decoded body; HttpFailure when it is too large or packed in a way we do not unpack.

    Encodings on top of each other are refused: a megabyte may unpack to a gigabyte of empty
    archives, which cost minutes of CPU and yield nothing that a size limit could catch.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in _READABLE:
        message = "The answer is packed in a way that is not read; gzip or deflate, once, would be."
        raise HttpFailure("invalid", message, sent=True)
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) < 20 and int(declared) > limits.wire:
        raise too_large(limits)
    body = bytearray()
    while chunk := response.raw.read(_CHUNK, decode_content=True):
        body += chunk
        if len(body) > limits.body:
            raise too_large(limits)
        deadline.left()
    return bytes(body)


def too_large(limits: Limits) -> HttpFailure:
    """The body went over a limit."""
    message = f"The answer is larger than {limits.body:,} bytes."
    return HttpFailure("too_large", message, sent=True)


def head_too_large(limits: Limits) -> HttpFailure:
    """The status line and headers went over a limit."""
    message = f"The headers of the answer are larger than {limits.head:,} bytes or more than 100."
    return HttpFailure("too_large", message, sent=True)
