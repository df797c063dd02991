"""One whole call: check, send, follow, read, and name what went wrong."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.client import HTTPException, LineTooLong
from urllib.parse import urlsplit

from requests import RequestException
from urllib3.exceptions import DecodeError, HTTPError

from executions.egress import EgressPolicy
from executions.outbound.answer import head_too_large, headers_of, read_body, too_large
from executions.outbound.connection import Route
from executions.outbound.limits import Limits
from executions.outbound.lookup import Lookup, system_lookup
from executions.outbound.redirects import next_request
from executions.outbound.request import prepare
from executions.outbound.transport import GuardedAdapter, public_trust
from executions.outbound.wire import Deadline, Meter
from workflows.steps.base import HttpFailure, HttpRequest, HttpResponse


class OutboundClient:
    """The `HttpClient` that steps are given. Immutable; safe to share by threads and over a fork.

    `trust` verifies the other side's certificate, `lookup` finds the addresses of a name.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        limits: Limits | None = None,
        trust: ssl.SSLContext | None = None,
        lookup: Lookup = system_lookup,
    ) -> None:
        self._policy = policy
        self._limits = limits or Limits()
        self._trust = trust or public_trust()
        self._lookup = lookup

    def send(self, request: HttpRequest) -> HttpResponse:
        """Make the call, and its redirects if asked to, within `request.timeout` seconds.

        HttpFailure otherwise; its `sent` is False only if nothing of the request can have left: it
        was invalid or blocked, or the lookup, the connection or the TLS handshake failed.
        """
        started = time.monotonic()
        deadline = Deadline.after(request.timeout)
        allowed = min(request.max_redirects, self._limits.redirects)
        response = self._exchange(request, deadline)
        for _ in range(allowed):
            following = _following(request, response)
            if following is None:
                break
            request = following
            with _something_was_sent():
                response = self._exchange(request, deadline)
        if allowed and _following(request, response):
            message = f"The answer is a redirect, but {allowed} were already followed."
            raise HttpFailure("invalid", message, sent=True)
        return replace(response, elapsed_ms=(time.monotonic() - started) * 1000)

    def _exchange(self, request: HttpRequest, deadline: Deadline) -> HttpResponse:
        """One request and its answer, whatever its status; `elapsed_ms` is left to the caller."""
        prepared = prepare(request, self._limits)
        if request.guard is not None:
            request.guard.check(str(prepared.url))
        meter = Meter(self._limits.head, head_too_large(self._limits))
        route = Route(self._policy, self._limits, self._lookup, deadline, meter)
        try:
            with (
                closing(GuardedAdapter(route, self._trust)) as adapter,
                closing(adapter.send(prepared, stream=True)) as response,
            ):
                meter.start_body(self._limits.wire, too_large(self._limits))
                body = read_body(response, self._limits, deadline)
                return HttpResponse(response.status_code, headers_of(response), body, 0.0)
        except (RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
            # The cause is not chained: its text holds addresses and the whole URL.
            raise self._failure(error, route, str(prepared.url)) from None

    def _failure(self, error: Exception, route: Route, url: str) -> HttpFailure:
        host = urlsplit(url).hostname
        if not route.connected:
            return HttpFailure("invalid", f"The request to {host} cannot be written.", sent=False)
        if route.deadline.passed:
            return HttpFailure("timeout", f"{host} did not answer in time.", sent=True)
        if not route.meter.in_body and _is_about_length(error):
            return head_too_large(self._limits)
        if isinstance(error, DecodeError):
            message = f"The answer of {host} is not encoded as its headers say."
            return HttpFailure("invalid", message, sent=True)
        message = f"The connection to {host} broke before the answer was complete."
        return HttpFailure("broken", message, sent=True)


def _following(request: HttpRequest, response: HttpResponse) -> HttpRequest | None:
    try:
        return next_request(request, response.status, response.headers)
    except ValueError:
        message = "The answer is a redirect to a URL that cannot be read."
        raise HttpFailure("invalid", message, sent=True) from None


@contextmanager
def _something_was_sent() -> Iterator[None]:
    """After a redirect the first request has been answered, whatever happens to the next."""
    try:
        yield
    except HttpFailure as failure:
        raise HttpFailure(failure.kind, failure.message, sent=True) from None


def _is_about_length(error: BaseException | None) -> bool:
    """Whether http.client gave up on the headers; for too many it raises its bare base class."""
    while error is not None:
        if type(error) is HTTPException or isinstance(error, LineTooLong):
            return True
        error = error.__context__
    return False
