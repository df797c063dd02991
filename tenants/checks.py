"""System checks, and the guard of a starting process: tenants are kept apart, or nothing runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from django.apps import apps
from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.models import Model

from tenants import isolation
from tenants.isolation import GLOBAL_TABLES, Finding
from tenants.models import Tenant
from tenants.rls import TenantRow

SHOWN = 5  # findings in the message of a process that refuses to start


class UnsafeDatabase(ImproperlyConfigured):
    """The database, or the role that we are in it, would let tenants see each other's data."""


def refuse_unsafe_database() -> None:
    """Raise UnsafeDatabase, before the first request or task, where the database is not safe.

    Leaves no connection behind, so that a server may fork afterwards.
    """
    try:
        findings = _findings()
    finally:
        connection.close()
        cast("DatabaseWrapper", connection).close_pool()
    if findings:
        more = f" and {len(findings) - SHOWN} more" if len(findings) > SHOWN else ""
        listed = "; ".join(map(str, findings[:SHOWN]))
        raise UnsafeDatabase(f"The database does not keep tenants apart. {listed}{more}")


def every_model_has_a_tenant(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Find the models that would make a table without a tenant, before there is one."""
    labels = None if app_configs is None else {config.label for config in app_configs}
    return [
        error
        for model in apps.get_models(include_auto_created=True)
        if labels is None or model._meta.app_label in labels
        for error in tenancy_errors(model)
    ]


def tenancy_errors(model: type[Model]) -> Iterable[CheckMessage]:
    """What is wrong with one model."""
    if model._meta.proxy or issubclass(model, TenantRow | Tenant):
        return
    table = model._meta.db_table
    if any(field.column == "tenant_id" for field in model._meta.concrete_fields):
        yield Error(
            f"{table} has a tenant and no policy that guards it.",
            hint="Derive the model from TenantModel, TenantRow or TenantRoot (tenants/rls.py).",
            obj=model,
            id="tenants.E001",
        )
    elif table not in GLOBAL_TABLES:
        yield Error(
            f"{table} belongs to no tenant.",
            hint="Derive the model from TenantModel, or name the table in GLOBAL_TABLES "
            "(tenants/isolation.py) with the reason why it holds no tenant's data.",
            obj=model,
            id="tenants.E002",
        )


def database_keeps_tenants_apart(
    app_configs: Sequence[AppConfig] | None,
    databases: Sequence[str] | None = None,
    **kwargs: Any,
) -> list[CheckMessage]:
    """Prove it from Postgres's catalog; run by `manage.py check --database default`.

    A migration is let through: it runs as the owner, and it may be what mends the finding.
    """
    if settings.AS_OWNER or DEFAULT_DB_ALIAS not in (databases or ()):
        return []
    return [
        Error(
            f"{finding.table}: {finding.detail}.", hint=f"Rule: {finding.rule}", id="tenants.E003"
        )
        for finding in _findings()
    ]


def _findings() -> list[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_user")
        (role,) = cursor.fetchone()
        return isolation.findings(cursor, role=role)
