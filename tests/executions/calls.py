"""Making calls in the tests of the outbound client: requests, clients, names, connections."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from executions.egress import EgressPolicy, networks
from executions.outbound import OutboundClient
from executions.outbound.lookup import Found
from workflows.steps.base import HttpFailure, HttpRequest

LOOPBACK = EgressPolicy(allow=networks("127.0.0.0/8"))

_recorders: list[list[object]] = []


def _on_event(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        for recorder in _recorders:
            recorder.append(arguments[1])


# An audit hook sees every connect of the process, also one that goes around our code. It cannot be
# taken out again, so there is one for all tests.
sys.addaudithook(_on_event)


@contextmanager
def connections_recorded() -> Iterator[list[object]]:
    """The addresses that anything in this process connects to."""
    recorder: list[object] = []
    _recorders.append(recorder)
    try:
        yield recorder
    finally:
        _recorders.remove(recorder)


def found(*addresses: str, port: int) -> Found:
    """What a lookup answers."""
    return [
        (socket.AF_INET6, (address, port, 0, 0))
        if ":" in address
        else (socket.AF_INET, (address, port))
        for address in addresses
    ]


class Names:
    """A name service: each lookup of a name takes its next answer, the last one stays."""

    def __init__(self, **answers: list[tuple[str, ...]]) -> None:
        self._answers = {name.replace("_", "."): list(each) for name, each in answers.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Found:
        self.asked.append(host)
        answers = self._answers.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return found(*(answers.pop(0) if len(answers) > 1 else answers[0]), port=port)


def request(url: str, method: str = "GET", timeout: float = 5.0, **more: object) -> HttpRequest:
    fields = {"headers": {}, "body": None, **more}
    return HttpRequest(method=method, url=url, timeout=timeout, **fields)  # type: ignore[arg-type]  # tests pass what they need


def failure(client: OutboundClient, call: HttpRequest) -> HttpFailure:
    """The failure this call must end with."""
    with pytest.raises(HttpFailure) as caught:
        client.send(call)
    return caught.value
