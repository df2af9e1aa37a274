#!/usr/bin/env bash
# Writes the size of the release binaries, and of how many crates they are made, into README.md.
#
#   scripts/figures.sh [PEER]
#
# PEER is the program of Docker Compose to compare with, the installed plugin unless named; without one nothing is
# compared.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

target=${CARGO_TARGET_DIR:-target}
binary=$target/release/rcompose
static=$target/$(uname -m)-unknown-linux-musl/release/rcompose
[ -x "$binary" ] || { echo "figures: no $binary: run \`make build\` first" >&2; exit 1; }
peer=${1:-}
for folder in /usr/local/lib /usr/local/libexec /usr/lib /usr/libexec; do
    [ -n "$peer" ] || [ ! -x "$folder/docker/cli-plugins/docker-compose" ] || peer=$folder/docker/cli-plugins/docker-compose
done

# Millions of bytes, as disks have them.
megabytes() { awk -v bytes="$(stat -Lc %s "$1")" 'BEGIN { printf "%.1f", bytes / 1e6 }'; }
# Those that are linked in, on the platform that is built most.
crates() { cargo tree --locked --edges normal --target x86_64-unknown-linux-gnu --prefix none --format '{p}' "$@" | sed 's/ (\*)$//' | sort -u | wc -l; }

text="The release binary is one file of $(megabytes "$binary") MB"
[ ! -x "$static" ] || text+=" ($(megabytes "$static") MB where it is static, with musl)"
if [ -n "$peer" ]; then
    version=$("$peer" version --short 2>/dev/null || "$peer" compose version --short)
    text+="; Docker Compose ${version%%[-+]*} has $(megabytes "$peer") MB"
fi
# The program itself is the first of them.
text+=". It is made of $(($(crates --depth 1) - 1)) crates that \`Cargo.toml\` names, $(($(crates) - 1)) in all."

block=$(fmt -w 120 <<<"$text")
made=$(awk -v block="$block" '
    /^<!-- figures -->$/ { print; print block; inside = 1 }
    /^<!-- \/figures -->$/ { inside = 0; found = 1 }
    !inside && !/^<!-- figures -->$/
    END { exit !found }
' README.md) || { echo "figures: README.md has no place for them" >&2; exit 1; }
printf '%s\n' "$made" >README.md
printf '%s\n' "$block"
