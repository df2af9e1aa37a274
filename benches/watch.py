"""Measures `watch` beside Docker Compose, on a real engine of this machine.

Used by compare.py. Each side watches a folder of its own and syncs it to a container of its own; the two are given the
same changes in turn. What is in a container is seen as its processes see it, through /proc: that takes the superuser,
on the machine of the engine. Where a side has not done its work in time, the table says how long it was waited for.
"""
import contextlib
import json
import math
import os
import pathlib
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import stacks
import table

SAVES = 10  # for each of --runs
PAUSE = (0.05, 0.15)
FILES = 10_000
FOLDERS = (50, 50, 20)
BUILD = 60
PATIENCE = {"save": 10.0, "busy": 10.0, "build": 90.0, "branch": 120.0, "begin": 120.0}
PEER_SAVES = {"busy": 2, "build": 1}


class Watcher:
    """A watch of one side, and the container that it syncs to."""

    def __init__(self, bench, side, what, folder, services, *args):
        self.engine, self.side, self.folder, self.args = bench.engine, side, folder, args
        self.project = f"bench-{os.getpid()}-{what}-{side}"
        self.command = bench.sides[side] + ["-p", self.project]
        self.lines, self.ready = [], threading.Event()
        self.source = folder / "src"
        self.source.mkdir(parents=True, exist_ok=True)
        text = "".join(f"  {key}: {{{value}}}\n" for key, value in services.items())
        folder.joinpath("compose.yaml").write_text("services:\n" + text)
        self.file = folder / "compose.yaml"

    def up(self):
        done = subprocess.run([*self.command, "-f", self.file, "up", "-d", "--build"], cwd=self.folder, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise RuntimeError(f"`up` of {self.side} fails: {done.stdout}")
        found = [it["Id"] for it in self.engine.of("containers/json", self.project)
                 if it["Labels"]["com.docker.compose.service"] == "web"]
        process = self.engine.ask("GET", f"/containers/{found[0]}/json")["State"]["Pid"]
        self.inside = pathlib.Path(f"/proc/{process}/root/app/src")

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line)
            if "Watch enabled" in line:
                self.ready.set()

    def __enter__(self):
        """Begins; `began` tells the seconds until then, or nothing where patience has ended."""
        self.ready.clear()
        begin = time.perf_counter()
        self.process = subprocess.Popen([*self.command, "-f", self.file, "watch", "--no-up", *self.args],
                                        cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        try:
            while not self.ready.wait(0.2) and time.perf_counter() - begin < PATIENCE["begin"]:
                if self.process.poll() is not None:
                    self.reader.join(5)
                    raise RuntimeError(f"the watch of {self.side} has ended: {''.join(self.lines)}")
        except BaseException:
            self.__exit__()
            raise
        self.began = time.perf_counter() - begin if self.ready.is_set() else None
        return self

    def __exit__(self, *_):
        for number, patience in ((signal.SIGINT, 10), (signal.SIGTERM, 10), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
                break
        self.reader.join(10)

    def processes(self):
        """The watch: a program may have started another one for it."""
        found = [self.process.pid]
        for it in found:
            with contextlib.suppress(OSError):
                for children in pathlib.Path(f"/proc/{it}/task").glob("*/children"):
                    found += map(int, children.read_text().split())
        return found

    def memory(self):
        """Kilobytes that the largest of its processes has now, and the most it has had."""
        found = []
        for it in self.processes():
            with contextlib.suppress(OSError, IndexError):
                status = pathlib.Path(f"/proc/{it}/status").read_text()
                found.append(tuple(int(status.split(key)[1].split()[0]) for key in ("VmRSS:", "VmHWM:")))
        return max(found)

    def busy(self):
        """Seconds of a processor that it has used until now."""
        ticks = 0
        for it in self.processes():
            with contextlib.suppress(OSError):
                fields = pathlib.Path(f"/proc/{it}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def replace(file, text):
    """Saves as most editors do."""
    beside = file.with_name(f".{file.name}.new")
    beside.write_text(text)
    beside.rename(file)


def overwrite(file, text):
    file.write_text(text)


def save(watcher, write, patience):
    """Seconds from before a file is saved until it is in the container; nothing where patience has ended."""
    text = f"{time.time_ns()} {random.random()}\n"
    inside = watcher.inside / "file"
    begin = time.perf_counter()
    write(watcher.source / "file", text)
    while time.perf_counter() - begin < patience:
        with contextlib.suppress(OSError):
            if inside.read_text() == text:
                return time.perf_counter() - begin
        time.sleep(0.0002)
    return None


def tree(folder):
    """All that is in a folder: its kind, and what it is."""
    found = {}
    for path, folders, files in os.walk(folder):
        for name in folders + files:
            it = os.path.join(path, name)
            with contextlib.suppress(OSError):
                found[os.path.relpath(it, folder)] = thing(it)
    return found


def thing(path):
    if os.path.islink(path):
        return "link", os.readlink(path)
    if os.path.isdir(path):
        return ("folder",)
    with open(path, "rb") as file:
        return "file", os.fstat(file.fileno()).st_mode & 0o777, file.read()


def is_there(path, wanted):
    try:
        return thing(path) == wanted
    except OSError:
        return wanted is None


def differences(some, others):
    return [path for path in {**some, **others} if some.get(path) != others.get(path)]


def last_change(folder):
    """When the system has last changed anything in a folder."""
    return max(os.lstat(os.path.join(path, it)).st_ctime for path, folders, files in os.walk(folder)
               for it in ["", *folders, *files])


class Bench(stacks.Bench):
    def watchers(self, folder, what, services, *args):
        return {side: Watcher(self, side, what, pathlib.Path(folder, what, side), services, *args)
                for side in self.sides}

    def row(self, what, times, patience, target="", wanted=None, besides=None):
        """Medians, and how they compare. Where patience has ended is as long as that, and `wanted` knows it."""
        middle, cells, worst, reached = {}, {}, {}, {}
        for side, found in times.items():
            if not found:
                middle[side], cells[side] = math.nan, ""
                continue
            whole = sorted(patience if it is None else it for it in found)
            reached[side] = None not in found
            middle[side] = statistics.median(whole)
            worst[side] = whole[math.ceil(0.99 * len(whole)) - 1]
            over = middle[side] >= patience
            cells[side] = f">{patience:,.0f} s" if over else table.spread(whole)
        ratio = middle["peer"] / middle["ours"]
        sign = "" if reached.get("peer") else ">"
        told = besides or "p99 " + " of ".join(
            f"{worst[it] * 1000:,.1f}" if worst[it] < patience else f">{patience * 1000:,.0f}" for it in worst) + " ms"
        met = "" if wanted is None else "yes" if reached.get("ours") and wanted(middle, worst) else "NO"
        if met == "NO":
            self.missed.append(what)
        self.table.add(what, cells["ours"], cells["peer"], "", "" if math.isnan(ratio) else f"{sign}{ratio:.1f}", "",
                       target, met, told)

    def saves(self, counts, watchers, writes, patience):
        """Saves in turn, of one kind and the other."""
        times = {side: [] for side in watchers}
        for turn in range(max(counts.values())):
            for side, watcher in watchers.items():
                if turn < counts[side]:
                    times[side].append(save(watcher, writes[turn % len(writes)], patience))
                    time.sleep(random.uniform(*PAUSE))
        return times

    def one_then_other(self, watchers, peer_count, patience):
        """Saves of ours first: what the peer needs may be longer than what goes on besides."""
        ours, peer = ({side: watchers[side]} for side in ("ours", "peer"))
        both = [replace, overwrite]
        times = self.saves({"ours": SAVES * self.runs}, ours, both, PATIENCE["save"])
        return {**times, **self.saves({"peer": peer_count}, peer, both, patience)}

    def files(self, folder):
        rule = "{action: sync, path: ./src, target: /app/src, ignore: [log/]}"
        watchers = self.watchers(folder, "files", {"web": f"{stacks.SERVICE}, develop: {{watch: [{rule}]}}"})
        for watcher in watchers.values():
            watcher.up()
        with watchers["ours"], watchers["peer"]:
            counts = {side: SAVES * self.runs for side in watchers}
            self.saves({side: 2 for side in watchers}, watchers, [replace], PATIENCE["save"])
            for what, write in (("a file is replaced", replace), ("a file is overwritten", overwrite)):
                self.row(f"{what}, until it is readable", self.saves(counts, watchers, [write], PATIENCE["save"]),
                         PATIENCE["save"], "median 12, p99 50 ms, 40 times",
                         lambda it, p99: it["ours"] <= 0.012 and p99["ours"] <= 0.05 and 40 * it["ours"] <= it["peer"])
            with self.logging(watchers):
                times = self.one_then_other(watchers, PEER_SAVES["busy"], PATIENCE["busy"])
            self.row("same, beside an ignored log", times, PATIENCE["busy"], "p99 150 ms",
                     lambda it, p99: p99["ours"] <= 0.15)

    @contextlib.contextmanager
    def logging(self, watchers):
        """A log in each watched folder that is rewritten every 20 ms."""
        stop = threading.Event()
        logs = [watcher.source / "log" for watcher in watchers.values()]

        def write():
            while not stop.wait(0.02):
                for log in logs:
                    log.joinpath("a.log").write_text(f"{time.time_ns()}\n")

        for log in logs:
            log.mkdir()
        thread = threading.Thread(target=write)
        thread.start()
        try:
            time.sleep(1)
            yield
        finally:
            stop.set()
            thread.join()

    def rebuilding(self, folder):
        """A build of another service that sleeps for as long as its context says."""
        rule = "{action: sync, path: ./src, target: /app/src}"
        slow = ("init: true, command: sleep 3600, stop_grace_period: 1s, build: {context: ctx}, "
                "develop: {watch: [{action: rebuild, path: ./ctx}]}")
        watchers = self.watchers(folder, "build", {
            "web": f"{stacks.SERVICE}, develop: {{watch: [{rule}]}}", "slow": slow})
        for watcher in watchers.values():
            context = watcher.folder / "ctx"
            context.mkdir()
            context.joinpath("Dockerfile").write_text(
                f"FROM {stacks.IMAGE}\nCOPY time /\nRUN sleep $(cat /time); : {watcher.project}\n")
            context.joinpath("time").write_text("0\n")
            watcher.up()
        times, ended = {}, []
        for side, count in (("ours", SAVES * self.runs), ("peer", PEER_SAVES["build"])):
            watcher = watchers[side]
            with watcher:
                self.saves({side: 2}, {side: watcher}, [replace], PATIENCE["save"])
                watcher.folder.joinpath("ctx", "time").write_text(f"{BUILD}\n")
                begin = time.perf_counter()
                while not self.builds(watcher):
                    if time.perf_counter() - begin > 30:
                        raise RuntimeError(f"{side} does not rebuild: {''.join(watcher.lines)}")
                    time.sleep(0.05)
                times |= self.saves({side: count}, {side: watcher}, [replace, overwrite], PATIENCE["build"])
                if side == "ours" and not self.builds(watcher):
                    ended.append(side)
        if ended:
            raise RuntimeError("the build has ended before the saves: what was measured is something else")
        self.row(f"same, beside a build of {BUILD} s", times, PATIENCE["build"], "p99 150 ms",
                 lambda it, p99: p99["ours"] <= 0.15)

    def builds(self, watcher):
        """Whether the step that sleeps is under way: its shell runs on this machine."""
        wanted = f"; : {watcher.project}".encode()
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if wanted in path.read_bytes():
                    return True
        return False

    def repository(self, watcher):
        """Two branches that have no file in common, in the state of the first; gives what switches between them."""
        git = ["git", "-C", str(watcher.folder), "-c", "user.name=n", "-c", "user.email=e", "-c", "core.fileMode=true",
               "-c", "core.autocrlf=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false"]
        run = lambda *args: subprocess.run([*git, *args], check=True, stdin=subprocess.DEVNULL,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        run("init", "-q", "-b", "one")
        for branch in ("one", "two"):
            if branch == "two":
                run("checkout", "-q", "-b", "two")
                run("rm", "-rqf", "src")
            for number in range(FILES):
                group = number // 50
                # Of the folders, a quarter have other names; of the files in the others, every fifth is another one.
                part = f"moved{group}" if branch == "two" and group % 4 == 0 else f"part{group}"
                name = f"added{number}" if branch == "two" and number % 5 == 0 else f"file{number}"
                path = watcher.source / f"area{group % 10}" / part / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{branch} {number}\n" * 20)
                if number % 25 == (7 if branch == "two" else 8):
                    path.chmod(0o755)
            run("add", "src")
            run("commit", "-qm", branch)
        run("checkout", "-q", "one")
        return lambda branch: run("checkout", "-q", branch)

    def wait_equal(self, watcher, began):
        """Seconds from a time of the clock until both trees were equal; or nothing, and how many paths differ.

        The system knows when it was, however long it takes to see it. Where a side writes something again that is
        equal already, that counts.
        """
        wanted = tree(watcher.source)
        signs = random.sample(list(wanted), 50)
        while True:
            if all(is_there(watcher.inside / path, wanted.get(path)) for path in signs):
                wanted, found = tree(watcher.source), tree(watcher.inside)
                left = differences(wanted, found)
                if not left:
                    return max(last_change(watcher.inside) - began, 0), 0
                signs = random.sample(left, min(len(left), 50))
            if time.time() - began > PATIENCE["branch"]:
                return None, len(differences(tree(watcher.source), tree(watcher.inside)))
            time.sleep(0.05)

    def branches(self, folder):
        rule = "{action: sync, path: ./src, target: /app/src, initial_sync: true}"
        watchers = self.watchers(folder, "branch", {"web": f"{stacks.SERVICE}, develop: {{watch: [{rule}]}}"})
        checkout = {side: self.repository(watcher) for side, watcher in watchers.items()}
        for watcher in watchers.values():
            watcher.up()
        first, left = {}, {}
        times, alone, after = ({side: [] for side in watchers} for _ in range(3))
        with contextlib.ExitStack() as stack:
            for side, watcher in watchers.items():
                began = time.time()
                stack.enter_context(watcher)
                first[side], left[side] = self.wait_equal(watcher, began)
            for turn in range(2 * min(self.runs, 3)):
                for side, watcher in watchers.items():
                    if left[side]:
                        continue
                    time.sleep(2)
                    began = time.time()
                    checkout[side]("one" if turn % 2 else "two")
                    alone[side].append(time.time() - began)
                    seconds, left[side] = self.wait_equal(watcher, began)
                    times[side].append(seconds)
                    # Changes may have arrived while Git was still at work; nobody measures less than a millisecond here.
                    after[side].append(seconds and max(seconds - alone[side][-1], 0.001))
        told = ", ".join(f"{count:,} paths of {side} differ" for side, count in left.items() if count) or "equal"
        git = " of ".join(f"{statistics.median(it):.1f}" for it in alone.values() if it)
        self.row(f"first sync of {FILES:,} files, until equal", {side: [it] for side, it in first.items()},
                 PATIENCE["branch"], besides=told)
        # Git itself takes as long on both sides, and longer than ours has to do after it.
        self.row(f"switch of branches, {FILES:,} files, from its begin until equal", times, PATIENCE["branch"],
                 besides=f"{told}, of which git {git} s")
        self.row("same, from when git is done until equal", after, PATIENCE["branch"], "a third of the peer's",
                 lambda it, _: 3 * it["ours"] <= it["peer"], told)

    def folders(self, folder):
        rule = "{action: sync, path: ./src, target: /app/src}"
        shared = pathlib.Path(folder, "folders")
        services = {"web": f"{stacks.SERVICE}, develop: {{watch: [{rule}]}}"}
        watchers = {side: Watcher(self, side, "folders", shared, services) for side in self.sides}
        count = 0
        for a in range(FOLDERS[0]):
            for b in range(FOLDERS[1]):
                for c in range(FOLDERS[2]):
                    path = shared / "src" / f"a{a}" / f"b{b}" / f"c{c}"
                    path.mkdir(parents=True)
                    if count % 10 == 0:
                        path.joinpath("file").write_text(f"{count}\n")
                    count += 1
        for watcher in watchers.values():
            watcher.up()
        times = {side: [] for side in watchers}
        now, most, busy = {}, {}, {}
        for _ in range(min(self.runs, 3)):
            for side, watcher in watchers.items():
                with watcher:
                    times[side].append(watcher.began)
                    if watcher.began is None:
                        continue
                    time.sleep(5)
                    used = watcher.busy()
                    time.sleep(10)
                    busy[side] = max(busy.get(side, 0), (watcher.busy() - used) / 10)
                    now[side], most[side] = map(max, zip(watcher.memory(), (now.get(side, 0), most.get(side, 0))))
        memory = " of ".join(f"{now[it] / 1024:.1f} (peak {most[it] / 1024:.1f})" for it in now)
        idle = " of ".join(f"{busy[it]:.1%}" for it in busy)
        self.row(f"{count:,} folders, until it watches", times, PATIENCE["begin"], "1 s, 60 MB, idle 0 %",
                 lambda it, _: it["ours"] <= 1 and most["ours"] <= 60 * 1024 and busy["ours"] <= 0.001,
                 f"{memory} MB, idle {idle}")

    def all(self, quick):
        if os.geteuid():
            raise RuntimeError("what is in a container can only be seen by the superuser")
        # Who ends this process wants it to clean up, too.
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
        with tempfile.TemporaryDirectory() as folder:
            try:
                self.files(folder)
                self.branches(folder)
                if not quick:
                    self.folders(folder)
                    self.rebuilding(folder)
            finally:
                for what in ("files", "branch", "folders", "build"):
                    for side in self.sides:
                        self.remove(f"bench-{os.getpid()}-{what}-{side}")
                signal.signal(signal.SIGTERM, before)

    def remove(self, project):
        """Containers, networks and images, also those that have lost their names."""
        self.engine.clean(project)
        filters = urllib.parse.quote(json.dumps({"label": [f"{stacks.LABEL}={project}"]}))
        images = {it["Id"] for it in self.engine.ask("GET", f"/images/json?filters={filters}")}
        images |= {it["Id"] for it in self.engine.ask("GET", "/images/json")
                   if any(tag.startswith(f"{project}-") for tag in it["RepoTags"] or [])}
        for it in images:
            self.engine.ask("DELETE", f"/images/{it}?force=1")
