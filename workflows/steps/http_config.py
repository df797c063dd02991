"""The config of an HTTP step: what may be said, and what a client must never be told to send."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from workflows.definition import JSON
from workflows.steps.base import Config
from workflows.steps.world import PLACEHOLDER_PATTERN

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FRAMING = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer")
)
_STATUS_CLASS = re.compile("[1-5]xx")


def _url(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("A URL may not hold line breaks or other control characters.")
    if PLACEHOLDER_PATTERN.match(text):
        return text  # the address is a secret, or begins with one: the client checks what it says
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("This must be a whole URL, such as https://api.example/orders.")
    if "@" in parts.netloc:
        raise ValueError("A URL may not hold a user name; put it into auth.")
    return text


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError("This must be text, a number, true or false.")


def _header_value(value: object) -> str:
    text = _scalar(value)
    if _CONTROL.sub("", text.replace("\t", "")) != text.replace("\t", ""):
        raise ValueError("A header may not hold line breaks or other control characters.")
    return text.strip()


def header_names(headers: dict[str, str]) -> dict[str, str]:
    for name in headers:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is not a header name: letters, digits and hyphens.")
        if name.lower() in _FRAMING:
            raise ValueError(f'"{name}" is set by the client and cannot be chosen.')
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("A header stands twice, in different spellings.")
    return headers


def _values(value: object) -> tuple[str, ...]:
    """A parameter's values: null leaves the parameter out, a list repeats it."""
    if value is None:
        return ()
    return tuple(_scalar(item) for item in value) if isinstance(value, list) else (_scalar(value),)


def _expected(item: object) -> int | str:
    if isinstance(item, int) and not isinstance(item, bool) and 100 <= item <= 599:
        return item
    if isinstance(item, str) and _STATUS_CLASS.fullmatch(item):
        return item
    raise ValueError('This must be a status such as 404 or a class such as "2xx".')


def _upper(method: object) -> object:
    return method.upper() if isinstance(method, str) else method


_SCALAR = {"type": ["string", "number", "boolean"]}
HeaderValue = Annotated[str, PlainValidator(_header_value), WithJsonSchema(_SCALAR)]
_Values = Annotated[
    tuple[str, ...],
    PlainValidator(_values),
    WithJsonSchema({"anyOf": [_SCALAR, {"type": "null"}, {"type": "array", "items": _SCALAR}]}),
]
_Expected = Annotated[
    int | str,
    PlainValidator(_expected),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "string", "pattern": f"^{_STATUS_CLASS.pattern}$"},
            ]
        }
    ),
]


class BasicAuth(Config):
    username: str = Field(title="User name", description="May not hold a colon.", pattern="^[^:]*$")
    password: str = Field(title="Password", description="Best a secret: {{ secrets.name }}.")


class HttpConfig(Config):
    method: Annotated[Method, BeforeValidator(_upper)] = Field(
        "GET", title="Method", description="GET, HEAD, PUT and DELETE may be repeated safely."
    )
    url: Annotated[str, AfterValidator(_url)] = Field(
        title="URL", description="The whole address, with https://.", max_length=8192
    )
    headers: Annotated[dict[str, HeaderValue], AfterValidator(header_names)] = Field(
        default_factory=dict, title="Headers", description="Names and values to send."
    )
    query: dict[str, _Values] = Field(
        default_factory=dict,
        title="Query",
        description="Parameters added to the URL; null leaves one out, a list repeats it.",
    )
    json_: JSON = Field(
        None, alias="json", title="JSON body", description="Any JSON value, sent as JSON."
    )
    form: dict[str, _Values] | None = Field(
        None, title="Form body", description="Fields, sent as a web form sends them."
    )
    body: str | None = Field(
        None, title="Text body", description="Text, sent as it is; set Content-Type yourself."
    )
    auth: BasicAuth | None = Field(
        None, title="Basic authentication", description="User name and password."
    )
    expect: tuple[_Expected, ...] = Field(
        ("2xx",), title="Expected", description="Statuses and classes that are a success."
    )
    redirects: int = Field(
        0, title="Redirects", description="How many redirects to follow.", ge=0, le=5
    )

    @field_validator("form", "body")
    @classmethod
    def _one_body(cls, value: object, info: ValidationInfo) -> object:
        given = [name for name in ("json_", "form") if info.data.get(name) is not None]
        if value is not None and given:
            raise ValueError(f"A request has one body; {given[0].rstrip('_')} is given already.")
        return value

    @field_validator("auth")
    @classmethod
    def _one_authorization(cls, value: object, info: ValidationInfo) -> object:
        headers = info.data.get("headers", {})
        if value is not None and "authorization" in {name.lower() for name in headers}:
            raise ValueError("The header Authorization is given already; use one of the two.")
        return value
