"""HTTP to this machine's own address; proxies named by the environment have no say in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    def json(self) -> dict[str, object]:
        """The body as a JSON object; ValueError where it is none."""
        value = json.loads(self.body)
        if not isinstance(value, dict):
            raise ValueError("not a JSON object")
        return value


class NoAnswerError(Exception):
    """The server was not there, broke off, or was silent too long."""


def request(
    port: int,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout: float = 30.0,
) -> Answer:
    """One request, one answer. Raises NoAnswerError."""
    connection = HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, response.read())
    except (OSError, HTTPException) as error:
        raise NoAnswerError(str(error)) from error
    finally:
        connection.close()


def events(
    port: int, path: str, *, headers: Mapping[str, str], timeout: float = 30.0
) -> Iterator[dict[str, object]]:
    """The `data` of each event of a stream, until the server ends it. Raises NoAnswerError."""
    connection = HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("GET", path, headers={**headers, "Accept": "text/event-stream"})
        response = connection.getresponse()
        if response.status not in (200, 204):  # 204: nothing more will come
            raise NoAnswerError(f"{path} answered {response.status}")
        while line := response.readline():
            if line.startswith(b"data:"):
                yield json.loads(line[5:])
    except (OSError, HTTPException) as error:
        raise NoAnswerError(str(error)) from error
    finally:
        connection.close()
