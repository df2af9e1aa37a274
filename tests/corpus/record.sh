#!/bin/sh
# Records what Docker Compose prints for each case, in `expected.yaml`. Needs `docker compose` (or the command in COMPOSE); pass names of cases to record those
# alone.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
compose=${COMPOSE:-docker compose}
[ $# -gt 0 ] || set -- $(ls -d "$here"/*/ | xargs -n 1 basename)
# An `args` may hold a `*`.
set -f
for case in "$@"; do
    cd "$here/$case"
    args=config
    [ ! -f args ] || args=$(cat args)
    # shellcheck disable=SC2086
    if env -i PATH="$PATH" HOME=/home/user OUTER=outer $compose $args >expected.yaml 2>errors; then
        sed -i "s|$PWD|[DIR]|g; s|$here|[ABOVE]|g" expected.yaml
    else
        echo "$case: refused: $(cat errors)" >&2
    fi
    rm errors
done
