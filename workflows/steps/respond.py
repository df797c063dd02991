"""The respond step: what a caller who waits for the result of a webhook is answered."""

from __future__ import annotations

import json
import re
from email.message import Message
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from workflows.definition import JSON
from workflows.steps.base import Config, Done, Result, StepType, World
from workflows.steps.http_config import HeaderValue, header_names

# The answer comes from our own address, where people are signed in: nothing in it may reach a
# browser's cookies, scripts or security settings, nor steer the proxies in front of us.
_PLAIN_HEADERS = frozenset(
    (
        *("cache-control", "content-disposition", "content-language", "content-type", "etag"),
        *("expires", "last-modified", "retry-after"),
    )
)
_STEERING = re.compile(
    "x-(accel|content-type-options|dns-prefetch|forwarded|frame|permitted|real-ip|robots|send|xss)"
    ".*"
)
_ACTIVE_TYPES = re.compile(
    r"text/html|text/xsl|.*javascript.*|.*ecmascript.*|.*xhtml.*|image/svg.*"
)


def _safe(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        lower = name.lower()
        is_own = lower.startswith("x-") and not _STEERING.fullmatch(lower)
        if not is_own and lower not in _PLAIN_HEADERS:
            valid = ", ".join(sorted(_PLAIN_HEADERS))
            raise ValueError(f'"{name}" cannot be set here. Valid: {valid} and x-... of your own.')
        if lower == "content-type" and _ACTIVE_TYPES.fullmatch(_media_type(value)):
            raise ValueError("This content type is for pages, which are not served here.")
        if lower == "content-type" and _charset(value) not in ("utf-8", ""):
            raise ValueError("The body is sent as UTF-8: name no other charset.")
    return headers


def _media_type(header: str) -> str:
    return _parsed(header).get_content_type()


def _charset(header: str) -> str:
    return _parsed(header).get_content_charset("")


def _parsed(header: str) -> Message:
    message = Message()
    message["content-type"] = header
    return message


class RespondConfig(Config):
    status: int = Field(
        200, title="Status", description="The HTTP status of the answer.", ge=200, le=599
    )
    headers: Annotated[
        dict[str, HeaderValue], AfterValidator(header_names), AfterValidator(_safe)
    ] = Field(default_factory=dict, title="Headers", description="Names and values to send.")
    json_: JSON = Field(
        None, alias="json", title="JSON body", description="Any JSON value, sent as JSON."
    )
    body: str | None = Field(
        None, title="Text body", description="Text, sent as it is; text/plain, if not said."
    )

    @field_validator("body")
    @classmethod
    def _one_body(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("json_") is not None:
            raise ValueError("An answer has one body; json is given already.")
        return value


class Respond(StepType[RespondConfig]):
    """Output `{status, headers, body}`: lower-case header names, and the body as the text that is
    sent. The first respond step of an execution that ends is its answer.
    """

    key = "respond"
    title = "Respond"
    summary = "Answer the caller of a webhook who waits for it."
    Config = RespondConfig
    output_keys = frozenset(("status", "headers", "body"))

    def run(self, config: RespondConfig, world: World) -> Result:
        body, content_type = _body(config)
        headers: dict[str, JSON] = {name.lower(): value for name, value in config.headers.items()}
        if content_type:
            headers.setdefault("content-type", content_type)
        return Done({"status": config.status, "headers": headers, "body": body})


def _body(config: RespondConfig) -> tuple[str, str | None]:
    if config.body is not None:
        return config.body, "text/plain; charset=utf-8"
    if "json_" in config.model_fields_set:
        text = json.dumps(config.json_, ensure_ascii=False, separators=(",", ":"))
        return text, "application/json"
    return "", None
