"""Measures rcompose beside Docker Compose, and beside the engine's own interface, on a real engine.

Used by compare.py. Every case runs all its sides in turn and gives the median of each: the machine may be busy, but it is
as busy for all. The raw side asks the engine for the same changes without anything around them, as many at once as it
takes well: what it needs is what the engine needs.
"""
import concurrent.futures
import http.client
import json
import os
import pathlib
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import table

IMAGE = "busybox"
SERVICE = f"image: {IMAGE}, init: true, command: sleep 3600, stop_grace_period: 1s"
LABEL = "com.docker.compose.project"


class Connection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path):
        super().__init__("engine")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Engine:
    """The engine that DOCKER_HOST names, asked without the help of what is measured."""

    def __init__(self):
        host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        if not host.startswith("unix://"):
            raise OSError(f"DOCKER_HOST is {host}: only unix:// can be measured")
        self.path = host.removeprefix("unix://")
        self.local = threading.local()
        self.cores = self.ask("GET", "/info")["NCPU"]

    def connection(self):
        if not hasattr(self.local, "connection"):
            self.local.connection = Connection(self.path)
        return self.local.connection

    def ask(self, method, path, body=None):
        connection = self.connection()
        text = json.dumps(body) if body is not None else None
        connection.request(method, path, text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        data = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {data.decode(errors='replace')}")
        return json.loads(data) if data.strip().startswith((b"{", b"[")) else None

    def of(self, kind, project):
        filters = urllib.parse.quote(json.dumps({"label": [f"{LABEL}={project}"]}))
        found = self.ask("GET", f"/{kind}?all=1&filters={filters}")
        return found["Volumes"] or [] if kind == "volumes" else found

    def clean(self, project):
        for it in self.of("containers/json", project):
            self.ask("DELETE", f"/containers/{it['Id']}?force=1&v=1")
        for it in self.of("networks", project):
            self.ask("DELETE", f"/networks/{it['Id']}")

    def has(self, image):
        try:
            return bool(self.ask("GET", f"/images/{image}/json"))
        except RuntimeError:
            return False


class Raw:
    """What the engine itself needs for a stack of equal services."""

    def __init__(self, engine, project, count):
        self.engine, self.project, self.count = engine, project, count
        self.labels = {LABEL: project}

    def up(self):
        ask = self.engine.ask
        network = f"{self.project}_default"
        body = {"Image": IMAGE, "Cmd": ["sleep", "3600"], "StopTimeout": 1, "Labels": self.labels,
                "HostConfig": {"Init": True, "NetworkMode": network},
                "NetworkingConfig": {"EndpointsConfig": {network: {}}}}

        def service(number):
            made = ask("POST", f"/containers/create?name={self.project}-{number}", body)["Id"]
            joined.result()
            ask("POST", f"/containers/{made}/start")

        with concurrent.futures.ThreadPoolExecutor(4 * self.engine.cores) as pool:
            joined = pool.submit(ask, "POST", "/networks/create", {"Name": network, "Labels": self.labels})
            for it in [pool.submit(service, number) for number in range(self.count)]:
                it.result()

    def down(self):
        ask = self.engine.ask
        containers = [it["Id"] for it in self.engine.of("containers/json", self.project)]
        networks = [it["Id"] for it in self.engine.of("networks", self.project)]

        def service(it):
            ask("POST", f"/containers/{it}/stop")
            ask("DELETE", f"/containers/{it}?force=1")

        with concurrent.futures.ThreadPoolExecutor(3 * self.engine.cores) as pool:
            for it in [pool.submit(service, it) for it in containers]:
                it.result()
        for it in networks:
            ask("DELETE", f"/networks/{it}")


class Peak:
    """The most memory of a process and its children.

    What the system tells of a process that has ended begins with the size of the process that started it, which is
    this one; so it is looked at while it runs.
    """

    def __init__(self):
        self.most = 0

    def watch(self, pid):
        threading.Thread(target=self.look, args=[pid], daemon=True).start()

    def look(self, pid):
        while True:
            try:
                threads = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
                children = [child for it in threads for child in it.read_text().split()]
                for it in [pid, *children]:
                    status = pathlib.Path(f"/proc/{it}/status").read_text()
                    if "VmHWM:" not in status:
                        return
                    self.most = max(self.most, int(status.split("VmHWM:")[1].split()[0]))
            except OSError:
                return
            time.sleep(0.004)


class Bench:
    def __init__(self, ours, peer, run, table, runs):
        self.engine, self.run, self.table, self.runs = Engine(), run, table, runs
        self.sides = {"ours": ours, "peer": peer}
        self.missed = []
        if not self.engine.has(IMAGE):
            raise OSError(f"the engine has no image {IMAGE}")

    def project(self, folder, name, services):
        """Writes a stack; its name is that of no other."""
        name = f"bench-{os.getpid()}-{name}"
        path = pathlib.Path(folder, f"{name}.yaml")
        path.write_text("services:\n" + "".join(f"  {key}: {{{value}}}\n" for key, value in services.items()))
        return name, lambda side, *args: self.sides[side] + ["-p", name, "-f", str(path), *args]

    def once(self, command):
        """Seconds and peak memory in kilobytes of a run, which must succeed."""
        peak = Peak()
        seconds, _, code = self.run(command, None, peak.watch)
        if code:
            sys.exit(f"{shlex.join(command)} ended with {code}")
        return seconds, peak.most

    def show(self, what, times, target, wanted=None, memory=None):
        """One row: medians, and how they compare. `wanted` takes the medians and tells whether the target is met."""
        middle = {side: statistics.median(found) for side, found in times.items() if found}
        cell = lambda side: table.spread(times[side]) if side in middle else ""
        ratio = f"{middle['peer'] / middle['ours']:.1f}" if "peer" in middle else ""
        share = f"{middle['ours'] / middle['raw']:.2f}" if "raw" in middle else ""
        met = "" if wanted is None else ("yes" if wanted(middle) else "NO")
        if met == "NO":
            self.missed.append(what)
        self.table.add(what, cell("ours"), cell("peer"), cell("raw"), ratio, share, target, met, memory or "")

    def stacks(self, folder, count, chain=False, runs=None):
        services = {f"s{n:02}": SERVICE + (f", depends_on: [s{n - 1:02}]" if chain and n else "") for n in range(count)}
        kind = "chain of" if chain else "independent"
        name, command = self.project(folder, f"{'chain' if chain else 'wide'}{count}", services)
        up, down, again, listed = ({side: [] for side in ("ours", "peer", "raw")} for _ in range(4))
        peak = {"ours": 0, "peer": 0}
        for turn in range(runs or self.runs):
            sides = ["ours", "peer"] + ([] if chain else ["raw"])
            for side in sides[turn % len(sides):] + sides[:turn % len(sides)]:
                if side == "raw":
                    raw = Raw(self.engine, f"{name}-raw", count)
                    for times, step in ((up, raw.up), (down, raw.down)):
                        start = time.perf_counter()
                        step()
                        times[side].append(time.perf_counter() - start)
                    continue
                seconds, memory = self.once(command(side, "up", "-d"))
                up[side].append(seconds)
                peak[side] = max(peak[side], memory)
                for _ in range(5):
                    again[side].append(self.once(command(side, "up", "-d"))[0])
                    listed[side].append(self.once(command(side, "ps"))[0])
                down[side].append(self.once(command(side, "down"))[0])
        memory = f"{peak['ours'] / 1024:.1f} of {peak['peer'] / 1024:.1f} MB"
        bound = lambda it: "raw" not in it or it["ours"] <= 1.1 * it["raw"]
        self.show(f"up, {kind} {count}", up, "0.9 of peer, 1.1 of raw",
                  lambda it: it["ours"] <= 0.9 * it["peer"] and bound(it), memory)
        share = 0.65 if count >= 50 else 0.9
        self.show(f"down, {kind} {count}", down, f"{share} of peer, 1.1 of raw",
                  lambda it: it["ours"] <= share * it["peer"] and bound(it))
        self.show(f"up again, {kind} {count}", again, "10 times", lambda it: 10 * it["ours"] <= it["peer"])
        if count >= 50:
            self.show(f"ps, {count} containers", listed, "20 times", lambda it: 20 * it["ours"] <= it["peer"])

    def execs(self, folder):
        name, command = self.project(folder, "exec", {"web": SERVICE})
        self.once(command("ours", "up", "-d"))
        times = {"ours": [], "peer": [], "raw": []}
        for _ in range(4 * self.runs):
            for side in ("ours", "peer"):
                times[side].append(self.once(command(side, "exec", "-T", "web", "true"))[0])
            start = time.perf_counter()
            wanted = {"AttachStdout": True, "AttachStderr": True, "Cmd": ["true"]}
            made = self.engine.ask("POST", f"/containers/{name}-web-1/exec", wanted)["Id"]
            self.engine.ask("POST", f"/exec/{made}/start", {"Detach": False, "Tty": False})
            self.engine.ask("GET", f"/exec/{made}/json")
            times["raw"].append(time.perf_counter() - start)
        over = lambda it, side: it[side] - it["raw"]
        self.show("exec true", times, "raw + 10 ms, a fifth of peer's",
                  lambda it: over(it, "ours") <= min(0.010, over(it, "peer") / 5))
        self.once(command("ours", "down"))

    def health(self, folder, interval, peer=True):
        """A chain of five, each of which waits for the health of the one before."""
        check = f'healthcheck: {{test: "true", interval: {interval}}}'
        services = {f"s{n}": f"{SERVICE}, {check}" + (
            f", depends_on: {{s{n - 1}: {{condition: service_healthy}}}}" if n else "") for n in range(5)}
        name, command = self.project(folder, f"health-{interval}", services)
        up, again = ({"ours": [], "peer": []} for _ in range(2))
        for side in ("ours", "peer") if peer else ("ours",):
            up[side].append(self.once(command(side, "up", "-d"))[0])
            for _ in range(self.runs if peer else 0):
                # The peer waits for the engine to call all of them healthy, which is not what is measured here.
                while any("starting" in it["Status"] for it in self.engine.of("containers/json", name)):
                    time.sleep(0.2)
                for one in ("ours", "peer"):
                    again[one].append(self.once(command(one, "up", "-d"))[0])
            self.once(command(side, "down"))
        self.show(f"up, chain of 5 healthy every {interval}", up, "10 times" if interval == "30s" else "",
                  (lambda it: 10 * it["ours"] <= it["peer"]) if interval == "30s" and peer else None)
        if peer:
            self.show("up again, chain of 5 healthy", again, "20 times", lambda it: 20 * it["ours"] <= it["peer"])

    def handover(self, folder):
        """From the success of a probe to the start of who waits for it, by the engine's own clock."""
        services = {"db": f'{SERVICE}, healthcheck: {{test: "true", interval: 30s}}',
                    "web": f"{SERVICE}, depends_on: {{db: {{condition: service_healthy}}}}"}
        name, command = self.project(folder, "handover", services)
        gaps, starts = [], []
        for _ in range(2 * self.runs):
            self.once(command("ours", "up", "-d"))
            filters = urllib.parse.quote(json.dumps({"label": [f"{LABEL}={name}"], "type": ["container"]}))
            now = time.time()
            answer = self.engine.connection()
            answer.request("GET", f"/events?since={now - 60:.6f}&until={now:.6f}&filters={filters}")
            lines = [json.loads(line) for line in answer.getresponse().read().splitlines()]
            done = [it["timeNano"] for it in lines if it["Action"] == "exec_die"]
            started = [it["timeNano"] for it in lines if it["Action"] == "start"
                       and it["Actor"]["Attributes"]["com.docker.compose.service"] == "web"]
            gaps.append((started[-1] - [it for it in done if it < started[-1]][-1]) / 1e9)
            self.engine.ask("POST", f"/containers/{name}-web-1/stop?t=0")
            begin = time.perf_counter()
            self.engine.ask("POST", f"/containers/{name}-web-1/start")
            starts.append(time.perf_counter() - begin)
            self.once(command("ours", "down"))
        self.show("healthy to dependent started", {"ours": gaps, "raw": starts}, "raw + 30 ms",
                  lambda it: it["ours"] <= it["raw"] + 0.030)

    def logs(self, folder, lines):
        """Output that three services have written at the same time."""
        text = "some text that makes the line about as long as lines of output usually are"
        write = f"command: sh -c 'seq 1 {lines // 3} | sed \"s/^/{text} /\"'"
        name, command = self.project(folder, "logs", {it: f"image: {IMAGE}, {write}" for it in "abc"})
        self.once(command("ours", "up", "-d"))
        while any(it["State"] == "running" for it in self.engine.of("containers/json", name)):
            time.sleep(0.2)
        path = "/containers/{}/logs?stdout=1&stderr=1&timestamps=1"

        def pour(it):
            with socket.socket(socket.AF_UNIX) as stream:
                stream.connect(self.engine.path)
                stream.sendall(f"GET {path.format(it['Id'])} HTTP/1.0\r\n\r\n".encode())
                while stream.recv(1 << 20):
                    pass

        times, peak = {"ours": [], "peer": [], "raw": []}, {"ours": 0, "peer": 0}
        for _ in range(max(self.runs // 2, 2)):
            for side in ("ours", "peer"):
                seconds, memory = self.once(command(side, "logs"))
                times[side].append(seconds)
                peak[side] = max(peak[side], memory)
            start = time.perf_counter()
            with concurrent.futures.ThreadPoolExecutor(3) as pool:
                list(pool.map(pour, self.engine.of("containers/json", name)))
            times["raw"].append(time.perf_counter() - start)
        memory = f"{peak['ours'] / 1024:.1f} of {peak['peer'] / 1024:.1f} MB"
        self.show(f"logs, {lines:,} lines", times, "1.25 of raw, 40 MB",
                  lambda it: it["ours"] <= 1.25 * it["raw"] and peak["ours"] < 40 * 1024, memory)
        self.once(command("ours", "down"))

    def all(self, quick):
        with tempfile.TemporaryDirectory() as folder:
            try:
                self.stacks(folder, 10)
                self.execs(folder)
                self.logs(folder, 300_000 if quick else 1_000_000)
                self.handover(folder)
                if quick:
                    self.health(folder, "30s", peer=False)
                else:
                    self.stacks(folder, 10, chain=True)
                    self.stacks(folder, 50, runs=max(self.runs // 2, 2))
                    self.health(folder, "30s")
            finally:
                mine = f"bench-{os.getpid()}-"
                left = {it["Labels"][LABEL] for kind in ("containers/json", "networks")
                        for it in self.engine.ask("GET", f"/{kind}?all=1")
                        if (it["Labels"] or {}).get(LABEL, "").startswith(mine)}
                for name in left:
                    self.engine.clean(name)


def engine_name():
    """The engine, with its version; nothing where there is none."""
    try:
        about = Engine().ask("GET", "/version")
    except OSError:
        return None
    components = about.get("Components") or [{"Name": "engine", "Version": about.get("Version", "?")}]
    name = components[0]["Name"]
    return f"{'Docker' if name == 'Engine' else name} {components[0]['Version']}"


def load():
    return " ".join(f"{it:.1f}" for it in os.getloadavg())
