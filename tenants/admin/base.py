"""What all admins of tenants' rows share.

Staff see every tenant by the operator role, which the middleware opens; a row is written in its
own tenant's scope, so that nothing can be put where it does not belong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from tenants import scope
from tenants.actions import Action
from tenants.admin.audited import Audited
from tenants.problems import Problem
from tenants.services import audit

COUNTED = 10_000  # rows; a list shows no more pages than these fill


class BoundedPaginator(Paginator):  # type: ignore[type-arg] # generic in the stubs only
    """Counts no further than it must: a table may have a hundred million rows."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment] # as the admin gives it
        return rows.order_by()[:COUNTED].count()


class KeySelect(AutocompleteSelect):
    """Django's own asks the database for whatever was sent, and fails over what is no key."""

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        known = [one for one in value if _is_key(one)]
        return super().optgroups(name, known, attr)


def _is_key(text: object) -> bool:
    try:
        UUID(str(text))
    except ValueError:
        return False
    return True


class ScopedAdmin(Audited, ModelAdmin):
    """Shows whose each row is, and writes and tells of it in that tenant's scope."""

    show_full_result_count = False
    paginator = BoundedPaginator
    list_per_page = 50
    list_select_related: Sequence[str] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        # Django leaves list_select_related out where a queryset already selects something.
        return rows.select_related("tenant", *self.list_select_related)

    def get_list_display(self, request: HttpRequest) -> Sequence[Any]:
        first, *rest = super().get_list_display(request)
        return (first, "tenant", *rest)

    def get_list_filter(self, request: HttpRequest) -> Sequence[Any]:
        return ("tenant", *super().get_list_filter(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "tenant") if obj else fields

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = KeySelect(db_field, self.admin_site, using=kwargs.get("using"))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            added: HttpResponse = super().add_view(request, form_url, extra_context)
        except Problem as problem:  # such as one more than the tenant may have
            self.message_user(request, problem.detail, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return added

    def tell(
        self,
        action: Action,
        obj: Any,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        audit.record(action, obj, before=before, after=after)

    def save_model(self, request: HttpRequest, obj: Any, form: Form, change: bool) -> None:
        with scope.tenant(obj.tenant_id):
            super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with scope.tenant(obj.tenant_id):
            super().delete_model(request, obj)

    def required(self, request: HttpRequest, object_id: str) -> Any:
        """The row. Raises Http404."""
        obj = self.get_object(request, object_id)
        if obj is None:
            raise Http404
        return obj


class ReadOnlyAdmin(ScopedAdmin):
    """A window on rows that only the engine writes."""

    shows_content = False  # of tenants: whoever opens a row is told of in the tenant's trail

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if self.shows_content and request.method == "GET":
            self.tell(Action.STAFF_VIEWED, self.required(request, object_id))
        shown: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return shown

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def panel(template: str, **context: Any) -> SafeString:
    """A read-only field that is more than a line of text."""
    return render_to_string(f"admin/stepwell/{template}.html", context)


def ask(
    request: HttpRequest,
    site: AdminSite,
    *,
    title: str,
    text: str,
    submit: str,
    template: str = "confirm",
    **context: Any,
) -> HttpResponse:
    """A page that asks before something is done; its answer is a POST to the same address."""
    shown = {"title": title, "text": text, "submit": submit, **context}
    return _page(request, site, template, shown)


def show_once(
    request: HttpRequest, site: AdminSite, *, title: str, text: str, value: str, back: str
) -> HttpResponse:
    """A page with a value that is not kept; it goes into no message, session or cache."""
    shown = {"title": title, "text": text, "value": value, "back": back}
    return _page(request, site, "shown_once", shown)  # the admin lets nothing be cached


def _page(
    request: HttpRequest, site: AdminSite, template: str, context: dict[str, Any]
) -> HttpResponse:
    return TemplateResponse(
        request, f"admin/stepwell/{template}.html", {**site.each_context(request), **context}
    )
