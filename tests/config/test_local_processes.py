from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from config.local import processes
from config.local.home import PROJECT
from config.local.processes import Child, Command, Supervisor

SLEEP = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); " + SLEEP
)


def python(code: str, log: Path, patience: float = 10.0) -> Command:
    return Command(
        name="child",
        argv=(sys.executable, "-c", code),
        cwd=log.parent,
        env=dict(os.environ),
        log=log,
        patience=patience,
    )


def eventually(check: Callable[[], bool]) -> None:
    """Wait for it; the bound is against hanging."""
    deadline = time.monotonic() + 30
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_a_child_that_ends_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    log = tmp_path / "log"
    with Supervisor(said.append) as supervisor:
        first = supervisor.start(python(f"print('here', flush=True); {SLEEP}", log))
        eventually(lambda: log.read_text().count("here") == 1)
        os.kill(first.pid, signal.SIGKILL)

        def is_back() -> bool:
            supervisor.mind()
            return log.read_text().count("here") == 2

        eventually(is_back)
    assert said == ["child ended (signal 9); starting it again in 0.5 s"]


def test_a_child_that_keeps_failing_is_started_ever_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "FIRST_DELAY", 0.01)
    said: list[str] = []
    with Supervisor(said.append) as supervisor:
        supervisor.start(python("raise SystemExit(3)", tmp_path / "log"))

        def failed_thrice() -> bool:
            supervisor.mind()
            return len(said) == 3

        eventually(failed_thrice)
    assert [line.split()[-2] for line in said] == ["0.01", "0.02", "0.04"]
    assert "exit status 3" in said[0]


def test_stop_kills_what_does_not_listen(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child(python(STUBBORN, log, patience=0.2))
    eventually(lambda: "deaf" in log.read_text())
    child.stop()
    assert child.ended() == -signal.SIGKILL


def test_stop_also_ends_what_a_child_started(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child(
        python(
            f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {SLEEP!r}]);"
            "print(p.pid, flush=True); p.wait()",
            log,
        )
    )
    eventually(lambda: log.read_text().endswith("\n"))
    grandchild = int(log.read_text())
    child.stop()
    eventually(lambda: not is_alive(grandchild))


@pytest.mark.skipif(sys.platform != "linux", reason="a promise of the Linux kernel")
def test_children_of_a_killed_runner_do_not_live_on(tmp_path: Path) -> None:
    log = tmp_path / "log"
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(log)], cwd=PROJECT, stdout=subprocess.PIPE
    )
    assert runner.stdout is not None
    child = int(runner.stdout.readline())
    assert is_alive(child)
    runner.kill()
    runner.communicate()
    eventually(lambda: not is_alive(child))


RUNNER = """
import sys, time
from pathlib import Path
from tests.config.test_local_processes import SLEEP, Child, python
print(Child(python(SLEEP, Path(sys.argv[1]))).pid, flush=True)
time.sleep(60)
"""


def test_a_log_that_grew_long_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LOG_LIMIT", 10)
    log = tmp_path / "web.log"
    log.write_text("x" * 11)
    child = Child(python("print('new')", log))
    eventually(lambda: child.ended() is not None)
    assert log.read_text() == "new\n"
    assert (tmp_path / "web.log.1").read_text() == "x" * 11
