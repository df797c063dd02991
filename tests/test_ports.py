"""A port that is held: refused while no server is there, a server's own, and nobody else's."""

from __future__ import annotations

import socket

import pytest

from config.local.loopback import HOST
from tests import ports


def test_a_held_port_is_refused_until_its_server_is_there_and_again_after_it() -> None:
    with ports.held() as holder:
        address = (HOST, ports.number(holder))
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address)
            with socket.create_server(address):
                socket.create_connection(address).close()


def test_a_held_port_is_given_to_nobody_else() -> None:
    with (
        ports.held() as holder,
        socket.socket() as other,
        pytest.raises(OSError, match="in use"),
    ):
        other.bind((HOST, ports.number(holder)))
