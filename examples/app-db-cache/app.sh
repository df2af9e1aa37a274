#!/usr/bin/env bash
# Looks its neighbours up, writes a row, counts the rows and the starts, and stays.
set -euo pipefail

for host in db cache; do
    read -r address _ < <(getent hosts "$host")
    echo "name lookup: $host is $address"
done

sql() { psql --quiet --no-align --tuples-only --dbname postgres --command "$1"; }
sql "SET client_min_messages = warning;
     CREATE TABLE IF NOT EXISTS visits (at timestamptz NOT NULL DEFAULT now())"
sql "INSERT INTO visits DEFAULT VALUES"
echo "rows in db: $(sql "SELECT count(*) FROM visits")"

exec 3<>/dev/tcp/cache/6379
printf 'INCR starts\r\nQUIT\r\n' >&3
read -r starts <&3
echo "starts counted by cache: ${starts//[!0-9]/}"

echo "ready"
exec sleep infinity
