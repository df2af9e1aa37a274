#!/usr/bin/env bash
# Makes sure that a container engine answers and that the images of the examples and tests exist.
#
#   export DOCKER_HOST=$(scripts/engine.sh [--engine docker|podman | --apart] [--no-images | --images "NAME:TAG ..."])
#   scripts/engine.sh stop
#
# A running engine is used as it is. Without one, the distribution's Docker (or Podman, with --engine podman) is
# installed and started, which needs root or sudo. Images that cannot be pulled are replaced by local stand-ins made of
# the distribution's packages, so that everything works without a registry. "stop" ends only what this script started.
# With --apart a Podman of the script's own runs in a network of its own, where no other engine's firewall rules are; its
# published ports are reached from there: nsenter --net=/proc/$(cat /run/rcompose-engine/podman.pid)/ns/net COMMAND.
# The engine's address is the only thing on stdout. Engine and images are spoken to over plain HTTP on the engine's
# socket, which Docker and Podman have in common; no command line client is needed.
set -euo pipefail
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C
umask 022 # what is made here is for others to read: files inside images, logs

RUN=/run/rcompose-engine
CACHE=/var/cache/rcompose-images
DOCKER_SOCKET=/var/run/docker.sock
PODMAN_SOCKET=/run/podman/podman.sock
ENGINE=
APART=
IMAGES=(busybox:latest busybox:1.37 alpine:latest nginx:1.28-alpine postgres:17 redis:7)

say() { printf 'engine: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
root() {
    if ((EUID == 0)); then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else die "this needs root or sudo: $*"; fi
}
# Shows what a command says only if it fails.
quiet() { local out; out=$("$@" 2>&1) || { tail -n 20 <<<"$out" >&2; return 1; }; }

# ---- distribution packages

os() { # FIELD: a field of os-release
    # shellcheck disable=SC1091
    (. /etc/os-release 2>/dev/null && eval "printf '%s' \"\${$1:-}\"") || :
}
debian_like() { [[ " $(os ID) $(os ID_LIKE) " =~ \ (debian|ubuntu)\  ]]; }

# File descriptor 9 is this script's own lock; a service that a package starts must not hold it for ever.
apt_get() { root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" 9>&-; }

# apt-get waits for the lock of dpkg when told to, but never for the one of the package lists. A source that fails is
# no reason to stop: whether the packages are to be had is seen when they are installed.
apt_update() {
    local out i
    for ((i = 0; i < 60; i++)); do
        out=$(apt_get update 2>&1) && return
        [[ $out == *'Could not get lock'* ]] || break
        sleep 5
    done
    tail -n 5 <<<"$out" >&2
}

install_packages() {
    local package missing=()
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    # Package lists that are absent or out of date show as a failure, and only then an update is worth its time.
    apt_get install -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1 && return
    apt_update
    quiet apt_get install -y --no-install-recommends "${missing[@]}" || die "cannot install ${missing[*]}"
}

# ---- the engine

# The kind of engine that answers on a socket: docker or podman, which names itself in a header of its own.
kind() {
    local answer
    answer=$(curl -sf -m 5 -o /dev/null -D - --unix-socket "$1" http://localhost/_ping 2>/dev/null) || return 1
    if [[ ${answer,,} == *libpod-api-version:* ]]; then echo podman; else echo docker; fi
}

find_engine() { # sets SOCKET
    if [ -n "$APART" ]; then
        SOCKET=$RUN/podman.sock
        kind "$SOCKET" >/dev/null
        return
    fi
    local socket found runtime=${XDG_RUNTIME_DIR:-/run/user/$EUID} forbidden=
    local sockets=("$DOCKER_SOCKET" "$runtime/docker.sock" "$PODMAN_SOCKET" "$runtime/podman/podman.sock")
    case ${DOCKER_HOST:-} in
    '') ;;
    unix://*) sockets=("${DOCKER_HOST#unix://}" "${sockets[@]}") ;;
    *) die "DOCKER_HOST=$DOCKER_HOST: only unix:// addresses can be checked; unset it to use a local engine" ;;
    esac
    for socket in "${sockets[@]}"; do
        [ -S "$socket" ] || continue
        if found=$(kind "$socket"); then
            if [ -z "$ENGINE" ] || [ "$ENGINE" = "$found" ]; then SOCKET=$socket; return; fi
        elif [ ! -w "$socket" ]; then
            forbidden=$socket
        fi
    done
    # Installing a second engine would not help somebody who only lacks the permission to use the first.
    [ -z "$forbidden" ] || die "$forbidden may not be used by $(id -un); join its group ($(stat -c %G "$forbidden"))"
    return 1
}

# Runs a server in a session of its own, so that it outlives this script and its terminal.
launch() { # NAME COMMAND...
    # shellcheck disable=SC2016
    root sh -ec 'dir=$1 name=$2; shift 2; mkdir -p "$dir"; cd /
        setsid nohup "$@" >"$dir/$name.log" 2>&1 </dev/null 9>&- &
        echo $! >"$dir/$name.pid"' sh "$RUN" "$@"
}

# What Podman needs to be told on a machine without systemd.
podman_settings() {
    local version name limit limits=()
    # Its defaults ask systemd for control groups, and its journal for events.
    printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\n'
    # By default it raises limits, which not every root may do.
    for name in nofile:n nproc:u; do
        limit=$(ulimit -H"${name#*:}" | sed 's/unlimited/1048576/')
        # It lowers its own number of processes to what the kernel has numbers for.
        if [ "$name" = nproc:u ] && ((limit > $(</proc/sys/kernel/pid_max))); then limit=$(</proc/sys/kernel/pid_max); fi
        limits+=("\"${name%:*}=$limit:$limit\"")
    done
    printf '[containers]\ndefault_ulimits = [%s, %s]\n' "${limits[@]}"
    printf '[network]\nnetwork_backend = "netavark"\n'
    # Beside Docker, which drops what it does not know, rules of nftables are not enough. Older ones have no choice.
    version=$(podman --version | grep -o '[0-9]*' | head -n 1)
    if ((version >= 5)); then printf 'firewall_driver = "iptables"\n'; fi
}

start_engine() { # sets SOCKET
    local program=dockerd units=(docker.service) packages=(docker.io iptables ca-certificates) patience=60 deadline
    SOCKET=$DOCKER_SOCKET
    if [ "$ENGINE" = podman ]; then
        program=podman units=(podman.socket) SOCKET=$PODMAN_SOCKET
        # The firewall rules of published ports are netavark's; its version decides by which of the two tools.
        packages=(podman netavark aardvark-dns catatonit conmon runc iptables nftables ca-certificates)
    fi
    if ! command -v "$program" >/dev/null; then
        debian_like || die "no engine answers, and $(os PRETTY_NAME) is not a distribution whose packages this script" \
            "knows: install and start Docker or Podman, then run it again"
        install_packages "${packages[@]}"
    fi
    if [ -n "$APART" ]; then
        say "starting $program in a network of its own"
        SOCKET=$RUN/podman.sock
        command -v ip >/dev/null || install_packages iproute2
        mountpoint -q /sys/fs/cgroup || root mount -t cgroup2 cgroup2 /sys/fs/cgroup
        root mkdir -p "$RUN" /run/containers /run/libpod /run/netns
        podman_settings | root sh -c 'cat >"$1"' sh "$RUN/containers.conf"
        # What Podman knows of running containers and their networks is not for another one, either.
        # shellcheck disable=SC2016
        launch podman env CONTAINERS_CONF="$RUN/containers.conf" unshare --net --mount sh -ec '
            for folder in /run/containers /run/libpod /run/netns /dev/shm; do mount -t tmpfs -o mode=755 tmpfs "$folder"; done
            ip link set lo up
            exec podman system service --time=0 "$1"' sh "unix://$SOCKET"
    elif [ -d /run/systemd/system ]; then # systemd is PID 1
        say "starting ${units[*]}"
        root mkdir -p "$RUN"
        printf '%s\n' "${units[@]}" | root tee "$RUN/$program.units" >/dev/null
        root systemctl start "${units[@]}" 9>&- || patience=0
    else
        say "starting $program"
        mountpoint -q /sys/fs/cgroup || root mount -t cgroup2 cgroup2 /sys/fs/cgroup
        root mkdir -p "$RUN" "${SOCKET%/*}"
        if [ "$program" = dockerd ]; then
            launch dockerd dockerd -H "unix://$SOCKET"
        else
            podman_settings | root sh -c 'cat >"$1"' sh "$RUN/containers.conf"
            launch podman env CONTAINERS_CONF="$RUN/containers.conf" podman system service --time=0 "unix://$SOCKET"
        fi
    fi
    deadline=$((SECONDS + patience))
    while :; do
        # Whoever may start an engine with sudo may also use it, without another login for a new group.
        if ((EUID)) && [ -S "$SOCKET" ] && [ ! -w "$SOCKET" ]; then root chown "$EUID" "$SOCKET"; fi
        if kind "$SOCKET" >/dev/null; then return; fi
        ((SECONDS < deadline)) || break
        # An ended server is no reason to go on waiting, unless another one took its place.
        if [ -n "$APART" ] || [ ! -d /run/systemd/system ]; then
            # Who starts it may still be on its way to becoming it.
            if ((SECONDS > deadline - patience + 3)) && ! grep -qsx "$program" /proc/[0-9]*/comm; then break; fi
        fi
        sleep 0.2
    done
    if [ -z "$APART" ] && [ -d /run/systemd/system ]; then
        root journalctl -q --no-pager -n 20 -u "${program/dockerd/docker}" >&2 || :
    else
        tail -n 20 "$RUN/$program.log" >&2 || :
    fi
    die "$program does not answer on $SOCKET"
}

stop_engine() {
    local program pid units i
    for program in dockerd podman; do
        if [ -s "$RUN/$program.units" ]; then
            mapfile -t units <"$RUN/$program.units"
            # The socket and the service start each other, so both have to go.
            root systemctl stop "${units[0]%.*}.socket" "${units[0]%.*}.service" || :
        elif [ -s "$RUN/$program.pid" ]; then
            pid=$(cat "$RUN/$program.pid")
            # The name is checked because a number may have been given to another process since.
            if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$program" ]; then
                # shellcheck disable=SC2016
                root sh -c 'kill "$1"' sh "$pid"
                for ((i = 0; i < 150; i++)); do [ -d "/proc/$pid" ] || break; sleep 0.2; done
                if [ -d "/proc/$pid" ]; then die "$program ($pid) does not end"; fi
            fi
        else
            continue
        fi
        root rm -f "$RUN/$program".*
        say "stopped $program"
    done
}

# ---- images

api() { # METHOD PATH [CURL OPTION...]
    local method=$1 path=$2
    shift 2
    curl -sS --unix-socket "$SOCKET" -X "$method" "$@" "http://localhost$path"
}
have_image() { api GET "/images/$1/json" -f -m 30 -o /dev/null 2>/dev/null; }

# Pulls an image; status 1 means that a registry refused it, 2 that none could be reached. Progress messages keep a slow
# download alive, whereas an engine that waits for a registry says nothing and is given up.
pull() {
    local out
    out=$(api POST "/images/create?fromImage=${1%:*}&tag=${1##*:}" --speed-limit 1 --speed-time 15 -m 600 2>&1 |
        tail -c 2000) || :
    if have_image "$1"; then return 0; fi
    case $out in
    *'manifest unknown'* | *'not found'* | *'access denied'* | *'access to the resource is denied'*) return 1 ;;
    *) return 2 ;;
    esac
}

declare -A IMPORTED=()

# Makes an image of one layer. Its settings are given as a Dockerfile because an import takes fewer of them in older
# versions of Docker (no STOPSIGNAL), and even ignores the tag in older versions of Podman.
import() { # NAME:TAG TAR INSTRUCTION...
    local image=$1 tar=$2 out
    shift 2
    if [ -z "${IMPORTED[$tar]:-}" ]; then
        out=$(api POST '/images/create?fromSrc=-' -T "$tar" -H 'Content-Type: application/x-tar' -H 'Expect:' \
            -m 300 2>&1) || :
        [[ $out =~ sha256:[0-9a-f]{64} ]] || die "cannot import $tar: $out"
        IMPORTED[$tar]=${BASH_REMATCH[0]}
    fi
    printf '%s\n' "FROM ${IMPORTED[$tar]}" "$@" >"$TMP/Dockerfile"
    out=$(tar -C "$TMP" -cf - Dockerfile |
        api POST "/build?t=$image" --data-binary @- -H 'Content-Type: application/x-tar' -m 300 2>&1) || :
    have_image "$image" || die "cannot make $image: $out"
    say "$image: made a stand-in"
}

# Finds the root file system NAME, made by make_NAME unless this very version of the script has made it before, and sets
# ROOTFS to its path.
rootfs() {
    local key
    key=$(cksum <"$0")
    ROOTFS=$CACHE/$1-$(os VERSION_CODENAME)-${key%% *}.tar
    [ ! -s "$ROOTFS" ] || return 0
    [ -w "$CACHE" ] || { root mkdir -p "$CACHE"; root chown "$EUID" "$CACHE"; }
    root rm -rf --one-file-system "$CACHE/$1"-*
    "make_$1" "$ROOTFS.new"
    mv "$ROOTFS.new" "$ROOTFS"
}

make_busybox() { userland "$TMP/busybox" "$1"; }
make_alpine() {
    mkdir -p "$TMP/alpine/etc"
    printf '%s\n' 'NAME="Alpine Linux"' ID=alpine VERSION_ID=3.20.0 \
        'PRETTY_NAME="Alpine Linux (stand-in made of busybox)"' >"$TMP/alpine/etc/os-release"
    echo 3.20.0 >"$TMP/alpine/etc/alpine-release"
    userland "$TMP/alpine" "$1"
}

# The server on the userland of busybox, as the small variant of the image has it. Its libraries are this machine's, which
# come from the same distribution.
make_nginx() {
    local dir=$TMP/nginx path package
    mkdir -p "$TMP/nginx-packages" "$dir/etc/nginx/conf.d" "$dir/usr/sbin" "$dir/usr/share/nginx/html" \
        "$dir/var/lib/nginx" "$dir/var/log/nginx"
    cd "$TMP/nginx-packages"
    apt-get -qq download nginx nginx-common >/dev/null 2>&1 ||
        { apt_update; quiet apt-get -qq download nginx nginx-common; }
    # Releases differ in which package has the program.
    [[ $(dpkg-deb -c nginx_*.deb) == *usr/sbin/nginx* ]] ||
        { rm nginx_*.deb; quiet apt-get -qq download nginx-core; }
    for package in *.deb; do dpkg-deb -x "$package" unpacked; done
    cd "$OLDPWD"
    cp "$TMP/nginx-packages/unpacked/usr/sbin/nginx" "$dir/usr/sbin/"
    cp "$TMP/nginx-packages/unpacked/etc/nginx/"{mime.types,fastcgi_params} "$dir/etc/nginx/"
    [[ $(ldd "$dir/usr/sbin/nginx") != *'not found'* ]] || die "this machine lacks libraries of nginx"
    for path in $(ldd "$dir/usr/sbin/nginx" | grep -o '/[^ ]*'); do
        mkdir -p "$dir/${path%/*}"
        cp -L "$path" "$dir/$path"
    done
    ln -s /dev/stdout "$dir/var/log/nginx/access.log"
    ln -s /dev/stderr "$dir/var/log/nginx/error.log"
    printf '%s\n' 'user www-data;' 'worker_processes auto;' 'pid /run/nginx.pid;' \
        'error_log /var/log/nginx/error.log notice;' 'events { worker_connections 1024; }' \
        'http {' 'include mime.types;' 'default_type application/octet-stream;' \
        'access_log /var/log/nginx/access.log;' 'include conf.d/*.conf;' '}' >"$dir/etc/nginx/nginx.conf"
    printf '%s\n' 'server { listen 80; root /usr/share/nginx/html; }' >"$dir/etc/nginx/conf.d/default.conf"
    printf '<h1>Welcome to nginx!</h1>\n' >"$dir/usr/share/nginx/html/index.html"
    userland "$dir" "$1"
}

userland() { # DIRECTORY TAR: adds all that busybox has to offer to a directory and packs it
    local dir=$1 busybox path
    if [ ! -d "$TMP/package" ]; then
        # The package is only unpacked: nothing of it is wanted on this machine.
        cd "$TMP"
        apt-get -qq download busybox-static >/dev/null 2>&1 ||
            { apt_update; quiet apt-get -qq download busybox-static; }
        dpkg-deb -x busybox-static_*.deb package
        cd "$OLDPWD"
    fi
    for busybox in "$TMP"/package/{usr/bin,bin}/busybox; do [ ! -f "$busybox" ] || break; done
    mkdir -p "$dir"/{bin,dev,etc,home,lib,proc,root,run,sbin,sys,tmp,usr/{bin,sbin,local/bin},var/{log,tmp,www}}
    chmod 700 "$dir/root"
    chmod 1777 "$dir/tmp" "$dir/var/tmp"
    cp "$busybox" "$dir/bin/busybox"
    for path in $("$busybox" --list-full); do
        mkdir -p "$dir/${path%/*}"
        [ -e "$dir/$path" ] || ln -s /bin/busybox "$dir/$path" 2>/dev/null || :
    done
    printf '%s\n' root:x:0:0:root:/root:/bin/sh daemon:x:1:1:daemon:/usr/sbin:/bin/false \
        www-data:x:33:33:www-data:/var/www:/bin/false nobody:x:65534:65534:nobody:/home:/bin/false >"$dir/etc/passwd"
    printf '%s\n' root:x:0: daemon:x:1: tty:x:5: www-data:x:33: nobody:x:65534: >"$dir/etc/group"
    echo 'hosts: files dns' >"$dir/etc/nsswitch.conf"
    tar -C "$dir" --owner=0 --group=0 --numeric-owner -cf "$2" .
}

# PostgreSQL and Redis share one root file system: it takes half the time, and the engine stores its layer once.
make_servers() {
    local tar=$1 suite keyring sources work=$TMP/servers
    say "making a root file system with PostgreSQL and Redis"
    mkdir "$work"
    suite=$(os VERSION_CODENAME)
    keyring=/usr/share/keyrings/$(os ID)-archive-keyring.gpg
    # Only the distribution's own sources are wanted, out of all that this machine's apt knows.
    list_sources() {
        # shellcheck disable=SC2016
        apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
            awk -v signed="$([ ! -s "$keyring" ] || echo "[signed-by=$keyring] ")" '
                $1 ~ /^(Debian|Ubuntu)$/ && $3 !~ /-(backports|proposed)/ && $4 ~ /^(main|universe)$/ && !seen[$0]++ {
                    print "deb " signed $2 " " $3 " " $4 }'
    }
    sources=$(list_sources)
    if [ -z "$sources" ]; then apt_update; sources=$(list_sources); fi
    [ -n "$sources" ] || die "apt has no sources of $(os PRETTY_NAME)"
    # How the archive is reached (proxies and the like) is taken over from this machine.
    { apt-config dump | grep -E '^Acquire::(https?:|ftp:|Check-|Retries|ForceIPv)' || :
        printf '%s\n' 'Acquire::Languages "none";' 'APT::Install-Recommends "false";' \
            'APT::Sandbox::User "root";'; } >"$work/apt.conf"
    # PostgreSQL runs as well without its just-in-time compiler, which is larger than all the rest.
    printf '%s\n' force-unsafe-io path-exclude=/usr/share/{doc,man,info,locale}/'*' \
        path-exclude=/usr/lib/'*'/lib{LLVM,z3}'*' \
        path-exclude=/usr/lib/postgresql/'*'/lib/{bitcode/,llvmjit}'*' >"$work/dpkg.cfg"
    write_prepare >"$work/prepare"
    write_finish >"$work/finish"
    write_postgres_entrypoint >"$work/postgres-entrypoint.sh"
    write_redis_entrypoint >"$work/redis-entrypoint.sh"

    if command -v mmdebstrap >/dev/null || (install_packages mmdebstrap); then
        quiet root mmdebstrap --quiet --mode=root --variant=essential --format=tar --include=postgresql,redis-server \
            --aptopt="$work/apt.conf" --dpkgopt="$work/dpkg.cfg" --essential-hook="sh '$work/prepare' \"\$1\"" \
            --customize-hook="sh '$work/finish' \"\$1\"" --skip=cleanup/run "$suite" "$tar" "$sources" ||
            die "mmdebstrap failed"
    else
        install_packages debootstrap mount
        echo "$sources" >"$work/sources.list"
        # Whatever debootstrap leaves mounted goes away with a mount namespace, so that nothing outside can be removed
        # through it afterwards. It takes but one source, the release itself; the servers may come from all.
        # shellcheck disable=SC2016
        quiet root unshare -m env DEBIAN_FRONTEND=noninteractive sh -ec '
            debootstrap --variant=minbase "$4" "$2" "$5"
            cd "$2"
            cp "$1/sources.list" etc/apt/
            cp "$1/apt.conf" etc/apt/apt.conf.d/99mmdebstrap # the name that "finish" removes
            cp "$1/dpkg.cfg" etc/dpkg/dpkg.cfg.d/engine
            cp -L /etc/resolv.conf etc/
            printf "#!/bin/sh\nexit 101\n" >usr/sbin/policy-rc.d; chmod 755 usr/sbin/policy-rc.d
            sh "$1/prepare" .
            chroot . apt-get -q update; chroot . apt-get -q install -y postgresql redis-server; chroot . apt-get clean
            sh "$1/finish" .
            rm -f usr/sbin/policy-rc.d var/lib/apt/lists/*_*
            tar --one-file-system -cf "$3" .
        ' sh "$work" "$tar.dir" "$tar" "$suite" \
            "$(grep -m 1 " $suite main\$" <<<"$sources" | grep -o '[a-z+]*:/[^ ]*')" || die "debootstrap failed"
        root rm -rf --one-file-system "$tar.dir"
    fi
}

# Runs with the directory of a root file system before the servers are installed: the package would otherwise make (and
# might start) a database of its own.
write_prepare() {
    cat <<'END'
set -e
mkdir -p "$1/etc/postgresql-common"
echo 'create_main_cluster = false' >"$1/etc/postgresql-common/createcluster.conf"
END
}

# The same after they are installed.
write_finish() {
    cat <<'END'
set -e
here=$(dirname "$0")
cp "$here/postgres-entrypoint.sh" "$here/redis-entrypoint.sh" "$1/usr/local/bin/"
chmod 755 "$1"/usr/local/bin/*.sh
# The programs themselves come before the wrappers in /usr/bin, which look for clusters that are not there.
(cd "$1/usr/local/bin" && ln -s ../../lib/postgresql/*/bin/* .)
chroot "$1" install -d -o postgres -g postgres -m 1777 /var/lib/postgresql/data /run/postgresql
chroot "$1" install -d -o redis -g redis /data
mkdir "$1/docker-entrypoint-initdb.d"
rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/resolv.conf" "$1/etc/hostname"
END
}

write_redis_entrypoint() {
    cat <<'END'
#!/bin/sh
set -e
case ${1:-} in -* | *.conf) set -- redis-server "$@" ;; esac
if [ "$1" = redis-server ]; then
    if [ "$(id -u)" = 0 ]; then
        find /data ! -user redis -exec chown redis:redis {} +
        exec setpriv --reuid=redis --regid=redis --init-groups "$0" "$@"
    fi
    # Other containers could not connect otherwise unless a password is set.
    case " $* " in *' --protected-mode '*) ;; *) set -- "$@" --protected-mode no ;; esac
fi
exec "$@"
END
}

write_postgres_entrypoint() {
    cat <<'END'
#!/bin/bash
set -euo pipefail
case ${1:-} in '' | -*) set -- postgres "$@" ;; esac
[ "$1" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /run/postgresql
    find "$PGDATA" /run/postgresql ! -user postgres -exec chown postgres:postgres {} +
    chmod 700 "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/var/lib/postgresql "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    for name in POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB POSTGRES_INITDB_ARGS; do
        file=${name}_FILE
        if [ -n "${!file:-}" ]; then
            if [ -n "${!name:-}" ]; then echo "error: both $name and $file are set" >&2; exit 1; fi
            export "$name=$(<"${!file}")"
        fi
    done
    export POSTGRES_USER=${POSTGRES_USER:-postgres}
    export POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
        echo 'Error: Database is uninitialized and superuser password is not specified.' >&2
        echo '       Set POSTGRES_PASSWORD, or POSTGRES_HOST_AUTH_METHOD=trust.' >&2
        exit 1
    fi
    # The server of the initialisation has a socket of its own, lest a health check finds it and takes it for ready.
    PGHOST=$(mktemp -d)
    export PGHOST
    password=()
    if [ -n "${POSTGRES_PASSWORD:-}" ]; then
        printf '%s\n' "$POSTGRES_PASSWORD" >"$PGHOST/password"
        password=("--pwfile=$PGHOST/password")
    fi
    # shellcheck disable=SC2086
    initdb -D "$PGDATA" --auth=trust --username="$POSTGRES_USER" "${password[@]}" ${POSTGRES_INITDB_ARGS:-}
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
    echo "host all all all ${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
    options=("${@:2}" -c listen_addresses= -c "unix_socket_directories=$PGHOST")
    pg_ctl -D "$PGDATA" -w -s -o "${options[*]@Q}" start
    sql() { psql -X -q -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" "$@"; }
    if [ "$POSTGRES_DB" != postgres ]; then
        psql -X -q -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres -v db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
    fi
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
        *.sh) echo "$0: running $file"; if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
        *.sql) echo "$0: running $file"; sql -f "$file" ;;
        *.sql.gz) echo "$0: running $file"; gunzip -c "$file" | sql ;;
        esac
    done
    pg_ctl -D "$PGDATA" -m fast -w -s stop
    rm -rf "$PGHOST"
    unset PGHOST
    printf '\n%s\n\n' 'PostgreSQL init process complete; ready for start up.'
fi
exec "$@"
END
}

standin() {
    local path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    debian_like || die "$1 cannot be pulled, and stand-ins can be made on Debian and Ubuntu only"
    case $1 in
    busybox:*) rootfs busybox; import "$1" "$ROOTFS" "ENV PATH=$path" 'CMD ["sh"]' ;;
    alpine:*) rootfs alpine; import "$1" "$ROOTFS" "ENV PATH=$path" 'CMD ["/bin/sh"]' ;;
    nginx:*)
        rootfs nginx
        import "$1" "$ROOTFS" "ENV PATH=$path" 'EXPOSE 80/tcp' 'STOPSIGNAL SIGQUIT' \
            'CMD ["nginx", "-g", "daemon off;"]'
        ;;
    redis:*)
        rootfs servers
        import "$1" "$ROOTFS" "ENV PATH=$path" 'WORKDIR /data' 'VOLUME ["/data"]' 'EXPOSE 6379/tcp' \
            'ENTRYPOINT ["redis-entrypoint.sh"]' 'CMD ["redis-server"]'
        ;;
    postgres:*)
        rootfs servers
        import "$1" "$ROOTFS" "ENV PATH=$path LANG=C.UTF-8 PGDATA=/var/lib/postgresql/data" \
            'VOLUME ["/var/lib/postgresql/data"]' 'EXPOSE 5432/tcp' 'STOPSIGNAL SIGINT' \
            'ENTRYPOINT ["postgres-entrypoint.sh"]' 'CMD ["postgres"]'
        ;;
    *) die "$1 cannot be pulled, and there is no stand-in for it" ;;
    esac
}

make_images() {
    local image registry=yes status
    for image in "$@"; do
        if have_image "$image"; then continue; fi
        if [ "$registry" = yes ]; then
            say "$image: pulling"
            status=0
            pull "$image" || status=$?
            if [ "$status" = 0 ]; then continue; fi
            # One attempt tells enough: the others would only wait for the same registry.
            if [ "$status" = 2 ]; then registry=no; say "no registry can be reached"; fi
        fi
        standin "$image"
    done
}

# ---- the command line

images=("${IMAGES[@]}")
while (($#)); do
    case $1 in
    stop) stop_engine; exit ;;
    --engine)
        ENGINE=${2:-}
        [[ $ENGINE =~ ^(docker|podman)$ ]] || die "--engine is docker or podman"
        shift
        ;;
    --apart) APART=yes ENGINE=podman ;;
    --no-images) images=() ;;
    --images)
        read -ra images <<<"${2?--images takes a list}"
        for i in "${!images[@]}"; do [[ ${images[i]##*/} == *:* ]] || images[i]+=:latest; done
        shift
        ;;
    -h | --help) sed -n '2,/^set /{ /^set /d; s/^# \{0,1\}//; p; }' "$0"; exit ;;
    *) die "unknown argument $1 (see --help)" ;;
    esac
    shift
done

if ! command -v curl >/dev/null; then
    debian_like || die "curl is needed"
    install_packages curl
fi
# Two runs at once would install and build the same things; this file itself is what they can both lock.
exec 9<"$0"
flock 9
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
find_engine || start_engine
make_images "${images[@]}"
echo "unix://$SOCKET"
