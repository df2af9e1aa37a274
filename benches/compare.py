#!/usr/bin/env python3
"""Measures rcompose beside Docker Compose: time and memory of `config` and `version`, and of stacks and
builds on an engine.

    benches/compare.py [--rcompose PATH] [--peer COMMAND] [--runs N] [--file COMPOSE_FILE] [--markdown]
                       [--only files|stacks|images|watch] [--quick] [--output FILE]

Stacks (stacks.py) are measured where DOCKER_HOST, or the default socket, has an engine with the image `busybox`: `up`,
`down`, `ps`, `exec` and `logs`, beside the peer and beside the engine's own interface; and so are builds (images.py)
and watches (watch.py).
--quick leaves out what takes minutes. All tables go to FILE, too (target/figures.md unless told otherwise), with the
day, the machine, the engine and the versions.

Both programs run in turn, in one process tree, on the same files: a project of 100 services, one of 1,000, one of
10,000 (rcompose alone, to see how its cost grows), and COMPOSE_FILE if given. Times are the median of all runs, with
the best and the worst; memory is the largest resident set, of at least the size of this script's own process. The peer
is `docker compose` unless told otherwise; a program that takes a path (docker-compose) is measured without what `docker`
adds. The sizes of both programs' files are compared, and hostile files follow, with limits: no run may take more than
2 s or 256 MB, or end by a signal.
"""
import argparse
import json
import os
import pathlib
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import images
import stacks
import table
import watch

ROOT = pathlib.Path(__file__).resolve().parent.parent


def service(n):
    """One of the services of a generated project; together they use most of what files use.

    The dependencies are a tree: where many ways lead from one service to another, the peer walks each of them, and never
    comes to an end.
    """
    return f"""
  service{n}:
    image: "registry/app{n}:${{TAG:-latest}}"
    command: ["serve", "--port", "{8000 + n % 1000}"]
    environment:
      NUMBER: "{n}"
      LEVEL: ${{LEVEL:-info}}
      URL: http://service{max(n - 1, 0)}:8080/path
    ports: ["{10000 + n}:8080", "127.0.0.1:{30000 + n}:9090/udp"]
    volumes: ["data{n % 10}:/data", "./config/{n}:/etc/app:ro"]
    networks: [net{n % 5}]
    labels: {{group: "g{n % 7}", number: {n}}}
    depends_on: [{f"service{n // 2}" if n else ""}]
    healthcheck: {{test: [CMD, wget, -q, "http://localhost:8080"], interval: 10s, retries: 5}}
    deploy: {{resources: {{limits: {{cpus: "0.5", memory: 256M}}}}}}
    restart: unless-stopped"""


def project(count):
    text = "services:" + "".join(service(n) for n in range(count))
    text += "\nnetworks:" + "".join(f"\n  net{n}: {{}}" for n in range(5))
    text += "\nvolumes:" + "".join(f"\n  data{n}: {{}}" for n in range(10))
    return text.encode() + b"\n"


HOSTILE = [
    "aliases of aliases", "10,000 levels of lists", "10,000 levels of blocks", "50 MB in one scalar",
    "50 MB of newlines", "10,000 extends", "an alias of itself", "20,000 nested variables", "100 million ports",
    "not UTF-8", "NUL", "random bytes",
]


def hostile():
    """Files that ask for too much, by their names."""
    laughs = "x-a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for n in range(1, 20):
        laughs += f"x-a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 10) + "]\n"
    extends = "".join(f"  s{n}: {{extends: s{n + 1}}}\n" for n in range(10_000))
    yield "aliases of aliases", laughs + "services: {a: {image: i}}\n"
    yield "10,000 levels of lists", "services: " + "[" * 10_000 + "]" * 10_000 + "\n"
    yield "10,000 levels of blocks", "".join(" " * n + "a:\n" for n in range(10_000))
    yield "50 MB in one scalar", "services: {a: {image: i, command: '" + "x" * 50_000_000 + "'}}\n"
    yield "50 MB of newlines", "\n" * 50_000_000
    yield "10,000 extends", "services:\n" + extends + "  s10000: {image: i}\n"
    yield "an alias of itself", "services: &a {b: *a}\n"
    yield "20,000 nested variables", "services: {a: {image: '" + "${A:-" * 20_000 + "}" * 20_000 + "'}}\n"
    yield "100 million ports", "services:\n  a:\n    image: i\n    ports:\n" + "".join(
        f"      - '127.0.{n // 250}.{n % 250}:1-65000:1-65000'\n" for n in range(20_000))
    yield "not UTF-8", b"services: {a: {image: \xff}}\n"
    yield "NUL", "services: {a: {image: \0}}\n"
    yield "random bytes", bytes((n * 7919 >> 3) & 255 for n in range(1_000_000))


def write(path, what):
    """Writes a generated file, in a process of its own.

    A child's largest resident set begins with that of its parent, so this process has to stay small.
    """
    subprocess.run([sys.executable, __file__, "--write", str(path), what], check=True)


def write_here(path, what):
    text = project(int(what)) if what.isdecimal() else dict(hostile())[what]
    pathlib.Path(path).write_bytes(text if isinstance(text, bytes) else text.encode())


def run(command, folder, watch=lambda pid: None):
    """Seconds, kilobytes, exit code (negative: a signal) of one run; `watch` is told its process."""
    start = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    watch(child.pid)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    return seconds, usage.ru_maxrss, child.returncode


def milliseconds(seconds):
    return f"{seconds * 1000:,.1f} ms"


def megabytes(kilobytes):
    return f"{kilobytes / 1024:,.1f} MB"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rcompose", default=str(ROOT / "target/release/rcompose"))
    parser.add_argument("--peer", default=os.environ.get("PEER", "docker compose"))
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--file", type=pathlib.Path)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--only", choices=["files", "stacks", "images", "watch"])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "target/figures.md")
    parser.add_argument("--write", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write_here(*options.write)
        return 0
    ours, peer = [options.rcompose], shlex.split(options.peer)
    failed = False
    if options.only in (None, "files"):
        failed |= measure_files(options, ours, peer)
    if options.only in (None, "stacks"):
        failed |= measure_on_engine(options, ours, peer, "stack", stacks.Bench)
    if options.only in (None, "images"):
        failed |= measure_on_engine(options, ours, peer, "build", images.Bench)
    if options.only in (None, "watch"):
        failed |= measure_on_engine(options, ours, peer, "watch", watch.Bench)
    table.write(options.output, stacks.engine_name(), ours, peer)
    print(f"written to {options.output}")
    return 1 if failed else 0


def measure_on_engine(options, ours, peer, what, kind):
    """Whether a target is missed."""
    rows = table.Table(options.markdown, f"{what}, ms: median (best–worst)", "rcompose", "Docker Compose", "engine alone",
                       "times as fast", "of engine", "target", "met",
                       {"build": "sent", "watch": "besides"}.get(what, "memory"))
    before = stacks.load()
    try:
        bench = kind(ours, peer, run, rows, 2 if options.quick else min(options.runs, 5))
    except OSError as error:
        print(f"{what}s are not measured: {error}\n")
        return False
    try:
        bench.all(options.quick)
    finally:
        rows.show()
    table.note(f"load of the machine: {before} before, {stacks.load()} after")
    return bool(bench.missed)


def program_size(command):
    """Bytes of the file that does the work: for `docker compose`, the plugin's."""
    program = shutil.which(command[0])
    if program is None:
        return None
    if command[1:] == ["compose"]:
        told = subprocess.run([program, "info", "--format", "{{json .ClientInfo}}"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            plugins = json.loads(told.stdout)["Plugins"]
            program = next(it["Path"] for it in plugins if it["Name"] == "compose")
        except (ValueError, KeyError, TypeError, StopIteration):
            return None
    return os.stat(program).st_size


def measure_files(options, ours, peer):
    """Whether hostile input was not refused as it should be."""
    rows = table.Table(options.markdown, "what, ms: median (best–worst)", "rcompose", "Docker Compose", "times as fast", "rcompose memory",
                       "Docker Compose memory", "share")

    def compare(what, folder, args, runs=options.runs, alone=False):
        results = {"ours": [], "peer": []}
        for _ in range(runs):
            for side, command in (("ours", ours), ("peer", peer)):
                if alone and side == "peer":
                    continue
                seconds, memory, code = run(command + args, folder)
                if code:
                    sys.exit(f"{shlex.join(command + args)} ended with {code} in {folder}")
                results[side].append((seconds, memory))
        cells, middle, most = {}, {}, {}
        for side, found in results.items():
            if found:
                cells[side] = table.spread([seconds for seconds, _ in found])
                middle[side] = statistics.median(seconds for seconds, _ in found)
                most[side] = max(memory for _, memory in found)
        if alone:
            rows.add(what, cells["ours"], "", "", megabytes(most["ours"]), "", "")
        else:
            rows.add(what, cells["ours"], cells["peer"], f"{middle['peer'] / middle['ours']:.1f}",
                     megabytes(most["ours"]), megabytes(most["peer"]), f"{most['ours'] / most['peer']:.2f}")

    with tempfile.TemporaryDirectory() as folder:
        compare("version", folder, ["version"])
        for count in (100, 1_000):
            path = pathlib.Path(folder, f"services{count}.yaml")
            write(path, str(count))
            compare(f"config, {count:,} services", folder, ["-f", str(path), "config"], runs=min(options.runs, 9))
        path = pathlib.Path(folder, "services10000.yaml")
        write(path, "10000")
        compare("config, 10,000 services", folder, ["-f", str(path), "config"], runs=3, alone=True)
        if options.file:
            compare(f"config, {options.file.name} ({options.file.stat().st_size:,} bytes)", options.file.parent,
                    ["-f", options.file.name, "config"])
        rows.show()
        table.note(f"memory below {megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)} cannot be seen")
        sizes = [program_size(command) for command in (ours, peer)]
        if None not in sizes:
            size = table.Table(options.markdown, "file", "rcompose", "Docker Compose", "share")
            size.add("program", *(f"{it / 1e6:.1f} MB" for it in sizes), f"{sizes[0] / sizes[1]:.2f}")
            size.show()

        worst = table.Table(options.markdown, "hostile input", "time", "memory", "exit code")
        failed = False
        for what in HOSTILE:
            write(pathlib.Path(folder, "compose.yaml"), what)
            seconds, memory, code = run(ours + ["config", "--quiet"], folder)
            failed |= seconds > 2 or memory > 256 * 1024 or code not in (0, 1)
            worst.add(what, milliseconds(seconds), megabytes(memory), str(code))
        worst.show()
        return failed


if __name__ == "__main__":
    sys.exit(main())
