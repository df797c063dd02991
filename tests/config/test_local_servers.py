"""The embedded servers: they keep their data through everything and are never doubled."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from config.local import account, home, orphans, roles
from config.local.home import Home
from config.local.postgres import Postgres
from config.local.processes import Child, Command, Supervisor
from config.local.valkey import Valkey


@pytest.fixture
def place() -> Iterator[Home]:
    """Not tmp_path: that is private to root, and Postgres would leave it."""
    root = Path(tempfile.mkdtemp(prefix="stepwell-test-"))
    yield home.create(root, account.for_postgres())
    shutil.rmtree(root)


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor(lambda line: None) as supervisor:
        yield supervisor


def start_postgres(place: Home, supervisor: Supervisor) -> tuple[Postgres, Child]:
    postgres = Postgres.of(place)
    postgres.initialise()
    child = supervisor.start(postgres.command())
    postgres.wait_ready(child)
    return postgres, child


def start_valkey(place: Home, supervisor: Supervisor) -> tuple[Valkey, Child]:
    valkey = Valkey.of(place)
    child = supervisor.start(valkey.command())
    valkey.wait_ready(child)
    return valkey, child


def start_apart(command: Command) -> subprocess.Popen[bytes]:
    """As after the death of a runner: no supervisor knows this process."""
    who = command.account
    return subprocess.Popen(
        command.argv,
        cwd=command.cwd,
        env=dict(command.env),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        user=who.uid if who else None,
        group=who.gid if who else None,
        extra_groups=[] if who else None,
    )


def test_postgres_sorts_the_same_everywhere_and_checks_its_pages(
    place: Home, supervisor: Supervisor
) -> None:
    postgres, _ = start_postgres(place, supervisor)
    with postgres.connect() as connection:
        shown = connection.execute(
            "SELECT pg_encoding_to_char(encoding), datlocale, current_setting('data_checksums'),"
            " current_setting('fsync'), current_setting('listen_addresses')"
            " FROM pg_database WHERE datname = 'postgres'"
        ).fetchone()
    assert shown == ("UTF8", "C.UTF-8", "on", "on", "")


def test_roles_and_database_can_be_made_again(place: Home, supervisor: Supervisor) -> None:
    postgres, _ = start_postgres(place, supervisor)
    roles.create(postgres)
    roles.create(postgres)
    with psycopg.connect(postgres.url(roles.APP, roles.DATABASE)) as connection:
        found = connection.execute(
            "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert found == (False, False)


def test_a_killed_postgres_comes_back_with_what_was_committed(
    place: Home, supervisor: Supervisor
) -> None:
    postgres, child = start_postgres(place, supervisor)
    with postgres.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    os.kill(child.pid, signal.SIGKILL)
    eventually(lambda: child.ended() is not None)

    def is_back() -> bool:
        supervisor.mind()
        return answers(postgres)

    eventually(is_back)
    with postgres.connect() as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)


def test_a_postgres_that_outlived_its_runner_is_replaced(
    place: Home, supervisor: Supervisor
) -> None:
    postgres = Postgres.of(place)
    postgres.initialise()
    orphan = start_apart(postgres.command())
    eventually(lambda: answers(postgres))
    _, child = start_postgres(place, supervisor)
    assert orphan.wait(30) == 0
    assert child.pid in orphans.servers_in(postgres.data, "postgres")


def test_a_valkey_that_outlived_its_runner_is_replaced_and_keeps_its_keys(
    place: Home, supervisor: Supervisor
) -> None:
    valkey = Valkey.of(place)
    valkey.data.mkdir(mode=0o700)
    orphan = start_apart(valkey.command())
    with redis.Redis.from_url(valkey.url()) as client:
        eventually(lambda: sets(client, "kept", "1"))
        start_valkey(place, supervisor)
        assert orphan.wait(30) == 0
        assert client.get("kept") == b"1"


def test_a_stranger_with_a_number_from_a_stale_pid_file_is_left_alone(
    place: Home, supervisor: Supervisor
) -> None:
    postgres, child = start_postgres(place, supervisor)
    child.stop()
    with subprocess.Popen(["sleep", "60"], cwd=place.root) as stranger:  # noqa: S607
        (postgres.data / "postmaster.pid").write_text(f"{stranger.pid}\n{postgres.data}\n")
        _, child = start_postgres(place, supervisor)
        assert child.ended() is None
        assert stranger.poll() is None
        stranger.kill()


def test_two_pairs_of_servers_run_side_by_side(place: Home, supervisor: Supervisor) -> None:
    other_root = Path(tempfile.mkdtemp(prefix="stepwell-test-"))
    other = home.create(other_root, account.for_postgres())
    with Supervisor(lambda line: None) as second:
        for where, minder in ((place, supervisor), (other, second)):
            start_postgres(where, minder)
            start_valkey(where, minder)
        assert answers(Postgres.of(place))
        assert answers(Postgres.of(other))
    shutil.rmtree(other_root)


def eventually(check: Callable[[], bool]) -> None:
    """Wait for it; the bound is against hanging."""
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(postgres: Postgres) -> bool:
    try:
        postgres.connect().close()
    except psycopg.OperationalError:
        return False
    return True


def sets(client: redis.Redis, key: str, value: str) -> bool:
    try:
        return bool(client.set(key, value))
    except redis.ConnectionError:
        return False
