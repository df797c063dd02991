-- Runs once, after tenants/roles.sql, when the database is made. psql reads the passwords from
-- the environment, so they are in no command line and no file.
\getenv owner_password STEPWELL_OWNER_PASSWORD
\getenv app_password STEPWELL_APP_PASSWORD
ALTER ROLE stepwell_owner PASSWORD :'owner_password';
ALTER ROLE stepwell_app PASSWORD :'app_password';

SELECT current_database() AS database \gset
ALTER DATABASE :"database" OWNER TO stepwell_owner;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO stepwell_app;
