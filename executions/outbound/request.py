"""What may leave: the method, the URL and the headers, checked before anything is looked up."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import urlsplit

from requests import PreparedRequest, Request, RequestException

from executions.outbound.limits import Limits
from workflows.steps.base import HttpFailure, HttpRequest

# RFC 9110 section 5.6.2; \Z, because $ also matches before a trailing line feed.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_BUT_TAB = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# They frame the message or name its receiver; a second opinion is how requests are smuggled.
_OURS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_DEFAULTS = {
    "User-Agent": "Stepwell",
    "Accept": "*/*",
    # Unpacking is work that the other side decides on; so it is not invited.
    "Accept-Encoding": "identity",
}


def prepare(request: HttpRequest, limits: Limits) -> PreparedRequest:
    """The request as it will be sent; HttpFailure "invalid" says what is wrong with it."""
    _check_method(request.method)
    _check_url(request.url, limits)
    headers = _with_credentials(request)
    _check_headers(headers, limits)
    complete = _with_defaults(headers)
    try:
        prepared = Request(request.method, request.url, complete, data=request.body).prepare()
        parts = urlsplit(str(prepared.url))
        valid = bool(parts.hostname) and "%" not in str(parts.hostname) and parts.port != 0
    except (RequestException, ValueError):
        valid = False
    if not valid:
        raise _invalid("The URL has no valid host; write it like https://shop.example/orders.")
    return prepared


def _check_method(method: str) -> None:
    if not _TOKEN.match(method) or method.upper() == "CONNECT":
        raise _invalid("The method is not one that can be sent; use one like GET or POST.")


def _check_url(url: str, limits: Limits) -> None:
    if len(url) > limits.url:
        raise _invalid(f"The URL is longer than {limits.url:,} characters.")
    if _CONTROL.search(url) or "\\" in url:
        raise _invalid("The URL contains a line break, a control character or a backslash.")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _invalid(
            "The URL cannot be read; write it like https://shop.example/orders."
        ) from None
    if parts.scheme not in ("http", "https"):
        raise _invalid("The URL must start with http:// or https://.")
    if "@" in parts.netloc:
        raise _invalid("The URL contains a user name; put credentials into a header instead.")


def _check_headers(headers: Mapping[str, str], limits: Limits) -> None:
    if len(headers) > limits.sent_headers:
        raise _invalid(f"There are more than {limits.sent_headers} headers.")
    if len({name.lower() for name in headers}) < len(headers):
        raise _invalid("A header is given twice; names do not differ by upper and lower case.")
    for name, value in headers.items():
        _check_header(name, value)
    if sum(len(name) + len(value) for name, value in headers.items()) > limits.sent_head:
        raise _invalid(f"The headers are larger than {limits.sent_head:,} bytes together.")


def _check_header(name: str, value: str) -> None:
    if not _TOKEN.match(name):
        raise _invalid(f"{name[:64]!r} is not a header name; use letters, digits and dashes.")
    if name.lower() in _OURS or name.lower().startswith("proxy-"):
        raise _invalid(f"The header {name} cannot be set; it is written for each call.")
    if _CONTROL_BUT_TAB.search(value):
        raise _invalid(f"The header {name} contains a line break or a control character.")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise _invalid(
            f"The header {name} contains a character outside Latin-1, which HTTP cannot carry."
        ) from None


def _with_credentials(request: HttpRequest) -> dict[str, str]:
    """The headers, and basic_auth as one of them (RFC 7617, in UTF-8)."""
    headers = dict(request.headers)
    if request.basic_auth is None:
        return headers
    if any(name.lower() == "authorization" for name in headers):
        raise _invalid("Basic authentication and a header Authorization exclude each other.")
    user, password = request.basic_auth
    if ":" in user:
        raise _invalid("The user name for basic authentication contains a colon.")
    credentials = b64encode(f"{user}:{password}".encode()).decode("ascii")
    return {**headers, "Authorization": f"Basic {credentials}"}


def _with_defaults(headers: Mapping[str, str]) -> dict[str, str]:
    given = {name.lower() for name in headers}
    defaults = {name: value for name, value in _DEFAULTS.items() if name.lower() not in given}
    stripped = {name: value.strip(" \t") for name, value in headers.items()}
    return {**defaults, **stripped, "Connection": "close"}


def _invalid(message: str) -> HttpFailure:
    return HttpFailure("invalid", message, sent=False)
