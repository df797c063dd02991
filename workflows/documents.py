"""JSON and YAML texts to plain JSON values and back.

YAML is read the 1.2 way: `on`, `yes` and `no` are text, only `true` and `false` are booleans, dates
are text and keys are always text. It is built from the parser's events without recursion, so
anchors, aliases, tags, repeated keys and deep nesting are refused where they stand.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Literal, NoReturn

import yaml

from workflows.problems import Location, Problem, dotted, error

MAX_BYTES = 256 * 1024
MAX_DEPTH = 64
MAX_NUMBER_LENGTH = 400

_SURROGATE = re.compile("[\ud800-\udfff]")

Media = Literal["json", "yaml"]


class _RefusedError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.problem = error(code, message)


def loads(text: str, media: Media) -> tuple[Any, list[Problem]]:
    """The document in a text; with a problem, naming line and column, the document is None."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        message = f"The definition is larger than {MAX_BYTES // 1024} kB."
        return None, [error("too_large", message)]
    try:
        document = _from_json(text) if media == "json" else _from_yaml(text)
    except _RefusedError as refusal:
        return None, [refusal.problem]
    found = list(unstorable(document))
    return (None, found) if found else (document, [])


def unstorable(document: object) -> Iterator[Problem]:
    """Why a value is not JSON that Postgres can store: depth, types, NUL, surrogates, infinity."""
    pending: list[tuple[Location, object]] = [((), document)]
    while pending:
        location, value = pending.pop()
        if len(location) > MAX_DEPTH:
            yield error("too_deep", f"This is nested deeper than {MAX_DEPTH} levels.")
            return
        if isinstance(value, dict):
            pending.extend(((*location, str(key)), item) for key, item in value.items())
            reasons = [reason for key in value if (reason := _key_flaw(key))]
        elif isinstance(value, list):
            pending.extend(((*location, index), item) for index, item in enumerate(value))
            reasons = []
        else:
            reasons = [reason] if (reason := _flaw(value)) else []
        yield from (error("not_json", reason, field=dotted(location) or None) for reason in reasons)


def _key_flaw(key: object) -> str | None:
    return _flaw(key) if isinstance(key, str) else "A key must be text."


def _flaw(value: object) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        if "\0" in value or not (value.isascii() or _SURROGATE.search(value) is None):
            return "Text may not hold a NUL character or half of a surrogate pair."
        return None
    if isinstance(value, int):
        too_long = abs(value) >= 10**MAX_NUMBER_LENGTH
        return f"A number may have at most {MAX_NUMBER_LENGTH} digits." if too_long else None
    if isinstance(value, float):
        return None if math.isfinite(value) else "A number must be finite."
    return "Only text, numbers, true, false, null, lists and objects may stand in a definition."


# --- JSON ---------------------------------------------------------------------------------------


def _from_json(text: str) -> Any:
    try:
        return json.loads(
            text.removeprefix("\ufeff"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=_int,
        )
    except json.JSONDecodeError as failure:
        where = f"line {failure.lineno}, column {failure.colno}"
        raise _RefusedError("not_json", f"This is not JSON: {failure.msg} at {where}.") from None
    except RecursionError:
        message = f"The definition is nested deeper than {MAX_DEPTH} levels."
        raise _RefusedError("too_deep", message) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            others = ", ".join(f'"{name}"' for name, _ in pairs[:5])
            raise _RefusedError("duplicate_key", f'"{key}" stands twice in the object of {others}.')
        seen[key] = value
    return seen


def _no_constant(name: str) -> NoReturn:
    raise _RefusedError("not_json", f"{name} is not a JSON number.")


def _int(digits: str) -> int:
    if len(digits) > MAX_NUMBER_LENGTH:
        raise _RefusedError("not_json", f"A number may have at most {MAX_NUMBER_LENGTH} digits.")
    return int(digits)


# --- YAML ---------------------------------------------------------------------------------------

_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BAD_KEY = 'A key must be text (an expression needs quotes: "{{ ... }}")'
_NAMED: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}


def _from_yaml(text: str) -> Any:
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_Parser):
            builder.take(event)
    except yaml.MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        where = f" at {_place(mark)}" if mark else ""
        raise _RefusedError("not_yaml", f"This is not YAML: {failure.problem}{where}.") from None
    except yaml.YAMLError:
        message = "This is not YAML: it holds a character that may not stand in a text."
        raise _RefusedError("not_yaml", message) from None
    return builder.document


class _Builder:
    """Plain values from YAML events; `_open` holds the unfinished containers and their keys."""

    def __init__(self) -> None:
        self.document: Any = None
        self._documents = 0
        self._open: list[tuple[dict[str, Any] | list[Any], str | None]] = []

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _refused(event, "not_yaml", "A second document starts")
        elif isinstance(event, yaml.AliasEvent):
            raise _refused(event, "alias", "An alias is not allowed")
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()

    def _node(self, event: yaml.NodeEvent) -> None:
        if event.anchor:
            raise _refused(event, "alias", "An anchor is not allowed")
        if getattr(event, "tag", None):
            raise _refused(event, "tag", "A tag is not allowed")
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
            return
        container: dict[str, Any] | list[Any]
        container = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._put(event, container)
        self._open.append((container, None))
        if len(self._open) > MAX_DEPTH:
            raise _refused(event, "too_deep", f"Nesting goes deeper than {MAX_DEPTH} levels")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        parent, key = self._open[-1] if self._open else (None, None)
        if isinstance(parent, dict) and key is None:
            if event.value in parent:
                raise _refused(event, "duplicate_key", f'"{event.value}" stands twice')
            self._open[-1] = (parent, event.value)
        else:
            self._put(event, _resolved(event))

    def _put(self, event: yaml.NodeEvent, value: Any) -> None:
        if not self._open:
            self.document = value
            return
        parent, key = self._open[-1]
        if isinstance(parent, list):
            parent.append(value)
        elif key is None:
            raise _refused(event, "not_yaml", _BAD_KEY)
        else:
            parent[key] = value
            self._open[-1] = (parent, None)


def _resolved(event: yaml.ScalarEvent) -> Any:
    """A scalar's value by the YAML 1.2 core schema, with lower-case words only."""
    text = event.value
    if not event.implicit[0]:
        return text
    if text in _NAMED:
        return _NAMED[text]
    if _INT.fullmatch(text):
        return _int(text)
    if _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def _refused(event: yaml.Event, code: str, what: str) -> _RefusedError:
    return _RefusedError(code, f"{what} at {_place(event.start_mark)}.")


def _place(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"


class _Dumper(yaml.SafeDumper):
    """Block style; quotes whatever YAML 1.1 or 1.2 could read as something else than text."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text.strip("\n") else None
    # Line breaks to YAML 1.1 only: the emitter writes them raw unless it has to escape.
    if any(char in text for char in "\x85\u2028\u2029"):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
for _pattern, _tag in ((_FLOAT, "float"), (_OCTAL, "int"), (_HEX, "int")):
    _Dumper.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern.pattern})$"), list("-+.0123456789")
    )


def dumps_yaml(document: Any) -> str:
    """A document as YAML in block style, keys in their order; `loads` gives the same document."""
    return yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=MAX_BYTES, indent=2
    )
