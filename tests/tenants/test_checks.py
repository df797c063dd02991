"""A model or a database that does not keep tenants apart stops the process, in words."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.core import checks as django_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import models
from django.test.utils import isolate_apps
from pytest_django import Settings

from tenants import checks
from tenants.models import Secret, User
from tenants.rls import TenantModel
from tests import environment


@pytest.fixture
def stray_table(committed_db: None) -> Iterator[None]:
    """A table that somebody made by hand."""
    url = environment.database_url(environment.OWNER, environment.DATABASE)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE TABLE stray (id int)")
        yield
        owner.execute("DROP TABLE stray")


def errors(model: type[models.Model]) -> list[str | None]:
    return [error.id for error in checks.tenancy_errors(model)]


def test_our_own_models_all_have_a_tenant_or_a_reason() -> None:
    assert checks.every_model_has_a_tenant(None) == []


@isolate_apps("tenants")
def test_a_model_without_a_tenant_is_refused() -> None:
    class Loose(models.Model):
        class Meta:
            app_label = "tenants"

        def __str__(self) -> str:
            return "loose"

    assert errors(Loose) == ["tenants.E002"]


@isolate_apps("tenants")
def test_a_tenant_without_a_policy_is_refused() -> None:
    class Unguarded(models.Model):
        tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE)

        class Meta:
            app_label = "tenants"

        def __str__(self) -> str:
            return "unguarded"

    assert errors(Unguarded) == ["tenants.E001"]


@isolate_apps("tenants")
def test_tenant_models_proxies_and_global_tables_are_fine() -> None:
    class Guarded(TenantModel):
        class Meta(TenantModel.Meta):
            app_label = "tenants"

    class Shown(Secret):
        class Meta:
            app_label = "tenants"
            proxy = True

    assert [errors(model) for model in (Guarded, Shown, User)] == [[], [], []]


def test_the_check_is_asked_about_one_app_at_a_time() -> None:
    other: Any = SimpleNamespace(label="webhooks")
    assert checks.every_model_has_a_tenant([other]) == []


def test_django_runs_both_checks() -> None:
    registered = django_checks.registry.registry.get_checks()
    assert {checks.every_model_has_a_tenant, checks.database_keeps_tenants_apart} <= set(registered)


def test_a_safe_database_passes_and_a_process_starts(committed_db: None) -> None:
    call_command("check", databases=["default"])
    checks.refuse_unsafe_database()


def test_a_table_without_a_policy_fails_the_check(stray_table: None) -> None:
    with pytest.raises(SystemCheckError, match=r"tenants\.E003.* stray: "):
        call_command("check", databases=["default"])


def test_a_process_refuses_to_start_and_says_why(stray_table: None) -> None:
    with pytest.raises(checks.UnsafeDatabase, match="stray: it has no tenant_id"):
        checks.refuse_unsafe_database()


def test_a_migration_may_mend_what_the_check_finds(stray_table: None, settings: Settings) -> None:
    settings.AS_OWNER = True
    assert checks.database_keeps_tenants_apart(None, databases=["default"]) == []


def test_checks_without_a_database_do_not_ask_one() -> None:
    assert checks.database_keeps_tenants_apart(None, databases=None) == []
