"""What a webhook's body says, read by the Content-Type that it declares and by nothing else.

Nothing is guessed and no form turns into another: a body that is not what it says it is, is
refused. A file's name never becomes a path, and nothing is written to disk (reading one type's
body with another's parser gave strangers the files of an n8n: CVE-2026-21858).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, NoReturn
from urllib.parse import parse_qsl

from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from workflows import documents
from workflows.definition import JSON

MAX_FIELDS = 1_000  # of a form
MAX_PART_HEADERS = 8  # of one field of multipart/form-data, which needs two
MAX_PART_HEADER_BYTES = 4_096  # name and value
ACCEPTED = (
    "application/json and all that end with +json, application/x-www-form-urlencoded, "
    "multipart/form-data without files, and text/*"
)
# What may be named, and the codec for it. Python knows others that are none, such as `zlib`.
CHARSETS = {
    **dict.fromkeys(("utf-8", "utf8"), "utf-8"),
    **dict.fromkeys(("us-ascii", "ascii"), "ascii"),
    **dict.fromkeys(("iso-8859-1", "latin1"), "latin-1"),
    **{name: name for name in ("iso-8859-2", "iso-8859-15", "koi8-r", "windows-1250")},
    **{name: name for name in ("windows-1251", "windows-1252", "shift_jis", "euc-jp")},
    **{name: name for name in ("euc-kr", "gb2312", "gbk", "gb18030", "big5")},
}

_HEADER = re.compile(r"[\t\x20-\x7e]{1,1000}")
_HIDDEN_FILE = re.compile(r";\s*filename\*\s*=", re.IGNORECASE)  # RFC 8187's spelling
_PLAIN_ENCODINGS = frozenset(("", "7bit", "8bit", "binary"))


class Flaw(NamedTuple):
    """Why a body is refused: an HTTP status, a code, a sentence, and where in the body it is."""

    status: int
    code: str
    detail: str
    field: str = ""


class _RefusedError(Exception):
    def __init__(self, code: str, detail: str, field: str = "", *, status: int = 422) -> None:
        super().__init__(detail)
        self.flaw = Flaw(status, code, detail, field)


def parse(content_type: str, body: bytes) -> JSON | Flaw:
    """The body as JSON that Postgres can keep. Never raises, whatever the bytes.

    `content_type` is the header's value, empty if there is none: then the body is JSON, and an
    empty body is null. A form becomes an object: a name that repeats has a list. Text is a string.
    """
    kind = content_type.partition(";")[0].strip().lower()
    try:
        value, code = _read(kind, content_type, body)
    except _RefusedError as refused:
        return refused.flaw
    found = next(documents.unstorable(value), None)
    return value if found is None else Flaw(422, code, found.message, found.field or "")


def _read(kind: str, content_type: str, body: bytes) -> tuple[JSON, str]:
    """What the body says, and the code for what of it could not be kept."""
    if kind == "application/json" or kind.endswith("+json"):
        return _json(body), "not-json"
    if not content_type.strip():
        return _json(body) if body else None, "not-json"
    options = _options(content_type)
    if kind == "application/x-www-form-urlencoded":
        return _form(body, _charset(options)), "not-a-form"
    if kind == "multipart/form-data":
        return _grouped(_parts(body, options.get("boundary", ""))), "not-a-form"
    if kind.startswith("text/"):
        text = _decoded(body, _charset(options), "not-text", "The body")
        return text.removeprefix("\ufeff"), "not-text"
    raise _unknown()


def _unknown() -> _RefusedError:
    detail = f"Bodies of this Content-Type are not read. Accepted: {ACCEPTED}."
    return _RefusedError("unsupported-type", detail, status=415)


def _options(content_type: str) -> dict[str, str]:
    if not _HEADER.fullmatch(content_type):
        raise _unknown()
    return dict(parse_options_header(content_type)[1])


# --- JSON --------------------------------------------------------------------------------------


def _json(body: bytes) -> JSON:
    try:
        value: JSON = json.loads(body, parse_constant=_no_constant)
    except json.JSONDecodeError as flaw:
        where = f"{flaw.msg} at line {flaw.lineno}, column {flaw.colno}"
        raise _RefusedError("not-json", f"The body is not JSON: {where}.") from None
    except (ValueError, RecursionError):
        raise _RefusedError("not-json", "The body is not JSON.") from None
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


# --- Forms -------------------------------------------------------------------------------------


def _form(body: bytes, charset: str) -> JSON:
    text = _decoded(body, charset, "not-a-form", "The form")
    if text.startswith("{") and text.rstrip().endswith("}"):  # a form would write %7B
        detail = "The body looks like JSON and is declared a form. Send Content-Type: "
        raise _RefusedError("not-a-form", f"{detail}application/json.")
    if text.count("&") >= MAX_FIELDS:
        raise _too_many()
    try:
        pairs = parse_qsl(text, keep_blank_values=True, encoding=charset, errors="strict")
    except UnicodeDecodeError:
        raise _RefusedError("not-a-form", f"A field of the form is not {charset}.") from None
    return _grouped(pairs)


def _grouped(pairs: Iterable[tuple[str, str]]) -> JSON:
    fields: dict[str, list[JSON]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


def _parts(body: bytes, boundary: str) -> Iterator[tuple[str, str]]:
    if not boundary:
        raise _RefusedError("not-a-form", "The Content-Type of a multipart form needs a boundary.")
    try:
        yield from _fields(body, boundary)
    except ParserLimitReached:
        raise _too_many() from None
    except MultipartError:
        detail = "The body is not the multipart form that its Content-Type declares."
        raise _RefusedError("not-a-form", detail) from None


def _fields(body: bytes, boundary: str) -> Iterator[tuple[str, str]]:
    parser = PushMultipartParser(
        boundary,
        max_header_size=MAX_PART_HEADER_BYTES,
        max_header_count=MAX_PART_HEADERS,
        max_segment_count=MAX_FIELDS,
        strict=True,
    )
    with parser:
        part, content = None, b""
        for found in parser.parse(body):
            if isinstance(found, MultipartSegment):
                _check(found)
                part, content = found, b""
            elif found is not None:
                content += found  # at most once: the whole body is one chunk
            elif part is not None:
                yield str(part.name), _text_of(part, content)


def _check(part: MultipartSegment) -> None:
    """Refuse what is no plain field. Raises _RefusedError."""
    headers = dict(part.headerlist)
    if part.filename is not None or _HIDDEN_FILE.search(headers["Content-Disposition"]):
        detail = "This field is a file, and files are not taken. Send text, or the file's address."
        raise _RefusedError("file", detail, str(part.name))
    if headers.get("Content-Transfer-Encoding", "").strip().lower() not in _PLAIN_ENCODINGS:
        detail = "A field's Content-Transfer-Encoding can only be 7bit, 8bit or binary."
        raise _RefusedError("not-a-form", detail, str(part.name))


def _text_of(part: MultipartSegment, content: bytes) -> str:
    name = str(part.name)
    charset = _codec(part.charset or "utf-8", field=name)
    return _decoded(content, charset, "not-a-form", "This field", field=name)


def _too_many() -> _RefusedError:
    detail = f"A form may have {MAX_FIELDS} fields, and each field {MAX_PART_HEADERS} headers of "
    return _RefusedError("too-many-fields", f"{detail}{MAX_PART_HEADER_BYTES} bytes at most.")


# --- Text --------------------------------------------------------------------------------------


def _charset(options: dict[str, str]) -> str:
    return _codec(options.get("charset", "utf-8"))


def _codec(name: str, field: str = "") -> str:
    codec = CHARSETS.get(name.lower())
    if codec is None:
        detail = f"This charset is not read. Known: {', '.join(CHARSETS)}."
        raise _RefusedError("charset", detail, field)
    return codec


def _decoded(content: bytes, charset: str, code: str, what: str, field: str = "") -> str:
    try:
        return content.decode(charset)
    except UnicodeDecodeError as flaw:
        detail = f"{what} is not {charset}: byte {flaw.start} cannot be read."
        raise _RefusedError(code, detail, field) from None
