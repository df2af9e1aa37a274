"""Measures look-ups of names: asks `dns serve` for the names of ten services over and over, while their containers are
made anew, and tells how long an answer takes and how soon after the start of a container it is right. Beside that stands
how soon the engine itself tells of a start, before which nobody can know.

    python3 benches/names.py [PROGRAM] [LOOK-UPS]

It needs an engine on this machine whose networks this machine reaches, with `busybox`. It exits with 1 where the median of
look-ups is above a millisecond, or an answer is right later than 50 ms after the engine has told of a start.
"""
import datetime
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import stacks

SERVICES = [f"s{number}" for number in range(10)]
MEDIAN, LATEST = 1.0, 50.0


def question(number, name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return number.to_bytes(2, "big") + b"\x01\0\0\x01\0\0\0\0\0\0" + labels + b"\0\0\x01\0\x01"


def addresses(asked, answer):
    """The addresses of an answer, whose names are all pointers to that of the question."""
    at, found = len(asked), set()
    for _ in range(int.from_bytes(answer[6:8], "big")):
        found.add(socket.inet_ntoa(answer[at + 12:at + 16]))
        at += 16
    return found


def ask(server, name, number):
    asked = question(number & 0xFFFF, name)
    server.send(asked)
    while True:
        answer = server.recv(2048)
        if answer[:2] == asked[:2]:
            return addresses(asked, answer)


def moment(text):
    """Seconds since 1970 of an engine's time, which has nine digits after the point."""
    head, _, rest = text.rstrip("Z").partition(".")
    whole = datetime.datetime.fromisoformat(head).replace(tzinfo=datetime.timezone.utc).timestamp()
    return whole + float(f"0.{rest or 0}")


class Watcher(threading.Thread):
    """Asks for all names in turn, and remembers since when each leads where it does."""

    def __init__(self, port, names):
        super().__init__(daemon=True)
        self.names, self.since, self.ends = names, {}, threading.Event()
        self.server = connected(port)

    def run(self):
        number = 0
        while not self.ends.is_set():
            for name in self.names:
                number += 1
                found = ask(self.server, name, number)
                if self.since.get(name, (None, None))[1] != found:
                    self.since[name] = (time.time(), found)
            time.sleep(0.001)


class Listener(threading.Thread):
    """Takes note of when the engine says that it has told of each start."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.told = {}
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        filters = urllib.parse.quote(json.dumps({"event": ["start"]}))
        self.socket.sendall(f"GET /events?filters={filters} HTTP/1.0\r\nHost: engine\r\n\r\n".encode())

    def run(self):
        for line in self.socket.makefile():
            if line.startswith("{"):
                event = json.loads(line)
                self.told[event["Actor"]["ID"]] = event["timeNano"] / 1e9


def connected(port):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.connect(("127.0.0.1", port))
    server.settimeout(10)
    return server


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else "target/release/rcompose"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    program = os.path.abspath(program)
    project = f"bench-names-{os.getpid()}"
    names = [f"{service}.{project}.test" for service in SERVICES]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        service = "{image: busybox, init: true, command: sleep 600, stop_grace_period: 0s}"
        text = "".join(f"  {name}: {service}\n" for name in SERVICES)
        folder.joinpath("compose.yaml").write_text(f"name: {project}\nservices:\n{text}")

        def run(*args):
            done = subprocess.run([program, *args], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
            if done.returncode:
                raise SystemExit(f"`{' '.join(args)}` fails: {done.stdout}")
            return done.stdout

        run("up", "-d")
        serving = subprocess.Popen([program, "--progress", "json", "-p", project, "dns", "serve", "--listen", "0"],
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            port = 0
            while not port:
                line = serving.stderr.readline()
                if not line:
                    raise SystemExit("`dns serve` has ended")
                found = re.search(r"answered at 127\.0\.0\.1:(\d+)", json.loads(line).get("text", ""))
                port = int(found[1]) if found else 0
            threading.Thread(target=serving.stderr.read, daemon=True).start()
            fine = report(run, port, names, count)
        finally:
            serving.send_signal(signal.SIGINT)
            serving.wait(10)
            run("down", "-t", "0")
    sys.exit(0 if fine else 1)


def report(run, port, names, count):
    engine, server, times = stacks.Engine(), connected(port), []
    for number in range(count):
        begin = time.perf_counter()
        ask(server, names[number % len(names)], number)
        times.append((time.perf_counter() - begin) * 1000)
    times.sort()
    median, high = statistics.median(times), times[len(times) * 99 // 100]
    print(f"look-ups: {count}, median {median:.3f} ms, 99 % {high:.3f} ms")
    listener = Listener(engine.path)
    listener.start()
    delays = []
    for what, args in (("one after the other", None), ("all at once", ("up", "-d", "--force-recreate"))):
        watcher = Watcher(port, names)
        watcher.start()
        for service in SERVICES if args is None else [None]:
            run(*(args or ("up", "-d", "--force-recreate", "--no-deps", service)))
        time.sleep(1)
        watcher.ends.set()
        watcher.join(10)
        some, known = [], []
        for service, name in zip(SERVICES, names):
            container = run("ps", "-q", service).strip()
            since, found = watcher.since[name]
            state = engine.ask("GET", f"/containers/{container}/json")
            place = {it["IPAddress"] for it in state["NetworkSettings"]["Networks"].values()}
            if found != place:
                print(f"{name} leads to {found}, but is at {place}")
                return False
            started = moment(state["State"]["StartedAt"])
            some.append(max(0.0, (since - started) * 1000))
            known.append((listener.told[state["Id"]] - started) * 1000)
        print(f"right after the start, made anew {what}: median {statistics.median(some):.0f} ms, "
              f"latest {max(some):.0f} ms (told by the engine: {statistics.median(known):.0f} ms, {max(known):.0f} ms)")
        delays += [max(0.0, delay - told) for delay, told in zip(some, known)]
    return median <= MEDIAN and max(delays) <= LATEST


if __name__ == "__main__":
    main()
