"""What staff write through a model itself is told to the audit trail, before and after.

Where an admin calls a service instead, the service tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Model, QuerySet
from django.forms import Form
from django.http import HttpRequest

from tenants.actions import Action
from tenants.services import audit


class Audited:
    """A mixin in front of ModelAdmin, by default for rows of no tenant."""

    added = Action.ROW_ADDED
    changed = Action.ROW_CHANGED
    deleted = Action.ROW_DELETED

    def tell(
        self,
        action: Action,
        obj: Any,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell of an act upon one row, in the chain that it belongs to."""
        audit.record_platform(action, obj, before=before, after=after)

    def save_model(self, request: HttpRequest, obj: Any, form: Form, change: bool) -> None:
        super().save_model(request, obj, form, change)  # type: ignore[misc] # a mixin
        sides = [_sides(form, name) for name in form.changed_data]
        after = {name: new for name, (_, new) in zip(form.changed_data, sides, strict=True)}
        if not change:
            self.tell(self.added, obj, after=after)
            return
        before = {name: old for name, (old, _) in zip(form.changed_data, sides, strict=True)}
        self.tell(self.changed, obj, before, after)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.tell(self.deleted, obj)
        super().delete_model(request, obj)  # type: ignore[misc] # a mixin

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            self.delete_model(request, obj)


def _sides(form: Form, name: str) -> tuple[Any, Any]:
    """What a field was and what it became; of many rows only those that came or went."""
    old, new = form.initial.get(name), form.cleaned_data.get(name)
    if isinstance(new, QuerySet):
        were, are = {str(row) for row in old or ()}, {str(row) for row in new}
        return sorted(were - are), sorted(are - were)
    return old, new.pk if isinstance(new, Model) else new
