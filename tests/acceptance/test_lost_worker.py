"""kill -9 of the worker in the middle of a run: the run finishes by itself."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.acceptance.conftest import Descent
from tests.acceptance.stepwell import Stepwell

pytestmark = pytest.mark.xdist_group("acceptance")


def test_a_run_finishes_although_its_only_worker_is_killed(
    product: Stepwell, descent: Descent, record_property: Callable[[str, object], None]
) -> None:
    run = descent.begin()
    product.wait("the first call is made", lambda: run.calls("first") == 1)
    product.kill_worker()
    killed = time.monotonic()
    run.let_through("first", "second")

    execution = product.wait_for_end(run.id)
    record_property("finished after kill -9 of its worker", f"{time.monotonic() - killed:.1f} s")

    assert (execution["status"], execution["error"]) == ("succeeded", None)
    assert [step["status"] for step in execution["steps"]] == ["succeeded"] * 4
    assert (run.calls("first"), run.calls("second")) == (2, 1), "a GET may be made again"
    events = product.events(run.id)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    ended = Counter(event["step"] for event in events if event["kind"] == "step.succeeded")
    assert ended == Counter(["prepare", "first", "second", "done"]), "recorded once each"
