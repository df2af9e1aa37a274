#!/usr/bin/env bash
# Packs the program for Debian, Ubuntu and their kin.
#
#   scripts/deb.sh [BINARY [MAN_FOLDER [OUTPUT_FOLDER]]]
#
# Needs dpkg-deb alone. The same input gives the same bytes: all times are those of the last commit, or SOURCE_DATE_EPOCH.
# The path of the package is the only thing on stdout.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C
umask 022

binary=${1:-${CARGO_TARGET_DIR:-target}/release/rcompose}
man=${2:-target/man}
output=${3:-target/deb}
[ -x "$binary" ] || { echo "deb: no program at $binary: run \`make build\` first" >&2; exit 1; }
[ -f "$man/rcompose.1" ] || { echo "deb: no pages in $man: run \`make man\` first" >&2; exit 1; }

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
architecture=$(dpkg --print-architecture)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Cargo.toml)}
export SOURCE_DATE_EPOCH

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
put() { # MODE SOURCE DESTINATION
    install -D -m "$1" "$2" "$root/$3"
}

put 755 "$binary" usr/bin/rcompose
mkdir -p "$root/usr/libexec/docker/cli-plugins"
ln -s ../../../bin/rcompose "$root/usr/libexec/docker/cli-plugins/docker-rcompose"
put 644 completions/rcompose.bash usr/share/bash-completion/completions/rcompose
put 644 completions/_rcompose usr/share/zsh/vendor-completions/_rcompose
put 644 completions/rcompose.fish usr/share/fish/vendor_completions.d/rcompose.fish
for page in "$man"/*.1; do
    put 644 "$page" "usr/share/man/man1/${page##*/}"
done
documents=usr/share/doc/rcompose
put 644 README.md "$documents/README.md"
put 644 CHANGELOG.md "$documents/changelog"
for document in docs/*.md docs/*.json; do
    put 644 "$document" "$documents/$document"
done
gzip -9n "$root"/usr/share/man/man1/*.1 "$root/$documents/changelog"
{
    printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: rcompose\n\n'
    printf 'Files: *\nCopyright: %s\nLicense: MIT or Apache-2.0\n\n' "$(sed -n 's/^Copyright (c) //p' LICENSE-MIT)"
    # Lines of a field begin with a blank, and empty ones have a dot.
    printf 'License: MIT\n'
    sed -e 's/^$/./' -e 's/^/ /' LICENSE-MIT
    printf '\nLicense: Apache-2.0\n On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.\n'
} >"$root/$documents/copyright"
chmod 644 "$root/$documents/copyright"

# A static program needs nothing; another one needs the C library that it was linked with, or a newer one.
library=$(grep -ao 'GLIBC_2\.[0-9]*' "$binary" | sort -uV | tail -n 1 || :)
size=$(du -sk --apparent-size "$root" | cut -f 1)
mkdir "$root/DEBIAN"
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
cat >"$root/DEBIAN/control" <<EOF
Package: rcompose
Version: $version
Architecture: $architecture
Maintainer: The developers of rcompose <rcompose@localhost>
Installed-Size: $size
${library:+Depends: libc6 (>= ${library#GLIBC_})
}Suggests: docker.io | podman
Section: admin
Priority: optional
Description: runs Compose projects on Docker and Podman
 Reads the files of Compose projects, works out what has to happen, and does it
 through the engine's own interface: networks, volumes, images and containers
 as Docker Compose would have them, so that either can take over the other's
 project. Also a plugin of the Docker CLI, as "docker rcompose".
EOF
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

mkdir -p "$output"
package=$output/rcompose_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$package" >/dev/null
printf '%s\n' "$package"
