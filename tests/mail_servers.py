"""Mail servers on 127.0.0.1 that take mails, refuse them, or break off at a given point.

    with receiving_mail({"DATA": None}) as server:  # breaks off when the mail is about to be sent
        ...
    assert server.mails == []

Replies are by command (`RCPT`, `DATA`, ...) or `.` for the end of a mail; None breaks off instead.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_USUAL = {
    "EHLO": "250 test",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go on",
    ".": "250 ok",
}
_USUAL |= {"QUIT": "221 bye", "RSET": "250 ok"}


@dataclass
class MailServer:
    """Where it listens, and what it took."""

    port: int
    mails: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)


@contextmanager
def receiving_mail(replies: Mapping[str, str | None] | None = None) -> Iterator[MailServer]:
    """Run a mail server in threads until the block is left."""
    said = {**_USUAL, **(replies or {})}

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            _converse(self.rfile, self.request, said, taken)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as listener:
        listener.daemon_threads = True
        taken = MailServer(listener.server_address[1])
        threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield taken
        finally:
            listener.shutdown()


def _converse(
    lines: Any, sock: socket.socket, said: Mapping[str, str | None], taken: MailServer
) -> None:
    sock.sendall(b"220 test\r\n")
    for line in lines:
        text = line.decode().strip()
        verb = text.split(" ")[0].split(":")[0].upper()
        if not _reply(sock, said.get(verb, "502 unknown")):
            return
        if verb == "RCPT":
            taken.recipients.append(text.partition("<")[2].partition(">")[0])
        if verb == "DATA" and str(said["DATA"]).startswith("354"):
            mail = _until_dot(lines)
            if str(said["."]).startswith("250"):
                taken.mails.append(mail)
            if not _reply(sock, said["."]):
                return
        if verb == "QUIT":
            return


def _reply(sock: socket.socket, text: str | None) -> bool:
    """False: it breaks off here."""
    if text is None:
        sock.shutdown(socket.SHUT_RDWR)
        return False
    sock.sendall(f"{text}\r\n".encode())
    return True


def _until_dot(lines: Any) -> str:
    kept = []
    for line in lines:
        if line == b".\r\n":
            break
        kept.append(line.decode())
    return "".join(kept)
