"""A form made of a JSON Schema: plain fields where it is plain, JSON to type where it is not.

It asks; whether the answer is right, the schema itself says (services.decide).
"""

from __future__ import annotations

import json
from typing import Any

from django import forms

from executions.forms import read_json
from workflows.definition import JSON

_WHOLE = "data"


class JsonField(forms.CharField):
    """Any JSON value, typed in."""

    widget = forms.Textarea

    def __init__(self, **options: Any) -> None:
        attrs = {"rows": 4, "spellcheck": "false", "autocomplete": "off"}
        super().__init__(widget=forms.Textarea(attrs=attrs), **options)

    def clean(self, value: Any) -> JSON:
        text = super().clean(value)
        return read_json(text) if text else None


class EnumField(forms.ChoiceField):
    """One of the values of an `enum`, of whatever type each is."""

    def __init__(self, values: list[JSON], **options: Any) -> None:
        pairs = [(json.dumps(value), _word(value)) for value in values]
        blank = [] if options["required"] else [("", "")]
        super().__init__(choices=[*blank, *pairs], **options)

    def clean(self, value: Any) -> JSON:
        text = super().clean(value)
        chosen: JSON = json.loads(text) if text else None
        return chosen


class SchemaForm(forms.Form):
    """The fields of an object's schema; one for the whole value if it is not that of an object.

    Without a schema it has none.
    """

    def __init__(self, schema: JSON, data: Any) -> None:
        super().__init__(data)
        self._names: dict[str, str] = {}  # of the properties, by field
        match schema:
            case None:
                pass
            case {"properties": dict(properties), "required": list(required)} if properties:
                self._add(properties, required)
            case {"properties": dict(properties)} if properties:
                self._add(properties, [])
            case _:
                self.fields[_WHOLE] = JsonField(label="Answer (JSON)", required=False)

    def _add(self, properties: dict[str, JSON], needed: list[JSON]) -> None:
        """What is required first, in its order: that of the properties is not kept by Postgres."""
        first = [str(name) for name in needed if name in properties]
        for name in dict.fromkeys([*first, *properties]):
            field = f"{_WHOLE}-{name}"
            self._names[field] = name
            self.fields[field] = _field(name, properties[name], required=name in needed)

    def value(self) -> JSON:
        """What was filled in; what was left empty is left out."""
        given = self.cleaned_data
        if _WHOLE in self.fields:
            whole: JSON = given[_WHOLE]
            return whole
        if not self._names:
            return None
        return {
            name: given[field]
            for field, name in self._names.items()
            if given[field] is not None and given[field] != ""
        }


def _field(name: str, schema: JSON, *, required: bool) -> forms.Field:
    rules = schema if isinstance(schema, dict) else {}
    options: dict[str, Any] = {
        "label": _text(rules.get("title")) or name,
        "help_text": _text(rules.get("description")),
        "required": required,
    }
    match rules:
        case {"enum": list(values)} if values:
            return EnumField(values, **options)
        case {"type": "boolean"}:
            return forms.BooleanField(**{**options, "required": False})
        case {"type": "integer"}:
            return forms.IntegerField(**options, initial=rules.get("default"))
        case {"type": "number"}:
            return forms.FloatField(**options, initial=rules.get("default"))
        case {"type": "string"}:
            return forms.CharField(**options, initial=rules.get("default"))
        case _:
            options["label"] = f"{options['label']} (JSON)"
            return JsonField(**options)


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else ""


def _word(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value)
