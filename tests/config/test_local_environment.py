from __future__ import annotations

import json
from pathlib import Path

import pytest

from config.local import environment, migrations, secrets
from config.local.errors import RunnerError
from config.local.home import Home
from config.local.servers import Servers

URLS = {"DATABASE_URL": "postgres://ours/", "REDIS_URL": "unix:///ours"}


@pytest.fixture
def place(tmp_path: Path) -> Home:
    return Home(tmp_path, tmp_path / "run", tmp_path / "postgres", None)


@pytest.mark.parametrize("text", ["x", "0", "65536", "-1", "80 80", "8000.0"])
def test_a_port_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", text)
    with pytest.raises(RunnerError, match=r"from 1 to 65535"):
        environment.port()


@pytest.mark.parametrize(("text", "port"), [("", 8000), ("8001", 8001)])
def test_the_port_is_8000_unless_another_is_given(
    text: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", text)
    assert environment.port() == port


def test_what_a_person_sets_wins_over_what_the_runner_makes(
    place: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "given by a person")
    monkeypatch.setenv("STEPWELL_EGRESS_ALLOW", "10.1.0.0/16")
    made = environment.variables(place, URLS)
    assert made["SECRET_KEY"] == "given by a person"
    assert made["STEPWELL_EGRESS_ALLOW"] == "10.1.0.0/16,127.0.0.1/32"
    assert made["DATABASE_URL"] == URLS["DATABASE_URL"]


def test_keys_are_made_once_and_only_their_owner_can_read_them(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = secrets.load(path)
    assert secrets.load(path) == first == json.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert secrets.load(tmp_path / "other.json") != first


def test_servers_that_the_environment_names_are_not_started(place: Home) -> None:
    given = {**URLS, "DATABASE_OWNER_URL": "postgres://owner/"}
    servers = Servers.missing(place, given)
    assert (servers.postgres, servers.valkey, servers.urls()) == (None, None, {})


def test_a_database_without_its_owner_is_refused_with_what_to_run(place: Home) -> None:
    with pytest.raises(RunnerError, match=r"psql -d stepwell -f tenants/roles\.sql"):
        Servers.missing(place, URLS)


def test_a_failed_migration_says_why(place: Home) -> None:
    place.log("migrate").parent.mkdir()
    servers = Servers.missing(place, {})
    with pytest.raises(RunnerError, match="could not be migrated"):
        migrations.migrate(place, servers, {"DJANGO_SETTINGS_MODULE": "no.such.settings"})
    assert "No module named" in place.log("migrate").read_text()


def test_what_was_migrated_is_not_migrated_again(place: Home) -> None:
    place.postgres.mkdir()
    servers = Servers.missing(place, {})
    (place.postgres / "migrated").write_text(migrations.digest())
    migrations.migrate(place, servers, {"DJANGO_SETTINGS_MODULE": "no.such.settings"})
