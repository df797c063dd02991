"""What the addresses of the site name: rows of which table, found by which column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from config.doors import API, Route, walk
from executions.models import StepRun
from tenants import scope
from tenants.rls import TenantRow

_PART = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Resource:
    """`column` is what stands in the address."""

    model: type[TenantRow]
    column: str

    def value(self, tenant_id: UUID) -> object:
        """Of the tenant's newest row, as it stands in an address. Raises LookupError."""
        with scope.tenant(tenant_id):
            rows = self.model.objects.order_by("-pk")
            found = rows.values_list(self.column, flat=True).first()
        if found is None:
            raise LookupError(f"the proof made no row of {self.model._meta.db_table}")
        return found

    def rows(self, tenant_id: UUID) -> list[Any]:
        """All that the tenant has of it, as it is now."""
        with scope.tenant(tenant_id):
            return list(self.model.objects.order_by("pk").values_list())


# What no API view shows one by one.
OTHERS: Mapping[str, Resource] = {"steps": Resource(StepRun, "key")}


def resources() -> dict[str, Resource]:
    """By the part of an address after which they stand, as the API's own views declare them."""
    found = dict(OTHERS)
    for route in walk():
        parts = route.pattern.removesuffix("/").split("/")
        queryset = getattr(getattr(route.view, "cls", None), "queryset", None)
        parameter = _PART.fullmatch(parts[-1])
        if route.pattern.startswith(API) and parameter and queryset is not None:
            found[parts[-2]] = Resource(queryset.model, parameter[1])
    return found


def named(route: Route, known: Mapping[str, Resource]) -> Iterator[tuple[str, Resource | None]]:
    """The parameters of the route, each with what it names; None: nothing that is known."""
    before = ""
    for part in route.pattern.split("/"):
        parameter = _PART.fullmatch(part)
        if parameter:
            yield parameter[1], known.get(before)
        elif part:
            before = part
