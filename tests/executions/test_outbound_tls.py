from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from executions.outbound import OutboundClient
from tests.bad_servers import DRIP_SECONDS, answer, hang_up, serving, silent
from tests.executions.calls import LOOPBACK, Names, failure, request

NAMES = Names(shop_example=[("127.0.0.1",)], other_example=[("127.0.0.1",)])
STRANGER = OutboundClient(LOOPBACK, lookup=NAMES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def server_tls(folder: Path) -> ssl.SSLContext:
    return _server_context(folder, timedelta(days=1))


@pytest.fixture(scope="module")
def friend(server_tls: ssl.SSLContext, folder: Path) -> OutboundClient:
    """A client that trusts the server's certificate."""
    return _trusting(folder)


def test_a_trusted_certificate_is_accepted(
    friend: OutboundClient, server_tls: ssl.SSLContext
) -> None:
    with serving(answer(b"secret"), tls=server_tls) as server:
        url = server.url("/orders", host="shop.example")
        assert friend.send(request(url)).body == b"secret"
        assert server.requests[0].startswith(b"GET /orders HTTP/1.1\r\nHost: shop.example:")


def test_an_untrusted_certificate_is_refused_unsent(server_tls: ssl.SSLContext) -> None:
    with serving(answer(), tls=server_tls) as server:
        refused = failure(STRANGER, request(server.url(host="shop.example"), "POST", body=b"x"))
        assert server.requests == []
    assert (refused.kind, refused.sent) == ("connect", False)
    assert refused.message == (
        "The certificate of shop.example is not valid: self-signed certificate."
    )


def test_a_certificate_of_another_name_is_refused_unsent(
    friend: OutboundClient, server_tls: ssl.SSLContext
) -> None:
    with serving(answer(), tls=server_tls) as server:
        refused = failure(friend, request(server.url(host="other.example")))
        assert server.requests == []
    assert (refused.kind, refused.sent) == ("connect", False)
    assert "other.example" in refused.message


def test_an_expired_certificate_is_refused_unsent(tmp_path: Path) -> None:
    context = _server_context(tmp_path, timedelta(days=-1))
    with serving(answer(), tls=context) as server:
        refused = failure(_trusting(tmp_path), request(server.url(host="shop.example")))
    assert (refused.kind, refused.sent) == ("connect", False)
    assert "expired" in refused.message


def test_a_server_without_tls_is_a_failed_connection(friend: OutboundClient) -> None:
    with serving(answer()) as server:
        url = server.url(host="shop.example").replace("http:", "https:")
        refused = failure(friend, request(url, timeout=2))
    assert (refused.kind, refused.message, refused.sent) == (
        "connect",
        "Could not connect to shop.example.",
        False,
    )


@pytest.mark.parametrize("name", ["silent", "dripping"])
def test_a_handshake_that_does_not_end_ends_at_the_deadline_unsent(
    friend: OutboundClient, name: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if name == "dripping":
            _drip_in_background(listener)
        url = f"https://shop.example:{listener.getsockname()[1]}/"
        late = failure(friend, request(url, timeout=0.3))
    assert (late.kind, late.sent) == ("connect", False)


def test_silence_after_the_handshake_ends_at_the_deadline_sent(
    friend: OutboundClient, server_tls: ssl.SSLContext
) -> None:
    with serving(silent, tls=server_tls) as server:
        late = failure(friend, request(server.url(host="shop.example"), timeout=0.3))
    assert (late.kind, late.sent) == ("timeout", True)


def test_a_record_that_drips_ends_at_the_deadline(
    friend: OutboundClient, server_tls: ssl.SSLContext
) -> None:
    with serving(_drip_a_record, tls=server_tls) as server:
        late = failure(friend, request(server.url(host="shop.example"), timeout=0.3))
    assert (late.kind, late.sent) == ("timeout", True)


def test_a_hang_up_after_the_handshake_is_broken(
    friend: OutboundClient, server_tls: ssl.SSLContext
) -> None:
    with serving(hang_up, tls=server_tls) as server:
        broken = failure(friend, request(server.url(host="shop.example"), "POST"))
    assert (broken.kind, broken.sent) == ("broken", True)


def test_a_large_body_is_sent_whole(friend: OutboundClient, server_tls: ssl.SSLContext) -> None:
    body = os.urandom(1_000_000)
    with serving(answer(), tls=server_tls) as server:
        friend.send(request(server.url(host="shop.example"), "PUT", body=body))
        assert server.requests[0].endswith(body)


def _drip_a_record(sock: socket.socket, request: bytes) -> None:
    """The header of a TLS record of 16 kB, and then its bytes one at a time, below the TLS."""
    plain = socket.socket(fileno=os.dup(sock.fileno()))
    with plain:
        plain.sendall(b"\x17\x03\x03\x40\x00")
        _drip(plain)


def _drip_in_background(listener: socket.socket) -> None:
    def accept() -> None:
        sock, _ = listener.accept()
        with sock:
            sock.sendall(b"\x16\x03\x03\x40\x00")
            _drip(sock)

    threading.Thread(target=accept, daemon=True).start()


def _drip(sock: socket.socket) -> None:
    with suppress(OSError):
        while True:
            sock.sendall(b"\x00")
            time.sleep(DRIP_SECONDS)


def _server_context(folder: Path, valid_for: timedelta) -> ssl.SSLContext:
    """A server's TLS with a certificate that shop.example signed for itself, in `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + valid_for)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("shop.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


def _trusting(folder: Path) -> OutboundClient:
    trust = ssl.create_default_context(cafile=str(folder / "certificate.pem"))
    return OutboundClient(LOOPBACK, trust=trust, lookup=NAMES)
