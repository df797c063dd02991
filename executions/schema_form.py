"""A form made of a JSON Schema: plain fields where it is plain, JSON to type where it is not.

It asks; whether the answer is right, the schema itself says (services.start, services.decide).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms

from executions.schema_fields import Asked, JsonField, RowsField, field_for
from workflows import schemas
from workflows.definition import JSON
from workflows.problems import dotted

MAX_LEVELS = 4  # of objects in objects whose properties have fields of their own
MAX_FIELDS = 200  # of a form; a schema that asks for more is asked for whole, as JSON

MORE = "more"  # the button that asks for a further row of a list
_WHOLE = "data"
_MISSING = re.compile(r'"(?P<name>.*)" is a required property\.?')

Path = tuple[str, ...]


@dataclass(frozen=True)
class Node:
    """A property: asked for by the field of this name, or a group of those inside it."""

    path: Path
    label: str
    help_text: str
    field: str = ""
    children: tuple[Node, ...] = ()
    blank: JSON = None  # what its field says if nothing was filled in
    # What it is then; without `is_sent` it is left out.
    empty: JSON = None
    is_sent: bool = False


class SchemaForm(forms.Form):
    """The fields of an object's schema; one for the whole value if it is not that of an object.

    Without a schema it has none. With `more` nothing is checked yet: it is shown anew with what was
    filled in, and the list whose field has this name has a further row.
    """

    def __init__(self, schema: JSON, data: Any, *, more: str | None = None) -> None:
        super().__init__(data if more is None else None)
        self.nodes: tuple[Node, ...] = ()
        self._schema = schema
        builder = _Builder(schema)
        if has_members(schema):
            self.nodes = builder.members((), _plain(schema, schema)[0], None, sure=True)
        if len(builder.fields) > MAX_FIELDS:
            self.nodes = ()
        if self.nodes:
            self.fields.update(builder.fields)
        elif schema is not None:
            self.fields[_WHOLE] = JsonField(label="Answer (JSON)", required=False)
        if more is not None:
            self._keep(data, more)

    def value(self) -> JSON:
        """What was filled in; what was left empty is left out."""
        given = self.cleaned_data
        if _WHOLE in self.fields:
            whole: JSON = given[_WHOLE]
            return whole
        return _filled(self.nodes, given) if self.nodes else None

    def layout(self) -> list[dict[str, Any]]:
        """What a template shows: fields, and groups with a layout of their own."""
        return self._layout(self.nodes) if self.nodes else [{"field": one} for one in self]

    def clean(self) -> dict[str, Any]:
        """Where something is wrong already, whoever fills it in is told of all else, too."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors and self.nodes:
            self._look_at_the_rest(cleaned)
        return cleaned

    def _look_at_the_rest(self, cleaned: Mapping[str, Any]) -> None:
        try:
            validator = schemas.compile(self._schema)
        except ValueError:
            return  # a draft's schema may be wrong itself, which services say
        found = schemas.errors(validator, _filled(self.nodes, cleaned))
        self.add_mismatches(found, but=frozenset(self.errors))

    def add_mismatches(
        self, errors: Iterable[Mapping[str, Any]], but: frozenset[str] | None = None
    ) -> None:
        """Put what services found (schemas.errors) to the fields that it is about.

        With `but` only to fields, and not to these.
        """
        known = {dotted(node.path): node for node in _walk(self.nodes)}
        for error in errors:
            place, message = str(error.get("field") or ""), str(error["message"])
            missing = _MISSING.fullmatch(message)
            inner = f"{place}.{missing['name']}".lstrip(".") if missing else ""
            if inner in known and known[inner].field:
                place, message = inner, "This field is required."
            node = _nearest(known, place)
            if but is not None and (node is None or node.field in but):
                continue
            beside = place.removeprefix(dotted(node.path)).lstrip(".") if node else place
            self.add_error(node.field if node else None, f"{beside}: {message}".lstrip(": "))

    def _keep(self, data: Any, more: str) -> None:
        for name, one in self.fields.items():
            value = one.widget.value_from_datadict(data, {}, name)
            if isinstance(one, RowsField) and name == more:
                value = [*(text for text in value if text != ""), "", ""]
            self.initial[name] = value

    def _layout(self, nodes: Iterable[Node]) -> list[dict[str, Any]]:
        return [
            {"group": node, "nodes": self._layout(node.children)}
            if node.children
            else {
                "field": self[node.field],
                "is_list": isinstance(self.fields[node.field], RowsField),
            }
            for node in nodes
        ]


class _Builder:
    """Makes the nodes of a schema, and collects their fields."""

    def __init__(self, schema: JSON) -> None:
        self._schema = schema
        self.fields: dict[str, forms.Field] = {}

    def members(
        self, path: Path, rules: dict[str, Any], default: JSON, *, sure: bool
    ) -> tuple[Node, ...]:
        """What is required first, in its order: that of the properties is not kept by Postgres."""
        properties, needed = rules["properties"], rules.get("required")
        named = needed if isinstance(needed, list) else []
        first = [name for name in named if isinstance(name, str) and name in properties]
        given = default if isinstance(default, dict) else rules.get("default")
        defaults = given if isinstance(given, dict) else {}
        return tuple(
            self._node((*path, name), properties[name], defaults.get(name), name in first, sure)
            for name in dict.fromkeys([*first, *properties])
        )

    def _node(self, path: Path, part: JSON, default: JSON, required: bool, sure: bool) -> Node:
        rules, nullable = _plain(self._schema, part)
        default = rules.get("default") if default is None else default
        label, told = _string(rules.get("title")) or path[-1], _string(rules.get("description"))
        here = sure and required
        room = len(path) < MAX_LEVELS and len(self.fields) <= MAX_FIELDS
        if has_members(rules) and room:
            children = self.members(path, rules, default, sure=here)
            return Node(path, label, told, children=children, blank={}, empty={}, is_sent=here)
        name = "-".join([_WHOLE, "/".join(map(_escaped, path))])
        asked = Asked(rules, label, told, here and not nullable, sure, default)
        self.fields[name] = made = field_for(asked)
        is_list = isinstance(made, RowsField)
        made.required = made.required and not (is_list and not rules.get("minItems"))
        return Node(
            path,
            label,
            told,
            field=name,
            blank=[] if is_list else None,
            empty=[] if is_list and not nullable else None,
            is_sent=here and (is_list or nullable),
        )


def has_members(schema: JSON) -> bool:
    """Whether it is an object's schema with properties that can be asked for one by one."""
    rules, _ = _plain(schema, schema)
    members = rules.get("properties")
    return isinstance(members, dict) and members != {} and rules.get("type", "object") == "object"


def _plain(schema: JSON, part: JSON, turns: int = 5) -> tuple[dict[str, Any], bool]:
    """A part's rules with its references followed, and whether it may be null instead.

    A part that leads back to itself is given up after so many turns.
    """
    rules = schemas.dereferenced(schema, part)
    if not isinstance(rules, dict) or not turns:
        return {}, False
    match rules:
        case {"anyOf": [one, {"type": "null"}] | [{"type": "null"}, one]}:
            inner, _ = _plain(schema, one, turns - 1)
            own = {name: value for name, value in rules.items() if name != "anyOf"}
            return {**inner, **own}, True
        case {"type": [str(one), "null"] | ["null", str(one)]}:
            return _plain(schema, {**rules, "type": one}, turns - 1)[0], True
        case {"type": "array", "items": items}:
            return {**rules, "items": _plain(schema, items, turns - 1)[0]}, False
        case {"enum": list(values)}:
            return rules, None in values
        case _:
            return rules, False


def _filled(nodes: Iterable[Node], given: Mapping[str, Any]) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for node in nodes:
        value = _filled(node.children, given) if node.children else given.get(node.field)
        if value not in (None, "", node.blank):
            found[node.path[-1]] = value
        elif node.is_sent:
            found[node.path[-1]] = node.empty
    return found


def _walk(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _walk(node.children)


def _nearest(known: Mapping[str, Node], place: str) -> Node | None:
    """The property with a field that a place is, or is inside of."""
    around = [
        node
        for name, node in known.items()
        if node.field and (place == name or place.startswith((f"{name}.", f"{name}[")))
    ]
    return max(around, key=lambda node: len(node.path), default=None)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _string(value: JSON) -> str:
    return value if isinstance(value, str) else ""
