#!/bin/sh
# The image of Postgres in docker-compose.yml runs this once, when it has made an empty cluster: it makes the role of the server, which
# is no superuser, and the database that the role owns. The superuser keeps no password. Whoever is its user in the container is let in
# as it: docker compose exec postgres psql -U postgres
set -eu

psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet --username "$POSTGRES_USER" --dbname postgres <<'END'
-- A statement that fails is not to be in the log, with the password.
SET log_min_error_statement = panic;
\set password `printf %s "$POSTGRES_PASSWORD"`
CREATE ROLE provisor LOGIN PASSWORD :'password';
CREATE DATABASE provisor OWNER provisor;
ALTER ROLE :"USER" PASSWORD NULL;
END

# Nobody else comes in. The last line is for the health check, which asks without signing in.
cat >"$PGDATA/pg_hba.conf" <<END
local all "$POSTGRES_USER" peer
local provisor provisor scram-sha-256
host provisor provisor 127.0.0.1/32 scram-sha-256
END
