"""Fields that forms have of JSON Schemas beside Django's own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from executions.forms import read_json
from workflows.definition import JSON

# What a browser's field for date and time sends, which knows no zone.
_LOCAL_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(?:\.\d+)?)?")
_IN_UTC = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.\d+)?Z")


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


class DateTimeField(forms.CharField):
    """A time in UTC, as RFC 3339 spells it. The browser asks for it without a zone."""

    def __init__(self, **options: Any) -> None:
        asks = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"})
        super().__init__(widget=asks, **options)

    def prepare_value(self, value: Any) -> Any:
        match = _IN_UTC.fullmatch(value) if isinstance(value, str) else None
        return match[1] if match else value

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        match = _LOCAL_TIME.fullmatch(text)
        return f"{match[1]}{match[2] or ':00'}Z" if match else text


class RowsInput(forms.Widget):
    """As many inputs of one name as there are values, and one that is empty."""

    def __init__(self, single: forms.Widget) -> None:
        super().__init__()
        self.single = single

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        if hasattr(data, "getlist"):
            return [str(value) for value in data.getlist(name)]
        given = data.get(name, [])
        return given if isinstance(given, list) else [given]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return name not in data

    def id_for_label(self, id_: str) -> str:
        return f"{id_}_0" if id_ else ""

    def render(
        self, name: str, value: Any, attrs: Mapping[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        given = list(value or [])
        values = given if "" in given else [*given, ""]
        ident = (attrs or {}).get("id", "")
        label = self.attrs.get("aria-label", "")
        rows = [
            self.single.render(
                name,
                one,
                {"id": f"{ident}_{number}", "aria-label": f"{label} {number + 1}"},
                renderer,
            )
            for number, one in enumerate(values)
        ]
        return render_to_string("executions/_rows.html", {"rows": rows, "name": name})


class RowsField(forms.Field):
    """A list of plain values, each in an input of its own; those left empty are left out."""

    def __init__(self, single: forms.Field, **options: Any) -> None:
        super().__init__(widget=RowsInput(single.widget), **options)
        self.widget.attrs["aria-label"] = options["label"]
        self.single = single

    def clean(self, value: Any) -> list[JSON]:
        given = [text for text in value or [] if text != ""]
        if self.required and not given:
            raise forms.ValidationError(self.error_messages["required"], code="required")
        return [self._one(number, text) for number, text in enumerate(given, 1)]

    def _one(self, number: int, text: str) -> JSON:
        try:
            cleaned: JSON = self.single.clean(text)
        except forms.ValidationError as error:
            raise forms.ValidationError(
                [f"Number {number}: {message}" for message in error.messages]
            ) from None
        return cleaned


def _word(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value)


# --- Which field asks for what -----------------------------------------------------------------

LONG = 200  # characters that a text may have to be asked for in one line
_INPUTS = {"date": "date", "time": "time", "email": "email", "uri": "url"}  # by `format`


@dataclass(frozen=True)
class Asked:
    """A property's rules, and what its field is to have. `sure`: what it is in will be there."""

    rules: dict[str, JSON]
    label: str
    help_text: str = ""
    required: bool = False
    sure: bool = True
    default: JSON = None

    def options(self, **more: Any) -> dict[str, Any]:
        return {
            "label": self.label,
            "help_text": self.help_text,
            "required": self.required,
            "initial": self.default,
            **more,
        }


def field_for(asked: Asked) -> forms.Field:
    """The field that asks for a value by its rules."""
    match asked.rules:
        case {"const": only}:
            return _choice(asked, [only])
        case {"enum": list(values)} if values:
            return _choice(asked, values)
        case {"type": "boolean"} if asked.sure or asked.default is not None:
            return forms.BooleanField(**asked.options(required=False))
        case {"type": "boolean"}:
            return EnumField([True, False], **asked.options())
        case {"type": "integer"}:
            return forms.IntegerField(**asked.options(), widget=_number(asked.rules, step="1"))
        case {"type": "number"}:
            return forms.FloatField(**asked.options(), widget=_number(asked.rules, step="any"))
        case {"type": "string"}:
            return _text(asked)
        case {"type": "array", "items": dict(items)} if is_scalar(items):
            return _rows(asked, items)
        case _:
            return _json(asked)


def is_scalar(rules: dict[str, JSON]) -> bool:
    """Whether a value is plain enough for one input."""
    return bool(rules.get("enum")) or rules.get("type") in ("string", "integer", "number")


def _choice(asked: Asked, values: list[JSON]) -> forms.Field:
    initial = None if asked.default is None else json.dumps(asked.default)
    return EnumField(values, **asked.options(initial=initial))


def _number(rules: dict[str, JSON], *, step: str) -> forms.NumberInput:
    bounds = {"min": rules.get("minimum"), "max": rules.get("maximum")}
    attrs = {name: bound for name, bound in bounds.items() if isinstance(bound, int | float)}
    return forms.NumberInput(attrs={"step": step, **attrs})


def _text(asked: Asked) -> forms.Field:
    rules = asked.rules
    pattern = rules.get("pattern")
    told = asked.help_text + (f" It must match {pattern}" if pattern else "")
    options = asked.options(help_text=told.strip())
    if rules.get("format") == "date-time":
        return DateTimeField(**{**options, "label": f"{asked.label} (UTC)"})
    names = {"minlength": rules.get("minLength"), "maxlength": rules.get("maxLength")}
    attrs: dict[str, Any] = {name: most for name, most in names.items() if isinstance(most, int)}
    if attrs.get("maxlength", 0) > LONG:
        return forms.CharField(**options, widget=forms.Textarea(attrs={"rows": 4, **attrs}))
    attrs["type"] = _INPUTS.get(str(rules.get("format")), "text")
    return forms.CharField(**options, widget=forms.TextInput(attrs=attrs))


def _rows(asked: Asked, items: dict[str, JSON]) -> forms.Field:
    single = field_for(Asked(items, asked.label))
    given = asked.default if isinstance(asked.default, list) else []
    texts = [json.dumps(one) if "enum" in items else str(one) for one in given]
    return RowsField(single, **asked.options(initial=texts))


def _json(asked: Asked) -> forms.Field:
    initial = None if asked.default is None else json.dumps(asked.default, indent=2)
    told = f"{asked.help_text} Typed as JSON: {_why_json(asked.rules)}.".strip()
    options = asked.options(label=f"{asked.label} (JSON)", help_text=told, initial=initial)
    return JsonField(**options)


def _why_json(rules: dict[str, JSON]) -> str:
    match rules:
        case {"type": "object", "properties": dict(properties)} if properties:
            return "it stands too deep inside others"
        case {"type": "object"}:
            return "the names in it are not fixed"
        case {"type": "array"}:
            return "what the list holds is more than a text or a number"
        case {"type": str(one)}:
            return f"there is no field for a {one}"
        case _:
            return "it may be of more than one type"
