"""`/metrics` for Prometheus. Every figure is Postgres's, so any process gives the same answer.

docs/OPERATIONS.md says what each means and when to be alarmed.
"""

from __future__ import annotations

import ipaddress
import secrets
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import Lock
from typing import Generic, TypeVar

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from executions import services as executions
from tenants.scope import AWAY
from webhooks import measuring as webhooks

T = TypeVar("T")

log = structlog.get_logger(__name__)

STATE_SECONDS = 5.0  # for which an answer about now is kept
HOUR_SECONDS = 60.0  # and one about the last hour, which counts all that was done
LAG_BUCKETS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)  # seconds


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures, for who has STEPWELL_METRICS_TOKEN; without one, for this machine only.

    To others the address does not exist. 503 while Postgres is away.
    """
    if not _may_see(request):
        raise Http404
    try:
        text = generate_latest(_registry)
    except (DatabaseError, *AWAY) as error:
        log.warning("nothing could be measured", error=str(error))
        return HttpResponse("Postgres cannot be asked.\n", "text/plain", status=503)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _may_see(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        expected = f"Bearer {settings.METRICS_TOKEN}".encode()
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogatepass")
        return secrets.compare_digest(given, expected)
    # Behind a proxy everybody seems to be the proxy.
    return not settings.BEHIND_PROXY and _is_loopback(request.META.get("REMOTE_ADDR", ""))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


class Kept(Generic[T]):
    """An answer that is asked for again only after some seconds, however many want it."""

    def __init__(self, ask: Callable[[], T], seconds: float) -> None:
        self._ask, self._seconds = ask, seconds
        self._lock = Lock()
        self._good_until = 0.0
        self._answer: T | None = None

    def get(self) -> T:
        """The answer; who comes while it is asked for waits for it."""
        with self._lock:
            if self._answer is None or time.monotonic() >= self._good_until:
                self._answer = self._ask()
                self._good_until = time.monotonic() + self._seconds
            return self._answer

    def forget(self) -> None:
        """Ask anew the next time."""
        with self._lock:
            self._good_until = 0.0


class Stepwell(Collector):
    """The figures as Prometheus wants them."""

    def __init__(self) -> None:
        self.state = Kept(executions.state, STATE_SECONDS)
        self.hour = Kept(executions.last_hour, HOUR_SECONDS)
        self.deliveries = Kept(webhooks.deliveries_of_last_hour, HOUR_SECONDS)

    def describe(self) -> Iterable[Metric]:
        """Nothing: to register the collector must not ask the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from _of_state(self.state.get())
        yield from _of_hour(self.hour.get())
        text = "Webhook deliveries stored in the last hour."
        yield _gauge("deliveries_last_hour", text, self.deliveries.get())

    def forget(self) -> None:
        """Measure anew the next time."""
        for kept in (self.state, self.hour, self.deliveries):
            kept.forget()


def _of_state(state: executions.State) -> Iterator[Metric]:
    text = "Executions that have not ended; held: they wait for a place of their workflow."
    yield _labelled(
        "executions",
        text,
        "status",
        {
            "queued": state.queued,
            "held": state.held,
            "running": state.running,
            "waiting": state.waiting,
        },
    )
    text = "For how long the oldest execution that may begin has been able to."
    yield _gauge("execution_queued_oldest_seconds", text, state.queued_age)
    yield _gauge("steps_ready", "Steps that a worker could take now.", state.ready)
    text = "For how long the oldest ready step has been ready."
    yield _gauge("step_ready_oldest_seconds", text, state.ready_age)
    yield _gauge("steps_unknown", "Steps whose call's outcome a person must say.", state.unknown)
    yield _gauge("leases", "Steps that workers hold.", state.leases)
    yield _gauge("leases_expired", "Leases over, not yet released.", state.leases_over)
    yield _gauge("workers", "Worker processes that were seen alive of late.", state.workers)
    text = "How late the schedule is that should have fired longest ago."
    yield _gauge("schedule_overdue_seconds", text, state.overdue)


def _of_hour(hour: executions.LastHour) -> Iterator[Metric]:
    text = "Executions that ended in the last hour."
    yield _labelled("executions_ended_last_hour", text, "status", hour.ended)
    text = "Slots of schedules dealt with in the last hour."
    yield _labelled("schedule_slots_last_hour", text, "outcome", hour.slots)
    yield _lag(hour.lags)
    text = "The greatest lag of a slot that was fired in the last hour."
    yield _gauge("schedule_fire_lag_max_seconds", text, max(hour.lags, default=0.0))


def _lag(lags: Sequence[float]) -> Metric:
    """A histogram of the last hour, not of all time: its buckets may fall, as gauges do."""
    counts = [0] * (len(LAG_BUCKETS) + 1)
    for lag in lags:
        counts[bisect_left(LAG_BUCKETS, lag)] += 1
    bounds = [*map(str, LAG_BUCKETS), "+Inf"]
    return GaugeHistogramMetricFamily(
        "stepwell_schedule_fire_lag_seconds",
        "Between the time that a slot was due, and its fire, of the last hour.",
        buckets=[(bound, float(sum(counts[: at + 1]))) for at, bound in enumerate(bounds)],
        gsum_value=sum(lags),
    )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"stepwell_{name}", text, value=value)


def _labelled(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(f"stepwell_{name}", text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


collector = Stepwell()
_registry = CollectorRegistry()
_registry.register(collector)
