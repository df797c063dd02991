"""What Postgres shows and takes inside, outside and after a tenant's scope."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction

from tenants import scope
from tenants.models import Tenant, Variable
from tenants.scope import Scope, ScopeError
from tests import environment


def make_tenant(slug: str) -> UUID:
    with scope.operator("a test's tenant"):
        tenant = Tenant.objects.create(slug=slug, name=slug)
        with scope.tenant(tenant.id):
            Variable.objects.create(tenant=tenant, name="mine", value=slug)
    return tenant.id


@pytest.fixture
def acme(db: None) -> UUID:
    return make_tenant("acme")


@pytest.fixture
def globex(db: None) -> UUID:
    return make_tenant("globex")


def seen() -> list[object]:
    """Whose variables Postgres shows, whatever tenant the query asks for."""
    return list(Variable.objects.order_by("value").values_list("value", flat=True))


def told() -> tuple[str, str]:
    """The role and the tenant that Postgres knows of."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, coalesce(current_setting(%s, true), '')", [SETTING])
        role, tenant = cursor.fetchone()
        return role, tenant


SETTING = "app.current_tenant_id"
NOBODY = (environment.APP, "")


def test_a_tenant_sees_only_its_own_rows(acme: UUID, globex: UUID) -> None:
    with scope.tenant(acme):
        assert seen() == ["acme"]
        assert not Variable.objects.filter(tenant_id=globex).exists()
    with scope.tenant(globex):
        assert seen() == ["globex"]


def test_without_a_scope_nothing_is_seen(acme: UUID) -> None:
    assert seen() == []
    assert not Tenant.objects.exists()


def test_without_a_scope_nothing_can_be_inserted(acme: UUID) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        Variable.objects.create(tenant_id=acme, name="more", value=1)


def test_a_row_of_another_tenant_can_not_be_inserted(acme: UUID, globex: UUID) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"), scope.tenant(acme):
        Variable.objects.create(tenant_id=globex, name="more", value=1)


def test_the_operator_sees_all_tenants(acme: UUID, globex: UUID) -> None:
    with scope.operator("a test"):
        assert seen() == ["acme", "globex"]


def test_an_operator_narrowed_to_a_tenant_sees_only_it(acme: UUID, globex: UUID) -> None:
    with scope.operator("a test"):
        with scope.tenant(acme):
            assert seen() == ["acme"]
            assert told() == (environment.APP, str(acme))
        assert seen() == ["acme", "globex"]


def test_a_tenants_scope_is_never_widened(acme: UUID) -> None:
    with scope.tenant(acme):
        with pytest.raises(ScopeError, match="widened"), scope.operator("curiosity"):
            pytest.fail("the scope was widened")
        assert seen() == ["acme"]


def test_a_narrowed_operator_is_never_widened_again(acme: UUID) -> None:
    with scope.operator("a test"), scope.tenant(acme):
        with pytest.raises(ScopeError, match="widened"), scope.operator("curiosity"):
            pytest.fail("the scope was widened")
        assert seen() == ["acme"]


def test_another_tenants_scope_is_refused(acme: UUID, globex: UUID) -> None:
    with scope.tenant(acme):
        with pytest.raises(ScopeError, match="another tenant"), scope.tenant(globex):
            pytest.fail("the tenant was swapped")
        assert seen() == ["acme"]


def test_the_same_scope_may_be_opened_again(acme: UUID) -> None:
    with scope.tenant(acme):
        with scope.tenant(acme):
            assert seen() == ["acme"]
        assert seen() == ["acme"]
    with scope.operator("a test"), scope.operator("the same"):
        assert seen() == ["acme"]


def test_the_code_knows_its_scope(acme: UUID) -> None:
    assert scope.current() is None
    with scope.operator("a test"):
        assert scope.current() == Scope(None, operator=True)
        with pytest.raises(ScopeError, match="no tenant scope"):
            scope.tenant_id()
        with scope.tenant(acme):
            assert scope.current() == Scope(acme)
            assert scope.tenant_id() == acme
    assert scope.current() is None


def test_inside_a_transaction_the_end_of_a_scope_ends_it(acme: UUID) -> None:
    with transaction.atomic():
        with scope.tenant(acme):
            assert seen() == ["acme"]
        assert seen() == []
        assert told() == NOBODY
        with scope.operator("a test"):
            assert told()[0] == "stepwell_operator"
        assert told() == NOBODY


class LostError(Exception):
    pass


def fail_in(ident: UUID) -> None:
    with scope.tenant(ident):
        Variable.objects.create(tenant_id=ident, name="more", value="lost")
        raise LostError


def test_a_failure_undoes_what_the_scope_wrote_and_ends_it(acme: UUID) -> None:
    with pytest.raises(LostError):
        fail_in(acme)
    assert told() == NOBODY
    with scope.tenant(acme):
        assert seen() == ["acme"]


def test_a_failure_in_a_narrowed_scope_leaves_the_operator_as_it_was(acme: UUID) -> None:
    with scope.operator("a test"):
        with pytest.raises(LostError):
            fail_in(acme)
        assert told() == ("stepwell_operator", "")
        assert seen() == ["acme"]


def break_in(ident: UUID) -> None:
    with scope.tenant(ident), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")


def test_an_error_of_the_database_is_told_as_it_is(acme: UUID) -> None:
    """After it Postgres takes no statement before the rollback: also not one that ends a scope."""
    with scope.operator("a test"):
        with pytest.raises(DatabaseError, match="division by zero"):
            break_in(acme)
        assert told() == ("stepwell_operator", "")
    assert told() == NOBODY


def test_a_scope_that_is_marked_for_rollback_ends_too(acme: UUID) -> None:
    with transaction.atomic():
        with scope.tenant(acme):
            Variable.objects.create(tenant_id=acme, name="more", value="lost")
            transaction.set_rollback(True)
        assert told() == NOBODY
        with scope.tenant(acme):
            assert seen() == ["acme"]


def test_a_pipeline_enters_a_tenant_and_the_operator(acme: UUID, globex: UUID) -> None:
    with scope.prepared_transaction() as pipeline:
        pipeline.enter_operator()
        everyone = pipeline.run("SELECT count(*) FROM tenants_variable")
        pipeline.enter_tenant(acme)
        one = pipeline.run("SELECT count(*) FROM tenants_variable")
        assert (everyone, one) == ([(2,)], [(1,)])


def test_a_prepared_transaction_does_not_swap_an_open_scope(acme: UUID) -> None:
    with scope.tenant(acme):
        with pytest.raises(ScopeError, match="scope is open"), scope.prepared_transaction():
            pytest.fail("the scope could be swapped")
        assert seen() == ["acme"]


# --- Connections that are used again -----------------------------------------------------------


@pytest.fixture
def committed_acme(committed_db: None) -> UUID:
    return make_tenant("acme")


def backend() -> int:
    raw = connection.connection
    assert isinstance(raw, psycopg.Connection)
    return raw.info.backend_pid


@pytest.mark.parametrize("fails", [False, True])
def test_no_scope_survives_on_its_connection(committed_acme: UUID, fails: bool) -> None:
    with scope.tenant(committed_acme):
        assert told() == (environment.APP, str(committed_acme))
        first = backend()
        transaction.set_rollback(fails)
    assert (told(), backend()) == (NOBODY, first)
    with scope.operator("a test"):
        assert told() == ("stepwell_operator", "")
        transaction.set_rollback(fails)
    assert (told(), backend()) == (NOBODY, first)
    assert seen() == []


def test_no_pipeline_leaves_its_scope_behind(committed_acme: UUID) -> None:
    with scope.prepared_transaction() as pipeline:
        pipeline.enter_operator()
        pipeline.enter_tenant(committed_acme)
    assert told() == NOBODY
    with scope.prepared_transaction() as pipeline:
        pipeline.enter_operator()
    assert told() == NOBODY
