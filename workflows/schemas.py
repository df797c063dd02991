"""Tenants' input schemas: JSON Schema 2020-12 that can neither call out nor run for long.

References stay inside the document, patterns run in linear time (no look-around, no
back-references), and a schema whose references multiply is refused, because the validator would
follow every one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import unquote

import jsonschema_rs

from workflows.definition import JSON
from workflows.problems import Location, Mistake, Problem, dotted, error

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_ERRORS = 20
MAX_PARTS = 10_000
"""How many parts a schema may have when every reference is written out."""
MAX_LISTED = 10_000
"""Of how many parts a value may be for all its mismatches to be looked for: the validator makes
every one of them, a kilobyte and more each, before it gives us the first."""
MAX_HOPS = 20
"""How many references that lead to one another are followed to show what is asked for."""

_MAX_MESSAGE = 300
_LITERAL = frozenset(("const", "enum", "default", "examples"))
_FOREIGN = ("$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$vocabulary")


@dataclass(frozen=True)
class Validator:
    """Compiled; keep it with the version, compiling costs more than validating."""

    rules: jsonschema_rs.Draft202012Validator
    is_recursive: bool


def problems(schema: JSON) -> list[Problem]:
    """Why this cannot be a definition's input schema; fields are paths inside the definition."""
    return [
        error("bad_input_schema", flaw.message, field=dotted(("input", *flaw.location)))
        for flaw in flaws(schema)
    ]


def flaws(schema: JSON) -> list[Mistake]:
    """Why this cannot be the schema of a value; None is one that takes any."""
    if schema is None:
        return []
    found = list(_meta_flaws(schema)) or list(_reference_flaws(schema))
    if not found:
        try:
            compile(schema)
        except ValueError as refusal:
            found = [_flaw(tuple(getattr(refusal, "instance_path", ())), _short(refusal))]
    return found


def compile(schema: JSON) -> Validator:  # noqa: A001 - the module's verb, as in re.compile
    """Raises ValueError if the schema has problems that `problems` reports."""
    return Validator(_rules(schema), is_recursive=_Expansion(schema).is_recursive)


def errors(validator: Validator, value: JSON) -> list[dict[str, str]]:
    """At most 20 mismatches as `{field, message}`, of a large value the first; values are not
    repeated in messages.

    A schema that refers to itself gets one mismatch without a place: listing them can take
    exponential time where deciding does not.
    """
    if validator.rules.is_valid(value):
        return []
    if validator.is_recursive:
        return [{"field": "", "message": "This does not match the workflow's input schema."}]
    return [
        {"field": dotted(tuple(mismatch.instance_path)), "message": _short(mismatch)}
        for mismatch in _mismatches(validator.rules, value)
    ]


def dereferenced(schema: JSON, part: JSON) -> JSON:
    """A part of a schema with the keywords of what its `$ref` points at, its own before those."""
    for _ in range(MAX_HOPS):
        if not isinstance(part, dict) or not isinstance(part.get("$ref"), str):
            break
        own = {keyword: value for keyword, value in part.items() if keyword != "$ref"}
        target = _pointed_at(schema, str(part["$ref"]))
        part = {**target, **own} if isinstance(target, dict) else own
    return part


def _mismatches(
    rules: jsonschema_rs.Draft202012Validator, value: JSON
) -> list[jsonschema_rs.ValidationError]:
    if not _has_more_parts(value, MAX_LISTED):
        return list(rules.iter_errors(value))[:MAX_ERRORS]
    try:
        rules.validate(value)
    except jsonschema_rs.ValidationError as first:
        return [first]
    return []


def _has_more_parts(value: JSON, most: int) -> bool:
    pending, count = [value], 0
    while pending and count <= most:
        part = pending.pop()
        count += 1
        if isinstance(part, dict | list):
            pending.extend(part.values() if isinstance(part, dict) else part)
    return count > most


def _rules(schema: Any) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        schema,
        retriever=_refuse,
        pattern_options=jsonschema_rs.RegexOptions(),
        mask="this value",
    )


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is outside this document")


_META = jsonschema_rs.Draft202012Validator({"$ref": DIALECT}, retriever=_refuse)


def _meta_flaws(schema: JSON) -> Iterator[Mistake]:
    if not isinstance(schema, dict):
        yield _flaw((), "A schema is an object.")
        return
    if schema.get("$schema", DIALECT) != DIALECT:
        yield _flaw(("$schema",), f"Only JSON Schema 2020-12 is known: {DIALECT}.")
    for mismatch in _mismatches(_META, schema):
        yield _flaw(tuple(mismatch.instance_path), _short(mismatch))


def _flaw(location: Location, message: str) -> Mistake:
    return Mistake("bad_schema", message, location)


def _short(mismatch: ValueError) -> str:
    message = getattr(mismatch, "message", str(mismatch)).splitlines()[0]
    if message.endswith('is not a "regex"'):
        message += " that runs in linear time (no look-around, no back-references)"
    cut = message if len(message) <= _MAX_MESSAGE else f"{message[:_MAX_MESSAGE]}..."
    return f"{cut.rstrip('.')}." if not cut.endswith("...") else cut


def _reference_flaws(schema: JSON) -> Iterator[Mistake]:
    for location, part in _parts(schema):
        for keyword in _FOREIGN:
            if keyword in part:
                yield _flaw((*location, keyword), f"{keyword} is not supported; use $ref.")
        if location and isinstance(part.get("$id"), str):
            yield _flaw((*location, "$id"), "Only the whole schema may have an $id.")
        reference = part.get("$ref")
        if isinstance(reference, str) and not _is_local(reference):
            message = "A $ref must stay inside this schema, such as #/$defs/address."
            yield _flaw((*location, "$ref"), message)
    if _Expansion(schema).size > MAX_PARTS:
        message = f"With every $ref written out this has more than {MAX_PARTS} parts."
        yield _flaw((), message)


def _is_local(reference: str) -> bool:
    return reference == "#" or reference.startswith("#/")


def _parts(schema: JSON) -> Iterator[tuple[Location, dict[str, JSON]]]:
    """Every object of a schema that may be a schema itself, with its place."""
    pending: list[tuple[Location, JSON]] = [((), schema)]
    while pending:
        location, value = pending.pop()
        if isinstance(value, dict):
            yield location, value
            pending.extend(((*location, key), item) for key, item in _children(value))
        elif isinstance(value, list):
            pending.extend(((*location, index), item) for index, item in enumerate(value))


def _children(part: dict[str, JSON]) -> Iterator[tuple[str, JSON]]:
    return ((key, item) for key, item in part.items() if key not in _LITERAL)


class _Expansion:
    """How large a schema is with every reference written out, and whether one leads back."""

    def __init__(self, schema: JSON) -> None:
        self._schema = schema
        self._sizes: dict[int, int | None] = {}
        self.is_recursive = False
        self.size = 0
        try:
            self.size = self._of(schema)
        except RecursionError:
            self.size = MAX_PARTS + 1

    def _of(self, value: JSON) -> int:
        if not isinstance(value, dict | list):
            return 0
        if id(value) in self._sizes:
            known = self._sizes[id(value)]
            self.is_recursive |= known is None
            return known or 0
        self._sizes[id(value)] = None
        # Literals too: under `properties`, a key such as `default` is a name.
        items = value.values() if isinstance(value, dict) else value
        size = 1 + sum(self._of(item) for item in items) + self._of_target(value)
        self._sizes[id(value)] = size
        return size

    def _of_target(self, value: JSON) -> int:
        reference = value.get("$ref") if isinstance(value, dict) else None
        if not isinstance(reference, str) or not _is_local(reference):
            return 0
        return self._of(_pointed_at(self._schema, reference))


def _pointed_at(schema: JSON, reference: str) -> JSON:
    """RFC 6901 in a URI fragment; what points nowhere is left to the compiler to report."""
    value = schema
    for part in reference.split("/")[1:]:
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return None
    return value
