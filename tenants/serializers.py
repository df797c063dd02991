"""What all serializers of the API have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.serializers import Serializer

# Read by the paginator and by content negotiation, not by filters.
_OTHER_PARAMETERS = frozenset({"cursor", "limit", "format"})


class Strict(Serializer[Any]):
    """An input that refuses what it does not know: a misspelt field must not pass in silence."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = set(data) - set(self.fields) if isinstance(data, Mapping) else set()
        if unknown:
            known = ", ".join(self.fields) or "none"
            message = ErrorDetail(f"This field is not known here. Known: {known}.", "unknown_field")
            raise ValidationError({name: [message] for name in sorted(unknown)})
        return super().to_internal_value(data)


def read(serializer: type[Strict], data: Any) -> dict[str, Any]:
    """The validated values. Raises ValidationError, which the API answers with 422."""
    bound = serializer(data=data)
    bound.is_valid(raise_exception=True)
    values: dict[str, Any] = bound.validated_data
    return values


def parameters(request: Request) -> dict[str, Any]:
    """The query without what is not a view's own."""
    given = request.query_params.dict()
    return {name: value for name, value in given.items() if name not in _OTHER_PARAMETERS}
