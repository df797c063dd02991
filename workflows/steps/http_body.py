"""Bodies of HTTP responses as JSON values.

JSON if the content type says so and the body keeps the promise; else text; else, for bytes that
are no text, `{"base64": ..., "content_type": ..., "size": ...}`.
"""

from __future__ import annotations

import base64
import codecs
import json
import re
from email.message import Message
from typing import NoReturn

from workflows.definition import JSON
from workflows.documents import unstorable
from workflows.steps.world import HttpResponse

_JSON_TYPE = re.compile(r"application/(.+\+)?json|text/json")
_TEXT_TYPE = re.compile(
    r"text/.+|application/((.+\+)?(json|xml)|javascript|x-www-form-urlencoded|yaml|x-ndjson)"
)
# The codecs of real pages. Python's others (unicode_escape, punycode, ...) are no charsets.
_CHARSETS = re.compile(
    r"utf-(8|16|32).*|ascii|iso8859-\d+|cp(125\d|932|949)|koi8-[ru]|gb.*|big5.*|euc_.*|shift_jis.*"
)


def read(response: HttpResponse) -> tuple[JSON, str | None]:
    """The body, and a sentence if it is not what its content type promised."""
    media, charset = _content_type(response)
    if _JSON_TYPE.fullmatch(media):
        return _parsed(response.body, charset)
    if _TEXT_TYPE.fullmatch(media):
        return text(response), None
    try:
        plain = response.body.decode("utf-8")
    except UnicodeDecodeError:
        return _binary(response.body, media), None
    return (_binary(response.body, media) if "\x00" in plain else plain), None


def text(response: HttpResponse) -> str:
    """The body as text, whatever it is: undecodable bytes become replacement characters."""
    return _decoded(response.body, _content_type(response)[1])


def _content_type(response: HttpResponse) -> tuple[str, str]:
    header = Message()
    values = {name.lower(): value for name, value in response.headers.items()}
    header["content-type"] = values.get("content-type", "application/octet-stream")
    return header.get_content_type(), _codec(header.get_content_charset("utf-8"))


def _codec(charset: str) -> str:
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        return "utf-8-sig"
    return name if name != "utf-8" and _CHARSETS.fullmatch(name) else "utf-8-sig"


def _decoded(body: bytes, codec: str) -> str:
    return body.decode(codec, "replace").replace("\x00", "\ufffd")


def _parsed(body: bytes, codec: str) -> tuple[JSON, str | None]:
    if not body.strip():
        return None, None
    try:
        value: JSON = json.loads(body.decode(codec, "replace"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return _decoded(body, codec), "The body says it is JSON and is not; it is kept as text."
    if any(unstorable(value)):
        return _decoded(body, codec), "The body is JSON that cannot be stored; it is kept as text."
    return value, None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _binary(body: bytes, media: str) -> JSON:
    encoded = base64.b64encode(body).decode("ascii")
    return {"base64": encoded, "content_type": media, "size": len(body)}
