-- The three roles of Stepwell and what they may do. Run it as a superuser in the database that
-- holds the tables, before the first migration (default privileges belong to a database and do
-- not reach back); running it again changes nothing. Plain SQL, so any client can run it.
--
--   stepwell_owner     migrates; owns the tables; may create the databases of the tests
--   stepwell_app       runs everything; row-level security always applies to it
--   stepwell_operator  sees all tenants by policy; nobody logs in as it, the app enters it with
--                      SET LOCAL ROLE for a named reason, and never has its rights by inheritance
--
-- Passwords are set apart from this, since they are secrets and this is not:
--   ALTER ROLE stepwell_owner PASSWORD '...';  ALTER ROLE stepwell_app PASSWORD '...';

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['stepwell_owner', 'stepwell_app', 'stepwell_operator'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I', wanted);
        END IF;
    END LOOP;
END
$$;

-- Every attribute is spelled out, so that a role that existed before ends up the same.
ALTER ROLE stepwell_owner LOGIN CREATEDB NOSUPERUSER NOCREATEROLE NOBYPASSRLS NOREPLICATION;
ALTER ROLE stepwell_app LOGIN NOCREATEDB NOSUPERUSER NOCREATEROLE NOBYPASSRLS NOREPLICATION;
ALTER ROLE stepwell_operator NOLOGIN NOCREATEDB NOSUPERUSER NOCREATEROLE NOBYPASSRLS NOREPLICATION;

GRANT stepwell_operator TO stepwell_app WITH ADMIN FALSE, INHERIT FALSE, SET TRUE;

-- No transaction of the app is long: a step's call is never made inside one.
ALTER ROLE stepwell_app SET statement_timeout = '30s';
ALTER ROLE stepwell_app SET lock_timeout = '10s';
ALTER ROLE stepwell_app SET idle_in_transaction_session_timeout = '10s';
-- What is prepared is planned once a connection, not five times with each set of values first.
ALTER ROLE stepwell_app SET plan_cache_mode = 'force_generic_plan';

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO stepwell_owner;
GRANT USAGE ON SCHEMA public TO stepwell_app, stepwell_operator;

-- Not TRUNCATE: row-level security does not hold it back. Not REFERENCES or TRIGGER: foreign keys
-- and triggers see past it. A migration may take more away (an audit table: UPDATE and DELETE).
ALTER DEFAULT PRIVILEGES FOR ROLE stepwell_owner
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO stepwell_app, stepwell_operator;
ALTER DEFAULT PRIVILEGES FOR ROLE stepwell_owner
    GRANT USAGE, SELECT ON SEQUENCES TO stepwell_app, stepwell_operator;
