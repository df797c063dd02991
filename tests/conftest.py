"""Real servers for the tests that ask for a database, and none for those that do not.

Fixtures: `db` (or the mark `django_db`) rolls back after the test; `committed_db` really commits,
for tests with threads or processes, and empties every table afterwards.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import hypothesis
import pytest
from django.core.cache import cache
from django.db import connection, connections
from pytest_django import DjangoDbBlocker

from config.local.errors import RunnerError
from tests import environment, servers

# On a machine that decides whether a change lands the examples are the same each time; elsewhere
# they are new ones, and what they find becomes a case of its own.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")

OWN_SERVERS = servers.Servers()
THREADS_END = 30.0  # seconds; against hanging
# A worker of pytest-xdist tells the process that owns the session by this file what it collected.
WANTED = environment.HOME / "wanted"


def needs_servers(item: pytest.Item) -> bool:
    fixtures: tuple[str, ...] = getattr(item, "fixturenames", ())
    return "django_db_setup" in fixtures or item.get_closest_marker("django_db") is not None


def start_servers() -> None:
    try:
        OWN_SERVERS.start()
    except RunnerError as error:
        pytest.exit(str(error), returncode=3)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Without pytest-xdist: this process collected, this process owns."""
    owns = environment.WORKER == "main" and not session.config.option.collectonly
    if owns and any(map(needs_servers, session.items)):
        start_servers()


@pytest.hookimpl(tryfirst=True)  # pytest-xdist's own says that the collection is finished
def pytest_collection_finish(session: pytest.Session) -> None:
    if environment.WORKER != "main" and any(map(needs_servers, session.items)):
        WANTED.parent.mkdir(exist_ok=True)
        WANTED.touch()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished() -> None:
    """In the process that owns the session, before it hands out the first test."""
    if WANTED.exists():
        start_servers()


def pytest_unconfigure() -> None:
    if environment.WORKER == "main":
        OWN_SERVERS.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured or left behind, as they gave it to `record_property`."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties if report.when == "call" else ():
            terminalreporter.write_line(f"{report.nodeid}: {name}: {value}")


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Instead of pytest-django's: a copy of the migrated database, used as the app role."""
    servers.create_database()
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_database(), current_user")
            database, role = cursor.fetchone()
        assert database.startswith("test_"), f"refusing to test on {database}"
        assert role == environment.APP
        connection.close()


@pytest.fixture(scope="module", autouse=True)
def ended_threads() -> Iterator[None]:
    """No server of a module outlives it: one that lost its socket asks for it without a pause, and
    every test after it waits for the interpreter's lock."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if thread.daemon:
            thread.join(THREADS_END)
            assert not thread.is_alive(), f"{thread} is left behind"


@pytest.fixture(autouse=True)
def forgotten_tries(request: pytest.FixtureRequest) -> None:
    """What earlier tests tried (log-ins, say) is not counted against this one."""
    if needs_servers(request.node):
        cache.clear()


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database with real commits; every row and every key in Valkey is deleted afterwards."""
    with django_db_blocker.unblock():
        yield
        connections.close_all()
    servers.delete_rows()
    servers.flush_valkey()
