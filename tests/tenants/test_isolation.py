"""Every table, by the catalog and by trying; and that neither proof would overlook a hole."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from tenants import attempts, isolation
from tenants.isolation import GLOBAL_KEYS, GLOBAL_TABLES, Finding
from tenants.rls import CURRENT_TENANT
from tests import environment

Connection = psycopg.Connection[Any]

TABLE = """
CREATE TABLE planted (
    id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenants_tenant, secret_id uuid,
    UNIQUE (tenant_id, id)
);
"""
FORCED = "ALTER TABLE planted ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
MINE = f"tenant_id = {CURRENT_TENANT}"
POLICY = f"CREATE POLICY mine ON planted USING ({MINE}) WITH CHECK ({MINE});"
SAFE = TABLE + FORCED + POLICY


def found(connection: Connection, role: str = environment.APP) -> list[Finding]:
    return isolation.findings(connection.cursor(), role=role)


def rules(connection: Connection, table: str) -> set[str]:
    """The rules that the table (or view, ...) breaks; no other thing may break one."""
    findings = found(connection)
    assert {finding.table for finding in findings} <= {table}
    return {finding.rule for finding in findings}


def leaks(connection: Connection) -> list[str]:
    """What went otherwise than it must, tried as the application."""
    with connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL SESSION AUTHORIZATION {environment.APP}")
        return [str(tried) for tried in attempts.tried(connection) if not tried.held]


def plant(connection: Connection, statements: str) -> None:
    """Run it as the owner, as a migration would."""
    connection.execute(f"SET LOCAL ROLE {environment.OWNER}")
    connection.execute(sql.SQL(statements))
    connection.execute("RESET ROLE")


def test_the_catalog_shows_no_way_to_another_tenant(superuser: Connection) -> None:
    assert found(superuser) == []


def test_no_attempt_on_any_table_gets_through(superuser: Connection) -> None:
    assert leaks(superuser) == []


def test_the_attempts_cover_every_table_that_is_not_global(superuser: Connection) -> None:
    rows = superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    tried = {table.name for table in attempts.tenant_tables(superuser)}
    assert {name for (name,) in rows} - tried == set(GLOBAL_TABLES)


def test_every_exception_names_something_that_exists(superuser: Connection) -> None:
    rows = superuser.execute(
        "SELECT table_name || '.' || column_name FROM information_schema.columns"
        " WHERE table_schema = 'public'"
    )
    columns = {name for (name,) in rows}
    assert set(GLOBAL_KEYS) <= columns
    assert set(GLOBAL_TABLES) <= {name.split(".")[0] for name in columns}


def test_a_table_made_as_it_should_be_is_clean(superuser: Connection) -> None:
    plant(superuser, SAFE)
    assert found(superuser) == []
    assert leaks(superuser) == []


@pytest.mark.parametrize(
    "statement",
    [
        "GRANT UPDATE ON tenants_auditentry TO stepwell_app",
        "GRANT UPDATE (before) ON tenants_auditentry TO stepwell_app",
        "GRANT DELETE ON tenants_auditentry TO stepwell_operator",
        "DROP TRIGGER append_only ON tenants_auditentry",
        "ALTER TABLE tenants_auditentry DISABLE TRIGGER append_only",
        "DROP TRIGGER append_only ON tenants_auditentry; CREATE TRIGGER append_only BEFORE UPDATE"
        " ON tenants_auditentry FOR EACH STATEMENT EXECUTE FUNCTION tenants_refuse_change()",
    ],
)
def test_an_audit_trail_that_can_be_changed_is_found(superuser: Connection, statement: str) -> None:
    plant(superuser, statement)
    assert rules(superuser, "tenants_auditentry") == {"append-only"}


def test_a_grant_alone_does_not_open_the_audit_trail(superuser: Connection) -> None:
    """The trigger refuses everybody."""
    plant(superuser, "GRANT UPDATE, DELETE ON tenants_auditentry TO stepwell_app")
    assert leaks(superuser) == []


def test_an_audit_trail_without_its_trigger_is_found_by_trying(superuser: Connection) -> None:
    plant(
        superuser,
        "GRANT DELETE ON tenants_auditentry TO stepwell_app;"
        "ALTER TABLE tenants_auditentry DISABLE TRIGGER append_only",
    )
    assert "tenants_auditentry: the tenant deletes it: 1" in leaks(superuser)


@pytest.mark.parametrize("statement", ["UPDATE {} SET seq = seq", "DELETE FROM {}", "TRUNCATE {}"])
def test_not_even_the_owner_changes_the_audit_trail(superuser: Connection, statement: str) -> None:
    for table in isolation.APPEND_ONLY:
        query = sql.SQL(statement).format(sql.Identifier(table))
        with superuser.transaction():
            superuser.execute(f"SET LOCAL ROLE {environment.OWNER}")
            with pytest.raises(InsufficientPrivilege), superuser.transaction():
                superuser.execute(query)


def policy(using: str, check: str | None = None, rest: str = "") -> str:
    with_check = f"WITH CHECK ({check})" if check else ""
    return f"{TABLE}{FORCED}CREATE POLICY p ON planted {rest} USING ({using}) {with_check};"


OPEN = {"policy-missing", "policy-open"}
UNCAST = "tenant_id::text = current_setting('app.current_tenant_id', true)"


@pytest.mark.parametrize(
    ("statements", "broken"),
    [
        pytest.param("CREATE TABLE planted (id int)", {"tenant-column"}, id="no tenant"),
        pytest.param(
            SAFE + "ALTER TABLE planted ALTER tenant_id DROP NOT NULL",
            {"tenant-column"},
            id="a tenant that may be null",
        ),
        pytest.param(TABLE, {"row-security", "policy-missing"}, id="nothing done"),
        pytest.param(TABLE + FORCED, {"policy-missing"}, id="no policy"),
        pytest.param(TABLE + POLICY, {"row-security"}, id="not enabled"),
        pytest.param(
            SAFE + "ALTER TABLE planted NO FORCE ROW LEVEL SECURITY",
            {"row-security"},
            id="no force",
        ),
        pytest.param(policy(MINE, rest="FOR SELECT"), OPEN, id="a policy for SELECT only"),
        pytest.param(policy(MINE), OPEN, id="no WITH CHECK"),
        pytest.param(policy(MINE, "true"), OPEN, id="WITH CHECK (true)"),
        pytest.param(policy("true", MINE), OPEN, id="USING (true)"),
        pytest.param(policy(f"{MINE} OR true", MINE), OPEN, id="a loophole beside the setting"),
        pytest.param(policy(UNCAST, UNCAST), OPEN, id="a setting that is not cast"),
        pytest.param(policy(MINE, MINE, "TO stepwell_app"), OPEN, id="a policy for one role"),
        pytest.param(
            policy(MINE, MINE, "AS RESTRICTIVE"),
            {"policy-missing"},
            id="a restrictive policy alone",
        ),
        pytest.param(
            SAFE + "CREATE POLICY operator_access ON planted USING (true) WITH CHECK (true)",
            {"policy-open"},
            id="an operator policy granted to public",
        ),
        pytest.param(
            SAFE + "CREATE POLICY o ON planted TO stepwell_operator, stepwell_app USING (true)",
            {"policy-open"},
            id="an operator policy granted to the app as well",
        ),
        pytest.param(
            SAFE + "ALTER TABLE planted ADD FOREIGN KEY (secret_id) REFERENCES tenants_secret",
            {"reference"},
            id="a key across tenants",
        ),
        pytest.param(
            "CREATE TABLE planted (id uuid PRIMARY KEY, tenant_id uuid NOT NULL);"
            + FORCED
            + POLICY,
            {"unbound"},
            id="a tenant that need not exist",
        ),
        pytest.param(
            SAFE + "CREATE UNIQUE INDEX ON planted (secret_id)", {"unique"}, id="a global value"
        ),
        pytest.param(
            SAFE + "CREATE UNIQUE INDEX ON planted (lower(id::text), tenant_id)",
            {"unique"},
            id="a unique expression before the tenant",
        ),
        pytest.param(
            "CREATE VIEW planted AS SELECT * FROM tenants_secret", {"view"}, id="an owner's view"
        ),
        pytest.param(
            "CREATE MATERIALIZED VIEW planted AS SELECT * FROM tenants_secret",
            {"materialized-view"},
            id="a materialized view",
        ),
        pytest.param(SAFE + "GRANT TRUNCATE ON planted TO stepwell_app", {"grant"}, id="truncate"),
        pytest.param(SAFE + "GRANT TRUNCATE ON planted TO PUBLIC", {"grant"}, id="truncate by all"),
        pytest.param(
            SAFE + "GRANT REFERENCES (id) ON planted TO stepwell_operator",
            {"grant"},
            id="references on a column",
        ),
    ],
)
def test_a_planted_hole_is_found(superuser: Connection, statements: str, broken: set[str]) -> None:
    plant(superuser, statements)
    assert rules(superuser, "planted") == broken


def test_a_safe_view_and_operator_policy_are_no_findings(superuser: Connection) -> None:
    plant(superuser, SAFE)
    plant(superuser, "CREATE POLICY o ON planted TO stepwell_operator USING (true)")
    plant(superuser, "CREATE VIEW v WITH (security_invoker = on) AS SELECT * FROM planted")
    assert found(superuser) == []


def test_a_global_table_may_not_point_at_a_tenants_row(superuser: Connection) -> None:
    plant(superuser, "ALTER TABLE executions_worker ADD secret_id uuid REFERENCES tenants_secret")
    assert rules(superuser, "executions_worker") == {"reference"}


def test_a_function_with_its_owners_rights_is_found(superuser: Connection) -> None:
    plant(
        superuser,
        "CREATE FUNCTION planted() RETURNS bigint SECURITY DEFINER LANGUAGE sql"
        " RETURN (SELECT count(*) FROM tenants_secret)",
    )
    assert rules(superuser, "planted()") == {"function"}


def test_another_schema_hides_nothing(superuser: Connection) -> None:
    superuser.execute("CREATE SCHEMA aside")
    superuser.execute("CREATE TABLE aside.tenants_user (id int)")
    assert rules(superuser, "aside.tenants_user") == {"tenant-column"}


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("ALTER ROLE stepwell_app BYPASSRLS", "role-power"),
        ("ALTER ROLE stepwell_app SUPERUSER", "role-power"),
        ("ALTER ROLE stepwell_operator BYPASSRLS", "role-power"),
        ("ALTER TABLE tenants_secret OWNER TO stepwell_app", "role-owner"),
        ("GRANT stepwell_owner TO stepwell_app WITH INHERIT FALSE", "role-member"),
        ("GRANT pg_read_all_data TO stepwell_app", "role-member"),
        ("GRANT stepwell_operator TO stepwell_app WITH INHERIT TRUE", "role-member"),
        ("GRANT CREATE ON SCHEMA public TO stepwell_app", "grant"),
        ("ALTER ROLE stepwell_app SET app.current_tenant_id = 'x'", "role-setting"),
        ("ALTER ROLE stepwell_app SET role = 'stepwell_operator'", "role-setting"),
    ],
)
def test_a_role_that_may_too_much_is_found(
    superuser: Connection, statement: str, rule: str
) -> None:
    superuser.execute(sql.SQL(statement))
    assert rule in {finding.rule for finding in found(superuser)}


@pytest.mark.parametrize("role", [environment.OWNER, "postgres"])
def test_no_other_role_may_be_the_application(superuser: Connection, role: str) -> None:
    assert {finding.table for finding in found(superuser, role)} >= {role}


@pytest.mark.parametrize(
    ("statements", "leak"),
    [
        (TABLE, "another tenant reads it: 1"),
        (TABLE, "somebody without a scope deletes it: 1"),
        (TABLE, "another tenant gives its own row away: 1"),
        (policy(MINE, "true"), "another tenant inserts one: 1"),
        (policy("true", MINE), "another tenant reads it: 1"),
        (TABLE + FORCED, "the tenant inserts its own row: denied"),
        (SAFE + "GRANT TRUNCATE ON planted TO stepwell_app", "somebody empties the table: -1"),
    ],
)
def test_a_planted_leak_is_found_by_trying(
    superuser: Connection, statements: str, leak: str
) -> None:
    plant(superuser, statements)
    assert f"planted: {leak}" in leaks(superuser)
