"""What secrets and variables have in common: they are called by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import Http404
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from tenants.models import name_validator
from tenants.serializers import Strict, read


class Named(Strict):
    """Something that expressions call by its name."""

    name = serializers.CharField(max_length=63, validators=[name_validator])


def read_at(name: str, serializer: type[Named], data: Any) -> dict[str, Any]:
    """The values of a PUT, whose address names the thing: its body need not, or must agree."""
    values = read(serializer, {"name": name, **data} if isinstance(data, Mapping) else data)
    if values["name"] != name:
        raise ValidationError({"name": [f"The address says {name!r}; a name can not be changed."]})
    return values


def gone(deleted: bool) -> Response:
    if not deleted:
        raise Http404
    return Response(status=204)
