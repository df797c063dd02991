"""What a redirect turns a request into (RFC 9110 section 15.4, as browsers do it). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import SplitResult, urljoin, urlsplit

from workflows.steps.base import HttpRequest

_PORTS = {"http": 80, "https": 443}
_SECRET = frozenset({"authorization", "cookie"})
_ABOUT_THE_BODY = frozenset(
    {
        "content-encoding",
        "content-language",
        "content-location",
        "content-type",
    }
)


def next_request(
    request: HttpRequest, status: int, headers: Mapping[str, str]
) -> HttpRequest | None:
    """The request that follows this answer (header names in lower case), or None if none does.

    What carries secrets stays behind when the scheme, the host or the port changes. A body cannot
    stay behind: if it holds secrets, nothing follows. The new address itself is the guard's matter.
    ValueError when the answer names a place that cannot be read.
    """
    location = headers.get("location")
    if status not in (301, 302, 303, 307, 308) or not location:
        return None
    url = urljoin(request.url, location)
    dropped: set[str] = set()
    basic_auth, guard = request.basic_auth, request.guard
    becomes_get = _becomes_get(status, request.method)
    if _origin(urlsplit(url)) != _origin(urlsplit(request.url)):
        if request.secret_body and not becomes_get:
            return None
        dropped |= _SECRET | {name.lower() for name in request.secret_headers}
        basic_auth = None
        guard = guard and guard.redirected(request.url)
    method, body = request.method, request.body
    if becomes_get:
        method, body = "GET", None
        dropped |= _ABOUT_THE_BODY
    kept = {name: value for name, value in request.headers.items() if name.lower() not in dropped}
    return replace(
        request,
        method=method,
        url=url,
        headers=kept,
        body=body,
        basic_auth=basic_auth,
        guard=guard,
    )


def _becomes_get(status: int, method: str) -> bool:
    if status == 303:
        return method.upper() not in ("GET", "HEAD")
    return status in (301, 302) and method.upper() == "POST"


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
