"""An event stream counts as one request of its tenant."""

from __future__ import annotations

import json

import pytest
from django.conf import LazySettings

from tenants import limiter
from tenants.gcra import Rate
from tests.executions import following
from tests.executions.following import bearer, follow
from tests.executions.sockets import Stream

pytestmark = pytest.mark.usefixtures("committed_db")


def test_a_stream_counts_once_and_one_too_many_is_refused(settings: LazySettings) -> None:
    limiter.limiter.cache_clear()
    settings.RATE_REQUESTS = Rate(2, 3600)
    acme = following.make_acme()
    acme.work()
    key = bearer(acme)

    async def streamed(last: str) -> tuple[int, dict[str, str], str]:
        stream = Stream(acme.execution.id, **key, last_event_id=last)
        status, headers = await stream.open()
        return status, headers, await stream.body()

    status, headers, _ = follow(streamed("0"))
    assert (status, headers["ratelimit"]) == (200, '"requests";r=1;t=1800')
    status, headers, _ = follow(streamed("999999"))
    assert (status, headers["ratelimit-remaining"]) == (204, "0")
    status, headers, body = follow(streamed("0"))
    assert (status, headers["content-type"]) == (429, "application/problem+json")
    assert int(headers["retry-after"]) > 1700
    assert json.loads(body)["errors"] == [{"code": "requests", "message": "At most 2/h."}]
