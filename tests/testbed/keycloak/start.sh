#!/bin/sh -eu
# start.sh KEYCLOAK_DIR FOLDER PORT MANAGEMENT_PORT: run Keycloak on loopback with the realm beside this file and an
# empty database in memory. Ready when http://127.0.0.1:MANAGEMENT_PORT/auth/health/ready answers 200 (15 s). Its
# administrator is admin / admin. SIGTERM ends it in about a second.
KC=${1:?usage: start.sh KEYCLOAK_DIR FOLDER PORT MANAGEMENT_PORT}
HERE=$(cd "$(dirname "$0")" && pwd)

# what it writes to is copied to FOLDER and the rest is linked, so that runs at the same time do not meet
mkdir -p "$2/data/import" "$2/lib"
cp -R "$KC/bin" "$KC/conf" "$2"
cp -R "$KC/lib/quarkus" "$KC/lib/quarkus-run.jar" "$2/lib"
[ ! -d "$KC-built" ] || cp "$KC-built"/* "$2/lib/quarkus"
ln -s "$KC/providers" "$KC/themes" "$2"
ln -s "$KC/lib/lib" "$KC/lib/app" "$2/lib"
cp "$HERE"/*-realm.json "$2/data/import"

export KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD=admin
# what runs for minutes is not worth the second compiler's time
export JAVA_OPTS_APPEND=-XX:TieredStopAtLevel=1
exec sh "$2/bin/kc.sh" start-dev --import-realm --db=dev-mem --cache=local \
  --http-host=127.0.0.1 --http-port="$3" --http-relative-path=/auth --hostname="http://127.0.0.1:$3/auth" \
  --health-enabled=true --http-management-port="$4" --log-level=INFO,org.keycloak.events:debug
