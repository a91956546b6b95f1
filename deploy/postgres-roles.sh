#!/bin/sh
# The postgres image runs it once, on an empty volume: chatserver owns its database and is nobody's superuser. The superuser
# keeps no password: it comes in by the container's own socket alone (`docker compose exec postgres psql -U postgres`).
set -eu
psql --quiet --set=ON_ERROR_STOP=1 --username=postgres --set=password="$POSTGRES_PASSWORD" <<'SQL'
CREATE ROLE chatserver LOGIN PASSWORD :'password';
CREATE ROLE chatserver_web NOLOGIN;
CREATE ROLE chatserver_worker NOLOGIN;
GRANT chatserver_web, chatserver_worker TO chatserver;
CREATE DATABASE chatserver OWNER chatserver ENCODING 'UTF8' TEMPLATE template0;
ALTER ROLE postgres PASSWORD NULL;
SQL
