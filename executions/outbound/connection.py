"""Connections that lead only where the egress policy permits.

The check sits where the socket is made: the name is looked up once, every address it has must
pass, the socket is connected to a checked address, and the peer is checked again. What was
checked is what is called, so no second lookup can change it, and the host name stays whole for
TLS and the Host header.
"""

from __future__ import annotations

import logging
import socket
import ssl
from dataclasses import dataclass, field
from typing import Any, cast

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from executions.egress import EgressPolicy
from executions.outbound.limits import Limits
from executions.outbound.lookup import Found, Lookup, SocketAddress, addresses
from executions.outbound.wire import Deadline, Meter, Wire
from workflows.steps.base import HttpFailure

# Its debug and warning lines print whole URLs, whose queries may carry secrets.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


@dataclass
class Route:
    """What one hop of a call carries down to its socket, and what came of it."""

    policy: EgressPolicy
    limits: Limits
    lookup: Lookup
    deadline: Deadline
    meter: Meter
    connected: bool = field(default=False, init=False)
    """True from the moment the request may leave."""

    def open(self, host: str, port: int) -> socket.socket:
        """A TCP connection to a permitted address of the host, or HttpFailure."""
        for family, address in self._checked(host, port):
            try:
                return self._connect(family, address, host)
            except OSError:
                continue
        raise _no_connection(host)

    def _checked(self, host: str, port: int) -> Found:
        if not self.policy.permits_host(host):
            raise _blocked(host)
        try:
            found = addresses(host, port, self.lookup, self.deadline)
        except (OSError, UnicodeError):
            message = f"The name {host} could not be looked up."
            raise HttpFailure("connect", message, sent=False) from None
        # One forbidden address refuses the whole name: the next lookup might bring it first.
        if not found or not all(self.policy.permits(address[0]) for _, address in found):
            raise _blocked(host)
        return found

    def _connect(
        self, family: socket.AddressFamily, address: SocketAddress, host: str
    ) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(min(self.limits.connect, self.deadline.left()))
            sock.connect(address)
            if not self.policy.permits(sock.getpeername()[0]):
                raise _blocked(host)
            sock.settimeout(self.deadline.left())  # for the TLS handshake, as a whole
        except BaseException:
            sock.close()
            raise
        return sock


class GuardedHTTPConnection(HTTPConnection):
    """An HTTP connection that is opened by a Route and speaks through a Wire."""

    def __init__(self, *args: Any, route: Route, **options: Any) -> None:
        super().__init__(*args, **options)
        self._route = route

    def _new_conn(self) -> socket.socket:
        return self._route.open(self.host, self.port)

    def connect(self) -> None:
        """Connect, with TLS where it is due; HttpFailure when that fails."""
        try:
            super().connect()
        except ssl.SSLCertVerificationError as error:
            message = f"The certificate of {self.host} is not valid: {error.verify_message}."
            raise HttpFailure("connect", message, sent=False) from None
        except (OSError, ValueError):  # ValueError: a name that TLS cannot ask for
            raise _no_connection(self.host) from None
        wire = Wire(self.sock, self._route.deadline, self._route.meter)
        self.sock = cast("socket.socket", wire)  # http.client uses no other part of a socket
        self._route.connected = True


class GuardedHTTPSConnection(GuardedHTTPConnection, HTTPSConnection):
    """The same over TLS."""


class GuardedHTTPPool(HTTPConnectionPool):
    """Holds the one connection of a hop."""

    ConnectionCls = GuardedHTTPConnection


class GuardedHTTPSPool(HTTPSConnectionPool):
    """Holds the one TLS connection of a hop."""

    ConnectionCls = GuardedHTTPSConnection


def _blocked(host: str) -> HttpFailure:
    message = f"{host} may not be called: only public addresses are allowed."
    return HttpFailure("blocked", message, sent=False)


def _no_connection(host: str) -> HttpFailure:
    return HttpFailure("connect", f"Could not connect to {host}.", sent=False)
