"""The proof that Postgres keeps tenants apart, read from its catalog and never from our models.

Every table, view and function outside Postgres's own schemas is looked at, so one that a migration,
a package or a person adds is judged like ours. It takes some 30 milliseconds, so the tests run it
and so does every process that starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tenants.rls import OPERATOR_ROLE, TENANT_SETTING

GLOBAL_TABLES: Mapping[str, str] = {
    "account_emailaddress": "a person's address and whether it is verified",
    "account_emailconfirmation": "empty: what confirms an address is a signature",
    "auth_group": "kinds of platform staff; the same for all tenants",
    "auth_group_permissions": "what kinds of platform staff may do in the admin",
    "auth_permission": "the names of what staff may do; written by migrations",
    "django_admin_log": "what platform staff did; only the staff admin shows it",
    "django_celery_beat_clockedschedule": "when Stepwell's own chores run",
    "django_celery_beat_crontabschedule": "when Stepwell's own chores run",
    "django_celery_beat_intervalschedule": "when Stepwell's own chores run",
    "django_celery_beat_periodictask": "Stepwell's own chores; tenants' schedules are theirs",
    "django_celery_beat_periodictasks": "when the chores were last changed",
    "django_celery_beat_solarschedule": "when Stepwell's own chores run",
    "django_content_type": "the names of models; written by migrations",
    "django_migrations": "which migrations ran",
    "django_session": "found by a random key before it is known who asks",
    "executions_worker": "worker processes and when they were last seen; no tenant's data",
    "mfa_authenticator": "a person's second factors, asked for before a tenant is known",
    "tenants_platformauditentry": "what was done outside all tenants; only the operator reads it",
    "tenants_platformaudithead": "where the chain of those entries ends",
    "tenants_user": "a person may belong to several tenants and logs in before one is known",
    "tenants_user_groups": "which staff belong to which groups",
    "tenants_user_user_permissions": "single permissions of staff",
    "usersessions_usersession": "where a person is logged in; sessions belong to no tenant",
}
"""The tables that hold no tenant's data, each with the reason why not."""

GLOBAL_KEYS: Mapping[str, str] = {
    "tenants_apikey.public_id": "random; an API key is found before its tenant is known",
    "tenants_invitation.digest": "of a random token; found before it is known who asks",
    "tenants_tenant.slug": "a public name: registering says whether it is taken",
    "webhooks_endpoint.token": "random; an endpoint is found before its tenant is known",
    "webhooks_trialaddress.token": "random; a test address is found before its tenant is known",
}
"""The columns that are unique over all tenants although a clash tells that a value exists."""


APPEND_ONLY: Mapping[str, str] = {
    "tenants_auditentry": "a tenant's audit trail",
    "tenants_platformauditentry": "the deployment's own audit trail",
}
"""The tables whose rows nobody may change or delete, not even the operator or their owner."""


@dataclass(frozen=True)
class Finding:
    """One way in which a tenant could reach another's data."""

    table: str  # or the view, function, schema or role
    rule: str
    detail: str

    def __str__(self) -> str:
        return f"{self.table}: {self.detail} ({self.rule})"


class Cursor(Protocol):
    """What Django's and psycopg's cursors have in common."""

    def execute(self, query: Any, params: Any = None, /) -> Any: ...

    def fetchall(self) -> list[Any]: ...


# What the rules select from. `pg_get_expr` prints an expression the same way however it was typed,
# so a policy is the expected one or it is not: no pattern that a clever expression could satisfy.
_CATALOG = """
WITH space AS (
    SELECT oid, nspname FROM pg_namespace
    WHERE nspname <> 'information_schema' AND nspname !~ '^pg_'
),
relation AS (
    SELECT c.oid, c.relkind, c.relowner, c.reloptions, c.relrowsecurity, c.relforcerowsecurity,
           CASE space.nspname WHEN 'public' THEN '' ELSE space.nspname || '.' END || c.relname
               AS name
    FROM pg_class c JOIN space ON space.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
),
base AS (
    SELECT * FROM relation WHERE relkind IN ('r', 'p', 'f')
),
tenanted AS (
    SELECT base.*, a.attname, a.attnum, a.atttypid, a.attnotnull
    FROM base
    JOIN pg_attribute a ON a.attrelid = base.oid AND NOT a.attisdropped
     AND a.attname = CASE base.name WHEN 'tenants_tenant' THEN 'id' ELSE 'tenant_id' END
),
policy AS (
    SELECT p.polrelid, p.polname, t.name,
           p.polpermissive AND p.polcmd = '*' AND p.polroles = '{0}'
           AND pg_get_expr(p.polqual, p.polrelid) IS NOT DISTINCT FROM expected.expression
           AND pg_get_expr(p.polwithcheck, p.polrelid) IS NOT DISTINCT FROM expected.expression
               AS isolates,
           NOT p.polpermissive
           OR p.polroles = ARRAY(SELECT oid FROM pg_roles WHERE rolname = %(operator)s)
               AS harmless
    FROM pg_policy p
    JOIN tenanted t ON t.oid = p.polrelid
    CROSS JOIN LATERAL (SELECT format(
        '(%%I = ( SELECT (NULLIF(current_setting(%%L::text, true), ''''::text))::uuid '
        'AS "nullif"))', t.attname, %(setting)s::text) AS expression) AS expected
),
reference AS (
    SELECT k.conrelid, k.confrelid, k.conname, k.convalidated,
           EXISTS (
               SELECT FROM unnest(k.conkey, k.confkey) AS pair (mine, theirs)
               JOIN tenanted s ON s.oid = k.conrelid AND s.attnum = mine
               JOIN tenanted t ON t.oid = k.confrelid AND t.attnum = theirs
           ) AS carries_tenant
    FROM pg_constraint k WHERE k.contype = 'f'
),
reachable AS (
    SELECT r.* FROM pg_roles r
    JOIN pg_roles app ON app.rolname = %(role)s
    WHERE r.oid = app.oid OR (NOT app.rolsuper AND pg_has_role(app.oid, r.oid, 'MEMBER'))
)
"""

RULES: Mapping[str, str] = {
    # --- tables ---
    "tenant-column": """
        SELECT name, 'it has no tenant_id and is not named in GLOBAL_TABLES'
        FROM base WHERE name <> ALL (%(global_tables)s) AND oid NOT IN (SELECT oid FROM tenanted)
        UNION ALL
        SELECT name, format('%%s must be a uuid and not null', attname)
        FROM tenanted WHERE atttypid <> 'uuid'::regtype OR NOT attnotnull
    """,
    "row-security": """
        SELECT name, 'row-level security is not both enabled and forced'
        FROM tenanted WHERE NOT (relrowsecurity AND relforcerowsecurity)
    """,
    "policy-missing": """
        SELECT name, 'no policy, for all commands and roles, compares the tenant in USING and CHECK'
        FROM tenanted WHERE oid NOT IN (SELECT polrelid FROM policy WHERE isolates)
    """,
    "policy-open": """
        SELECT name, format('the policy %%I may show or take rows of other tenants', polname)
        FROM policy WHERE NOT (isolates OR harmless)
    """,
    # --- keys: Postgres checks them without regard to row-level security ---
    "reference": """
        SELECT s.name, format('the foreign key %%I to %%s lacks the tenant', conname, t.name)
        FROM reference JOIN base s ON s.oid = conrelid JOIN tenanted t ON t.oid = confrelid
        WHERE NOT carries_tenant
    """,
    "unbound": """
        SELECT name, 'no valid foreign key says that its tenant exists'
        FROM tenanted WHERE name <> 'tenants_tenant'
        AND oid NOT IN (SELECT conrelid FROM reference WHERE carries_tenant AND convalidated)
    """,
    "unique": """
        SELECT t.name, format('the unique index %%I tells of other tenants'' values', x.relname)
        FROM pg_index i
        JOIN tenanted t ON t.oid = i.indrelid
        JOIN pg_class x ON x.oid = i.indexrelid
        LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
        WHERE (i.indisunique OR i.indisexclusion) AND i.indkey[0] <> t.attnum
        AND (i.indnkeyatts > 1 OR NOT coalesce(
            i.indisprimary AND a.atttypid = 'uuid'::regtype
            OR t.name || '.' || a.attname = ANY (%(global_keys)s), false))
    """,
    # --- ways around the tables ---
    "view": """
        SELECT name, 'the view reads with its owner''s rights: set security_invoker'
        FROM relation WHERE relkind = 'v' AND NOT EXISTS (
            SELECT FROM pg_options_to_table(reloptions)
            WHERE option_name = 'security_invoker' AND option_value::boolean)
    """,
    "materialized-view": """
        SELECT name, 'row-level security does not reach into a materialized view'
        FROM relation WHERE relkind = 'm'
    """,
    "function": """
        SELECT p.oid::regprocedure::text, 'the function runs with its owner''s rights'
        FROM pg_proc p JOIN space ON space.oid = p.pronamespace WHERE p.prosecdef
    """,
    "grant": """
        SELECT relation.name, format('%%s may %%s, which row-level security does not hold back',
                                     rolname, string_agg(privilege, ', ' ORDER BY privilege))
        FROM relation, reachable, unnest('{TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS privilege
        WHERE NOT rolsuper AND reachable.oid <> relowner AND (
            has_table_privilege(reachable.oid, relation.oid, privilege)
            OR privilege = 'REFERENCES'
            AND has_any_column_privilege(reachable.oid, relation.oid, privilege))
        GROUP BY relation.name, rolname
        UNION ALL
        SELECT nspname, format('%%s may create tables and functions in it', rolname)
        FROM space, reachable WHERE NOT rolsuper
        AND has_schema_privilege(reachable.oid, space.oid, 'CREATE')
    """,
    "append-only": """
        SELECT name, format('%%s may %%s, and its rows must stay as they are', rolname, privilege)
        FROM base, reachable, unnest('{UPDATE,DELETE}'::text[]) AS privilege
        WHERE name = ANY (%(append_only)s) AND reachable.oid <> relowner AND NOT rolsuper AND (
            has_table_privilege(reachable.oid, base.oid, privilege)
            OR privilege = 'UPDATE'
            AND has_any_column_privilege(reachable.oid, base.oid, privilege))
        UNION ALL
        SELECT wanted, 'no trigger refuses UPDATE, DELETE and TRUNCATE to everybody'
        FROM unnest(%(append_only)s::text[]) AS wanted
        WHERE NOT EXISTS (
            SELECT FROM base JOIN pg_trigger t ON t.tgrelid = base.oid
            JOIN pg_proc p ON p.oid = t.tgfoid
            WHERE base.name = wanted AND p.proname = 'tenants_refuse_change'
            AND t.tgenabled IN ('O', 'A') AND t.tgqual IS NULL
            AND t.tgtype = 2 + 8 + 16 + 32)
    """,
    # --- the role itself, and those it can become ---
    "role-power": """
        SELECT rolname::text, 'the role is a superuser, or may replicate, create roles or bypass '
                              'row-level security'
        FROM reachable WHERE rolsuper OR rolbypassrls OR rolcreaterole OR rolreplication
    """,
    "role-owner": """
        SELECT DISTINCT reachable.rolname::text, 'the role owns tables: run as another'
        FROM reachable JOIN relation ON relation.relowner = reachable.oid
    """,
    "role-member": """
        SELECT rolname::text, format('%%s may become this role', %(role)s::text)
        FROM reachable WHERE rolname NOT IN (%(role)s, %(operator)s)
        UNION ALL
        SELECT app.rolname::text, 'the role has the operator''s rights without entering that role'
        FROM pg_roles app JOIN pg_roles operator ON operator.rolname = %(operator)s
        WHERE app.rolname = %(role)s AND NOT app.rolsuper
        AND pg_has_role(app.oid, operator.oid, 'USAGE')
    """,
    "role-setting": """
        SELECT coalesce(pg_get_userbyid(nullif(setrole, 0))::text, 'every role'),
               format('%%s is set before a scope is opened', split_part(setting, '=', 1))
        FROM pg_db_role_setting, unnest(setconfig) AS setting
        WHERE split_part(setting, '=', 1) IN (%(setting)s, 'role')
        AND (setrole = 0 OR setrole IN (SELECT oid FROM reachable))
        AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    """,
}
"""For each rule a query for the (table, detail) of everything that breaks it."""


def findings(cursor: Cursor, *, role: str) -> list[Finding]:
    """Everything in the cursor's database that breaks a rule, for an application that is `role`."""
    values = {
        "role": role,
        "operator": OPERATOR_ROLE,
        "setting": TENANT_SETTING,
        "global_tables": list(GLOBAL_TABLES),
        "global_keys": list(GLOBAL_KEYS),
        "append_only": list(APPEND_ONLY),
    }
    found = []
    for rule, query in RULES.items():
        cursor.execute(_CATALOG + query, values)
        found += [Finding(table, rule, detail) for table, detail in cursor.fetchall()]
    return found
