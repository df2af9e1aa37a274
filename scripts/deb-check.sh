#!/usr/bin/env bash
# Installs a package in a root folder of its own, tries out what it brings, and removes it again.
#
#   scripts/deb-check.sh PACKAGE
set -euo pipefail
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C

package=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
fail() { echo "deb-check: $*" >&2; exit 1; }

mkdir -p "$root"/var/lib/dpkg/{info,updates,triggers}
touch "$root"/var/lib/dpkg/{status,available}
# The folder is no whole system: it has no C library, and need not belong to root.
manage() { dpkg --root="$root" --force-not-root --force-depends --log=/dev/null "$@" >/dev/null 2>"$root/said" || { cat "$root/said" >&2; fail "dpkg $*"; }; }

manage -i "$package"
program=$root/usr/bin/rcompose
[[ $("$program" version) == "rcompose version v"* ]] || fail "it does not run"
printf 'services: {web: {image: busybox}}\n' >"$root/compose.yaml"
[[ $("$program" -f "$root/compose.yaml" config --services) == web ]] || fail "it reads no project"
plugin=$root/usr/libexec/docker/cli-plugins/docker-rcompose
"$plugin" docker-cli-plugin-metadata | grep -q '"SchemaVersion":"0.1.0"' || fail "it is no plugin"
for shell in bash-completion/completions/rcompose zsh/vendor-completions/_rcompose fish/vendor_completions.d/rcompose.fish; do
    [ -s "$root/usr/share/$shell" ] || fail "no $shell"
done
for page in rcompose rcompose-up; do
    gzip -dc "$root/usr/share/man/man1/$page.1.gz" | grep -q '^\.SH SYNOPSIS' || fail "no page of $page"
done
[ -s "$root/usr/share/doc/rcompose/copyright" ] || fail "no copyright"
(cd "$root" && md5sum --quiet -c var/lib/dpkg/info/rcompose.md5sums) || fail "files have changed"

manage -P rcompose
left=$(find "$root" -mindepth 1 -path "$root/var" -prune -o -not -path "$root/said" -not -path "$root/compose.yaml" -print)
[ -z "$left" ] || fail "left behind: $left"
echo "deb-check: $package is installed, runs, and is removed"
