"""Failpoints: off unless armed twice, and then exactly what was asked for."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.local.home import PROJECT
from executions import failpoints
from executions.failpoints import PERMISSION, POINTS, VARIABLE

APPS = ("executions", "webhooks")
HIT = re.compile(r'failpoints\.hit\("(\w+)"\)')
IMPORT = "from executions import failpoints; "


def process(armed: Mapping[str, str], code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **armed},
        capture_output=True,
        text=True,
        timeout=60,
    )


def armed(text: str) -> dict[str, str]:
    return {VARIABLE: text, PERMISSION: "tests"}


def test_nothing_happens_where_none_is_armed() -> None:
    for point in POINTS:
        failpoints.hit(point)


@pytest.mark.parametrize("permission", [{}, {PERMISSION: "1"}])
def test_a_process_that_is_armed_by_accident_does_not_start(permission: dict[str, str]) -> None:
    code = "import django; django.setup(); print('started')"
    done = process({VARIABLE: "after_claim:kill@1", **permission}, code)
    assert done.returncode == 1
    assert "started" not in done.stdout
    assert f"{VARIABLE} makes this process fail on purpose." in done.stderr


def test_the_code_passes_every_point_once_and_no_other() -> None:
    sources = [path for app in APPS for path in sorted((PROJECT / app).rglob("*.py"))]
    found = [point for path in sources for point in HIT.findall(path.read_text())]
    assert sorted(found) == sorted(POINTS)


def test_kill_is_signal_9() -> None:
    done = process(armed("after_claim:kill@1"), IMPORT + "failpoints.hit('after_claim')")
    assert done.returncode == -signal.SIGKILL


def test_exit_is_status_1_without_a_word() -> None:
    done = process(armed("before_http:exit@1"), IMPORT + "failpoints.hit('before_http')")
    assert (done.returncode, done.stderr) == (1, "")


def test_only_the_named_point_fails_and_others_pass() -> None:
    code = IMPORT + "failpoints.hit('after_claim'); print('passed'); failpoints.hit('in_commit')"
    done = process(armed("before_join:sleep=0@1,in_commit:raise@1"), code)
    assert done.stdout == "passed\n"
    assert "FailpointError" in done.stderr


def test_what_happens_never_does_not_happen() -> None:
    code = IMPORT + "[failpoints.hit('after_claim') for _ in range(1000)]; print('passed')"
    assert process(armed("after_claim:kill@0"), code).stdout == "passed\n"


@pytest.mark.parametrize(
    "text",
    [
        "after_claim",
        "after_claim:kill",
        "nowhere:kill@1",
        "after_claim:burn@1",
        "after_claim:sleep@1",
        "after_claim:sleep=1.2.3@1",
        "after_claim:kill@0.0.1",
        "after_claim:kill@1;before_http:kill@1",
    ],
)
def test_what_cannot_be_read_is_refused_with_what_would_be_valid(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{VARIABLE}: '"):
        failpoints.read(armed(text))
