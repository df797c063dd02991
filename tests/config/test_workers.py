"""Workers give way to web and Postgres, however this Linux shares out its processors."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from config.local.home import PROJECT
from config.workers import AUTOGROUP, NICENESS
from tests import environment

SAY = """
from config.workers import AUTOGROUP, give_way
import os
give_way()
print(os.nice(0))
print(AUTOGROUP.read_text() if AUTOGROUP.exists() else "")
"""


def after_giving_way(*, leads_session: bool) -> list[str]:
    """The process's niceness, and that of its session as the kernel words it."""
    done = subprocess.run(
        [sys.executable, "-c", SAY],
        cwd=PROJECT,
        env={**os.environ, **environment.variables()},
        start_new_session=leads_session,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_worker_is_nicer_than_who_started_it() -> None:
    assert after_giving_way(leads_session=True)[0] == str(os.nice(0) + NICENESS)


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not group by session")
def test_so_is_the_session_of_the_workers() -> None:
    assert after_giving_way(leads_session=True)[1].endswith(f"nice {NICENESS}")


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not group by session")
def test_a_terminal_in_which_workers_are_started_by_hand_is_left_alone() -> None:
    before = AUTOGROUP.read_text()
    assert after_giving_way(leads_session=False)[1] == before.strip()
