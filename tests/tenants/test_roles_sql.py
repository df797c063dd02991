"""What the database itself lets each role do, whatever the code asks for."""

from __future__ import annotations

import pytest
from django.db import ProgrammingError, connection, transaction

pytestmark = pytest.mark.django_db


def rows(query: str, *parameters: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def test_no_role_can_pass_row_level_security_or_give_itself_rights() -> None:
    flags = rows(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolreplication "
        "FROM pg_roles WHERE starts_with(rolname, 'stepwell_') ORDER BY rolname"
    )
    assert flags == [
        ("stepwell_app", False, False, False, False),
        ("stepwell_operator", False, False, False, False),
        ("stepwell_owner", False, False, False, False),
    ]


def test_nobody_logs_in_as_the_operator() -> None:
    assert rows("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'stepwell_operator'") == [
        (False,)
    ]


def test_the_app_enters_the_operator_role_but_does_not_inherit_it() -> None:
    memberships = rows(
        "SELECT roleid::regrole::text, admin_option, inherit_option, set_option "
        "FROM pg_auth_members WHERE member = 'stepwell_app'::regrole"
    )
    assert memberships == [("stepwell_operator", False, False, True)]
    with transaction.atomic():
        rows("SELECT set_config('role', 'stepwell_operator', true)")
        assert rows("SELECT current_user::text") == [("stepwell_operator",)]


@pytest.mark.parametrize("role", ["stepwell_app", "stepwell_operator"])
def test_nobody_but_the_owner_holds_a_right_that_passes_row_level_security(role: str) -> None:
    granted = rows(
        "SELECT has_table_privilege(%s, oid, 'TRUNCATE, REFERENCES, TRIGGER') FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')",
        role,
    )
    assert set(granted) == {(False,)}


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id integer)",
        "CREATE ROLE mine",
        "SET LOCAL ROLE stepwell_owner",
        "TRUNCATE tenants_tenant",
        "ALTER TABLE tenants_tenant DISABLE ROW LEVEL SECURITY",
        "DROP TABLE tenants_tenant",
    ],
)
def test_the_app_is_refused(statement: str) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        rows(statement)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("statement_timeout", "30s"),
        ("lock_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "10s"),
    ],
)
def test_no_statement_of_the_app_runs_or_waits_without_end(setting: str, value: str) -> None:
    assert rows(f"SHOW {setting}") == [(value,)]
