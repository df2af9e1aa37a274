#!/bin/sh
# Applies each migration once, in the order of names, and notes it in the database.
set -eu
sql() { psql --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 "$@"; }
sql --command "SET client_min_messages = warning" \
    --command "CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)"
for file in /migrations/*.sql; do
    name=${file##*/}
    if [ -n "$(sql --command "SELECT name FROM migrations WHERE name = '$name'")" ]; then
        echo "$name: applied before"
        continue
    fi
    # Both or nothing.
    sql --single-transaction --file "$file" --command "INSERT INTO migrations VALUES ('$name')"
    echo "$name: applied"
done
