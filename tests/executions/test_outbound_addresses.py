"""Wherever a URL, a name or a redirect points, no forbidden address is ever connected to."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from executions.egress import EgressPolicy, networks
from executions.outbound import OutboundClient
from tests.bad_servers import answer, not_accepting, redirect, refusing, serving
from tests.executions.calls import LOOPBACK, Names, connections_recorded, failure, request

NAMES = Names(
    localhost=[("127.0.0.1", "::1")],
    app_localhost=[("127.0.0.1",)],
    localtest_me=[("127.0.0.1",)],
    metadata_google_internal=[("169.254.169.254",)],
    db_svc_cluster_local=[("10.96.0.10",)],
    mixed_example=[("93.184.216.34", "10.0.0.1")],
    mixed6_example=[("2606:4700::1111", "::1")],
    last_example=[("93.184.216.34", "8.8.8.8", "1.1.1.1", "192.168.0.1")],
    mapped_example=[("::ffff:127.0.0.1",)],
    nat64_example=[("64:ff9b::a9fe:a9fe",)],
    nobody_example=[()],
    zone_example=[("fe80::1%1",)],
)

FORBIDDEN_URLS = [
    # IPv4 in every spelling
    "http://127.0.0.1/",
    "http://127.0.0.1:6379/",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0x7f.0x0.0x0.0x1/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0177.0.0.01/",
    "http://127.0.0.1./",
    "http://0/",
    "http://0.0.0.0/",
    "http://0x0/",
    "http://127.127.127.127/",
    "http://10.0.0.1/",
    "http://10.1/",
    "http://167772161/",
    "http://100.64.0.1/",
    "http://100.100.100.200/latest/meta-data/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/latest/meta-data/",
    "http://0xa9fea9fe/",
    "http://0xA9.0xFE.0xA9.0xFE/",
    "http://0251.0376.0251.0376/",
    "http://169.16689662/",
    "http://168.63.129.16/machine",
    "http://172.16.0.1/",
    "http://192.0.0.192/",
    "http://192.0.2.1/",
    "http://192.52.193.1/",
    "http://192.168.1.1/",
    "http://3232235777/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    # IPv6
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[0000:0000::0001]:8080/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[fe80::1]/",
    "http://[fe80::1%25lo]/",
    "http://[fe80::1%lo]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    # Names
    "http://localhost/",
    "http://LOCALHOST:8000/",
    "http://localhost./",
    "http://app.localhost/",
    "http://localtest.me/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://db.svc.cluster.local:5432/",
    "http://mixed.example/",
    "http://mixed6.example/",
    "http://last.example/",
    "http://mapped.example/",
    "http://nat64.example/",
    "http://nobody.example/",
    "http://zone.example/",
    # Other ways to write a host
    "http://127。0。0。1/",
    "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",
    "http://①②⑦.⓪.⓪.①/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "http://localhost/",
    "http://127%2e0%2e0%2e1/",
    "http://%31%32%37.0.0.1/",
    "http://user@127.0.0.1/",
    "http://93.184.216.34@127.0.0.1/",
    "http://93.184.216.34:80@127.0.0.1/",
    "http://93.184.216.34\\@127.0.0.1/",
    "http://127.0.0.1\\@93.184.216.34/",
    "http://93.184.216.34\n@127.0.0.1/",
    "http://127.0.0.1\t/",
    "http://127.0.0.1\x00.example/",
    "http:///127.0.0.1/",
    "http:127.0.0.1/",
    "http:\\\\127.0.0.1/",
    "//127.0.0.1/",
    "http://[::1/",
    "http://127.0.0.1:99999/",
    "http://:80/",
    "http://",
    "",
    # Other schemes
    "file:///etc/passwd",
    "ftp://127.0.0.1/",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "dict://127.0.0.1:11211/",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "jar:http://127.0.0.1!/",
    "data:text/plain,hello",
    "javascript:alert(1)",
]
# What names no other host in a Location header is left out: relative references, line breaks.
_HARMLESS = ("", "http://", "http:127.0.0.1/", "http:///127.0.0.1/")
FORBIDDEN_LOCATIONS = [url for url in FORBIDDEN_URLS if url.isprintable() and url not in _HARMLESS]


PUBLIC_ONLY = OutboundClient(EgressPolicy(), lookup=NAMES)
FROM_LOOPBACK = OutboundClient(EgressPolicy(allow=networks("127.0.0.99")), lookup=NAMES)


def test_the_table_is_as_long_as_it_says() -> None:
    assert len(set(FORBIDDEN_URLS)) >= 100


@pytest.mark.parametrize("url", FORBIDDEN_URLS)
def test_a_forbidden_url_is_refused_without_a_connection(url: str) -> None:
    with connections_recorded() as connections:
        refused = failure(PUBLIC_ONLY, request(url))
    assert connections == []
    assert refused.kind in ("blocked", "invalid")
    assert refused.sent is False


@pytest.mark.parametrize("location", FORBIDDEN_LOCATIONS)
def test_a_redirect_to_a_forbidden_url_is_not_followed(location: str) -> None:
    wire_form = location.encode().decode("latin-1")
    with (
        serving(redirect(wire_form), address="127.0.0.99") as server,
        connections_recorded() as connections,
    ):
        refused = failure(FROM_LOOPBACK, request(server.url(), max_redirects=5))
    assert connections == [("127.0.0.99", server.port)]
    assert refused.kind in ("blocked", "invalid")
    assert refused.sent is True


def test_a_name_that_changes_its_address_is_checked_at_every_connection() -> None:
    names = Names(rebinding_example=[("127.0.0.1",), ("127.0.0.2",)])
    client = OutboundClient(EgressPolicy(allow=networks("127.0.0.1")), lookup=names)
    with serving(redirect("/again")) as server, connections_recorded() as connections:
        url = server.url(host="rebinding.example")
        refused = failure(client, request(url, max_redirects=1))
    assert names.asked == ["rebinding.example"] * 2
    assert connections == [("127.0.0.1", server.port)]
    assert (refused.kind, refused.sent) == ("blocked", True)


def test_a_name_is_looked_up_once_for_a_connection() -> None:
    names = Names(rebinding_example=[("127.0.0.1",), ("127.0.0.2",)])
    client = OutboundClient(EgressPolicy(allow=networks("127.0.0.1")), lookup=names)
    with serving(answer()) as server:
        assert client.send(request(server.url(host="rebinding.example"))).status == 200
        assert server.requests[0].startswith(b"GET / HTTP/1.1\r\nHost: rebinding.example:")


def test_the_peer_is_checked_again_after_connecting() -> None:
    # "0" is 0.0.0.0, and connecting there ends at 127.0.0.1, which is another address.
    client = OutboundClient(EgressPolicy(allow=networks("0.0.0.0/32")))
    with serving(answer()) as server:
        refused = failure(client, request(server.url(host="0")))
        assert (refused.kind, refused.sent) == ("blocked", False)
        assert server.requests == []


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    names = Names(two_example=[("127.0.0.2", "127.0.0.1")])
    with serving(answer()) as server, connections_recorded() as connections:
        client = OutboundClient(LOOPBACK, lookup=names)
        assert client.send(request(server.url(host="two.example"))).status == 200
    assert connections == [("127.0.0.2", server.port), ("127.0.0.1", server.port)]


def test_open_closed_and_filtered_forbidden_ports_sound_the_same() -> None:
    with serving(answer()) as listening, not_accepting() as filtered:
        refusals = [
            failure(PUBLIC_ONLY, request(server.url(host="localtest.me"), timeout=0.5))
            for server in (listening, filtered, refusing())
        ]
    assert {refusal.kind for refusal in refusals} == {"blocked"}
    assert {refusal.message for refusal in refusals} == {
        "localtest.me may not be called: only public addresses are allowed."
    }


def test_a_failure_shows_no_address_no_path_and_no_cause() -> None:
    client = OutboundClient(LOOPBACK, lookup=Names(shop_example=[("127.0.0.1",)]))
    url = refusing().url("/orders?token=abc", host="shop.example")
    refused = failure(client, request(url))
    assert refused.message == "Could not connect to shop.example."
    told = "".join(traceback.format_exception(refused))
    assert "127.0.0.1" not in told
    assert "abc" not in told


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answer(b"proxy")) as proxy, serving(answer(b"direct")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        monkeypatch.setenv("no_proxy", "")
        assert OutboundClient(LOOPBACK).send(request(server.url())).body == b"direct"
        assert proxy.connections == 0


def test_credentials_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login alice password secret")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(answer()) as server:
        OutboundClient(LOOPBACK).send(request(server.url()))
        assert b"uthorization" not in server.requests[0]


def test_cookies_are_not_kept() -> None:
    client = OutboundClient(LOOPBACK)
    with serving(answer(headers=("Set-Cookie: id=1",))) as server:
        client.send(request(server.url()))
        client.send(request(server.url()))
        assert b"ookie" not in server.requests[1]
