#!/usr/bin/env bash
# Builds and runs the example stack on a real engine and shows that it works: names are looked up, a row is written, the row is
# still there after `down` and `up`, and gone after `down -v`. Makes what it needs: the engine, its images, the program.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }

say "build rcompose"
cargo build --release
# Where cargo puts it is the user's choice.
rcompose=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/rcompose

say "an engine and the images"
DOCKER_HOST=$(scripts/engine.sh)
export DOCKER_HOST

export COMPOSE_PROJECT_NAME=rcompose-demo COMPOSE_FILE=$PWD/examples/app-db-cache/compose.yaml
run() { printf '\n$ rcompose %s\n' "$*"; "$rcompose" "$@"; }
trap '"$rcompose" down --volumes >/dev/null 2>&1' EXIT
"$rcompose" down --volumes >/dev/null 2>&1

# The application writes its lines once it is started; they are there when it says so.
proof() { # ROWS
    local lines
    for _ in $(seq 100); do
        lines=$("$rcompose" logs --no-log-prefix app)
        [[ $lines != *ready* ]] || break
        sleep 0.1
    done
    run logs app
    if [[ $lines != *"name lookup: db is "* || $lines != *"name lookup: cache is "* || $lines != *"rows in db: $1"* ]]; then
        echo "demo: expected both names to be found and $1 row(s)" >&2
        exit 1
    fi
}

say "first start: an empty database"
run up --detach
run ps
proof 1
say "data survives down and up"
run down
run up --detach
proof 2
say "down --volumes removes it"
run down --volumes
run up --detach
proof 1
run down --volumes
say "it works"
