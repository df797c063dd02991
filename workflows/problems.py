"""What is wrong with a definition, said so that its author can mend it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

Location = tuple[str | int, ...]

MAX_PROBLEMS = 100
"""As many are looked for at once: each may cost a search for the nearest name."""


@dataclass(frozen=True)
class Problem:
    """One finding. An error refuses publication, a warning is only shown.

    `step` is a step's key; `field` is a path such as `with.url`, inside that step if there is
    one, else inside the definition.
    """

    severity: Literal["error", "warning"]
    code: str
    message: str
    step: str | None = None
    field: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        return asdict(self)


def error(code: str, message: str, *, step: str | None = None, field: str | None = None) -> Problem:
    return Problem("error", code, message, step, field)


def warning(
    code: str, message: str, *, step: str | None = None, field: str | None = None
) -> Problem:
    return Problem("warning", code, message, step, field)


def one_of(names: Iterable[str], last: str = "or") -> str:
    """`a, b or c`: a list of names as a sentence says it."""
    *head, tail = names or ("nothing",)
    return f"{', '.join(head)} {last} {tail}" if head else tail


def hint(name: str, names: Iterable[str]) -> str:
    """` Did you mean "x"?` or the valid names, to be put after a sentence about a wrong name."""
    valid = sorted(set(names))
    near = get_close_matches(name, valid, n=1, cutoff=0.6)
    if near:
        return f' Did you mean "{near[0]}"?'
    if not valid:
        return ""
    shown = valid if len(valid) <= 12 else [*valid[:12], "..."]
    return f" Valid: {', '.join(shown)}."


def dotted(location: Sequence[str | int]) -> str:
    """`("steps", 2, "with")` as `steps[2].with`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def at(document: Any, location: Location) -> Any:
    """The value at a location, or at the deepest part of it that exists."""
    value = document
    for part in location:
        try:
            value = value[part]
        except (LookupError, TypeError):
            return value
    return value


@dataclass(frozen=True)
class Mistake:
    """A pydantic error in our words, not yet placed in a step."""

    code: str
    message: str
    location: Location


def mistakes(model: type[BaseModel], details: Iterable[ErrorDetails]) -> Iterator[Mistake]:
    for detail in details:
        location = detail["loc"]
        if detail["type"] == "extra_forbidden":
            name = str(location[-1])
            valid = _names(model, location[:-1])
            yield Mistake(
                "unknown_key", f'"{name}" is not known here.{hint(name, valid)}', location
            )
        elif detail["type"] == "missing":
            yield Mistake("missing_key", f'"{location[-1]}" is missing.', location)
        else:
            yield Mistake(*_described(detail), location)


def _described(detail: ErrorDetails) -> tuple[str, str]:
    context = detail.get("ctx", {})
    kind = detail["type"]
    if kind in _TYPES:
        return "wrong_type", f"This must be {_TYPES[kind]}, not {_kind(detail['input'])}."
    if kind == "value_error":
        return "bad_value", str(context["error"])
    if kind in _RULES:
        return "bad_value", _RULES[kind].format_map(context)
    return "bad_value", f"{detail['msg']}."


_TYPES: Mapping[str, str] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "an object",
    "model_type": "an object",
    "tuple_type": "a list",
    "list_type": "a list",
}
NOT_JSON = "This holds a number, a text or a nesting that JSON cannot carry."
_RULES: Mapping[str, str] = {
    "json_invalid": NOT_JSON,
    "literal_error": "This must be {expected}.",
    "enum": "This must be {expected}.",
    "greater_than_equal": "This must be {ge} or more.",
    "greater_than": "This must be more than {gt}.",
    "less_than_equal": "This must be {le} or less.",
    "finite_number": "This must be a finite number.",
    "string_pattern_mismatch": "This must match {pattern}.",
    "string_too_short": "This must have at least {min_length} characters.",
    "string_too_long": "This must have at most {max_length} characters.",
    "too_short": "This needs at least {min_length} entries.",
    "too_long": "This may have at most {max_length} entries.",
}


def _kind(value: object) -> str:
    """The JSON name of a value's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "an object" if isinstance(value, Mapping) else "a list"


def _names(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that are valid at a location of a model's document."""
    here: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, str) and here is not None:
            here = _child(here, part)
    if here is None:
        return []
    return [field.alias or name for name, field in here.model_fields.items()]


def _child(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    for name, field in model.model_fields.items():
        if key == (field.alias or name):
            return _model_in(field.annotation)
    return None


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
