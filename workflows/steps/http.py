"""The HTTP step: one request, its answer parsed, an unexpected status a failure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode, urlsplit

from workflows.definition import JSON, Retry
from workflows.problems import one_of
from workflows.steps import http_body
from workflows.steps.base import Done, Error, Failed, Result, StepType
from workflows.steps.http_config import HttpConfig
from workflows.steps.world import HttpFailure, HttpRequest, HttpResponse, World

WRITES = frozenset(("POST", "PUT", "PATCH", "DELETE"))
UNREPEATABLE = frozenset(("POST", "PATCH"))
MAX_ERROR_BODY = 4096

_SENSITIVE = frozenset(
    ("authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token")
)


class Http(StepType[HttpConfig]):
    """Output `{status, headers, body, elapsed_ms}`; header names are lower case.

    Writes carry an `Idempotency-Key`, the same for every attempt, unless the config sets one.
    """

    key = "http"
    title = "HTTP request"
    summary = "Call an API."
    Config = HttpConfig
    takes_secrets = True
    calls_out = True
    default_retry = Retry()
    max_timeout = 30
    default_timeout = 30
    output_keys = frozenset(("status", "headers", "body", "elapsed_ms"))

    def repeatable(self, config: HttpConfig) -> bool:
        return config.method not in UNREPEATABLE

    def may_park(self, config: dict[str, JSON]) -> bool:
        return method_of(config) in UNREPEATABLE

    def is_for_output(self, config: dict[str, JSON]) -> bool:
        return method_of(config) == "GET"

    def run(self, config: HttpConfig, world: World) -> Result:
        return call(config, world, world.idempotency_key)


def method_of(config: dict[str, JSON]) -> str:
    """The method in a raw config, which may be an expression."""
    return str(config.get("method", "GET")).upper()


def call(config: HttpConfig, world: World, idempotency_key: str) -> Done | Failed:
    """Make the request once and read its answer."""
    try:
        response = world.http.send(_request(config, world, idempotency_key))
    except HttpFailure as failure:
        return Failed(Error(failure.kind, failure.message, sent=failure.sent))
    if not _is_expected(response.status, config.expect):
        return Failed(_unexpected(response, config.expect, world))
    body, complaint = http_body.read(response)
    if complaint:
        world.log("warning", complaint)
    return Done(
        {
            "status": response.status,
            "headers": {**_lower(response.headers)},
            "body": body,
            "elapsed_ms": round(response.elapsed_ms, 1),
        }
    )


def _request(config: HttpConfig, world: World, idempotency_key: str) -> HttpRequest:
    body, content_type = _body(config)
    headers = dict(config.headers)
    if content_type:
        _set_default(headers, "Content-Type", content_type)
    if config.method in WRITES:
        _set_default(headers, "Idempotency-Key", idempotency_key)
    return HttpRequest(
        method=config.method,
        url=_with_query(config.url, config.query),
        headers=headers,
        body=body,
        timeout=world.timeout,
        max_redirects=config.redirects,
        secret_headers=_SENSITIVE & {name.lower() for name in headers},
        basic_auth=(config.auth.username, config.auth.password) if config.auth else None,
    )


def _body(config: HttpConfig) -> tuple[bytes | None, str | None]:
    if config.form is not None:
        form = urlencode(config.form, doseq=True)
        return form.encode("ascii"), "application/x-www-form-urlencoded"
    if config.body is not None:
        return config.body.encode("utf-8", "replace"), "text/plain; charset=utf-8"
    if "json_" in config.model_fields_set:
        encoded = json.dumps(config.json_, ensure_ascii=False, separators=(",", ":"))
        return encoded.encode("utf-8", "replace"), "application/json"
    return None, None


def _set_default(headers: dict[str, str], name: str, value: str) -> None:
    if name.lower() not in _lower(headers):
        headers[name] = value


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _with_query(url: str, query: Mapping[str, tuple[str, ...]]) -> str:
    added = urlencode(query, doseq=True)
    if not added:
        return url
    parts = urlsplit(url)
    return parts._replace(query="&".join(filter(None, (parts.query, added)))).geturl()


def _is_expected(status: int, expect: tuple[int | str, ...]) -> bool:
    return status in expect or f"{status // 100}xx" in expect


def _unexpected(response: HttpResponse, expect: tuple[int | str, ...], world: World) -> Error:
    wanted = one_of([str(item) for item in expect])
    text = world.masked(http_body.text(response))
    excerpt = text.encode()[:MAX_ERROR_BODY].decode("utf-8", "ignore")
    return Error(
        kind="status",
        message=f"The server answered {response.status}; expected was {wanted}.",
        details={
            "status": response.status,
            "body": excerpt,
            "headers": {**_lower(response.headers)},
        },
        status=response.status,
        sent=True,
        retry_after=_retry_after(_lower(response.headers).get("retry-after", ""), world.now()),
    )


def _retry_after(header: str, now: datetime) -> float | None:
    """Seconds from a Retry-After header, a number or a date (RFC 9110 10.2.3)."""
    if re.fullmatch(r"\d{1,9}", header.strip(), re.ASCII):
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
