"""Measures `watch` beside Docker Compose, on a real engine of this machine.

Used by compare.py. Each side watches a folder of its own and syncs it to a container of its own; files are saved on the
two in turn. When a file is there is seen in the container's files, as its processes see them, through /proc: only the
superuser may do that.
"""
import contextlib
import os
import pathlib
import random
import statistics
import subprocess
import tempfile
import threading
import time

import stacks

SAVES = 50
PATIENCE = 10.0
FOLDERS = (50, 50, 20)
RULE = "{action: sync, path: ./src, target: /app/src, ignore: [log/, .git], initial_sync: true}"


class Watcher:
    """A watch of one side that is under way."""

    def __init__(self, bench, folder, side, what, compose, *args):
        self.engine, self.side = bench.engine, side
        self.project = f"bench-{os.getpid()}-{what}-{side}"
        self.folder = pathlib.Path(folder, what, side)
        self.folder.joinpath("src").mkdir(parents=True, exist_ok=True)
        self.folder.joinpath("compose.yaml").write_text(compose)
        self.command = bench.sides[side] + ["-p", self.project]
        self.args = args
        self.log = self.folder / "log.txt"

    def up(self):
        with self.log.open("a") as log:
            subprocess.run([*self.command, "up", "-d", "--build"], cwd=self.folder, check=True, stdout=log, stderr=log)

    def __enter__(self):
        """Gives the seconds until it has begun."""
        begin = time.perf_counter()
        self.output = self.log.open("w")
        self.process = subprocess.Popen([*self.command, "watch", *self.args], cwd=self.folder, stdout=self.output,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        while "Watch enabled" not in self.log.read_text():
            if self.process.poll() is not None or time.perf_counter() - begin > 120:
                raise OSError(f"the watch of {self.side} does not begin: {self.log.read_text()}")
            time.sleep(0.001)
        self.began = time.perf_counter() - begin
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 2)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        self.output.close()

    def watching_process(self):
        """The process that watches: a program may have started another one for it."""
        found = self.process.pid
        while children := pathlib.Path(f"/proc/{found}/task/{found}/children").read_text().split():
            found = int(children[0])
        return found

    def root(self, service="web"):
        """The container's files."""
        for it in self.engine.of("containers/json", self.project):
            if it["Labels"]["com.docker.compose.service"] == service:
                process = self.engine.ask("GET", f"/containers/{it['Id']}/json")["State"]["Pid"]
                return pathlib.Path(f"/proc/{process}/root")
        raise OSError(f"no container of {self.project}")


def save(watcher, root, turn, patience=PATIENCE):
    """Saves a file, as one of two kinds of editors; seconds until it is in the container."""
    text = f"{turn} {random.random()}"
    file, inside = watcher.folder / "src" / "file", root / "app/src/file"
    begin = time.perf_counter()
    if turn % 2:
        file.write_text(text)
    else:
        beside = file.with_name(".file.tmp")
        beside.write_text(text)
        beside.rename(file)
    while time.perf_counter() - begin < patience:
        try:
            if inside.read_text() == text:
                break
        except OSError:
            pass
        time.sleep(0.0002)
    return time.perf_counter() - begin


def tree(folder):
    """Path, kind, permissions and content of all in a folder, but for a repository."""
    found = {}
    for path, folders, files in os.walk(folder):
        inner = os.path.relpath(path, folder)
        folders[:] = [name for name in folders if name != ".git"]
        for name in folders:
            found[os.path.join(inner, name)] = "folder"
        for name in files:
            file = os.path.join(path, name)
            with contextlib.suppress(FileNotFoundError):
                with open(file, "rb") as content:
                    found[os.path.join(inner, name)] = (os.stat(file).st_mode & 0o777, content.read())
    return found


class Bench(stacks.Bench):
    def watchers(self, folder, what, compose, *args):
        return {side: Watcher(self, folder, side, what, compose, *args) for side in ("ours", "peer")}

    def tell(self, what, times, target, wanted):
        """A row: medians, and the 99th of 100 of ours."""
        worst = {side: sorted(found)[int(0.99 * (len(found) - 1) + 0.5)] for side, found in times.items() if found}
        told = " of ".join(f"{worst[side] * 1000:,.1f}" for side in worst)
        self.show(what, times, target, lambda it: wanted(it, worst["ours"]), f"p99 {told} ms")

    def saves(self, watchers, count, peer_count, patience=PATIENCE):
        roots = {side: watcher.root() for side, watcher in watchers.items()}
        times = {side: [] for side in watchers}
        for turn in range(count):
            for side, watcher in watchers.items():
                if side == "ours" or turn < peer_count:
                    times[side].append(save(watcher, roots[side], turn, patience))
                    time.sleep(random.uniform(0.05, 0.15))
        return times

    def alone(self, folder):
        compose = f"services:\n  web: {{{stacks.SERVICE}, develop: {{watch: [{RULE}]}}}}\n"
        watchers = self.watchers(folder, "save", compose)
        with watchers["ours"], watchers["peer"]:
            times = self.saves(watchers, SAVES, SAVES)
            self.tell("a save until it is readable", times, "median 12, p99 50 ms, 40 times",
                      lambda it, worst: it["ours"] <= 0.012 and worst <= 0.05 and 40 * it["ours"] <= it["peer"])
            # The log is left out, but the peer's patience begins anew with each change.
            stop = threading.Event()

            def write():
                while not stop.wait(0.02):
                    for watcher in watchers.values():
                        log = watcher.folder / "src/log"
                        log.mkdir(exist_ok=True)
                        (log / "a.log").write_text(str(random.random()))

            writer = threading.Thread(target=write)
            writer.start()
            times = self.saves(watchers, SAVES, 2)
            stop.set()
            writer.join()
            self.tell("same, beside an ignored log", times, "p99 150 ms", lambda it, worst: worst <= 0.15)

    def rebuilding(self, folder):
        seconds = 60
        build = f"dockerfile_inline: \"FROM {stacks.IMAGE}\\nCOPY . /ctx\\nRUN sleep {seconds}\\nCMD sleep 3600\\n\""
        compose = (f"services:\n  web: {{{stacks.SERVICE}, develop: {{watch: [{RULE}]}}}}\n"
                   f"  slow: {{init: true, stop_grace_period: 1s, build: {{context: ctx, {build}}}, "
                   "develop: {watch: [{action: rebuild, path: ./ctx}]}}\n")
        watchers = self.watchers(folder, "rebuild", compose, "--no-up")
        for watcher in watchers.values():
            watcher.folder.joinpath("ctx").mkdir()
            watcher.folder.joinpath("ctx/f").write_text(f"{watcher.side} {random.random()}")
        starts = [threading.Thread(target=watcher.up) for watcher in watchers.values()]
        for start in starts:
            start.start()
        for start in starts:
            start.join()
        with watchers["ours"], watchers["peer"]:
            for watcher in watchers.values():
                watcher.folder.joinpath("ctx/f").write_text(f"{watcher.side} {random.random()}")
            time.sleep(3)
            times = self.saves({"ours": watchers["ours"]}, SAVES, 0)
            if "rebuilt" in watchers["ours"].log.read_text():
                raise OSError("the other service was rebuilt too soon")
            # The peer takes them over when it has rebuilt.
            peer = watchers["peer"]
            times["peer"] = [save(peer, peer.root(), 0, 2.0 * seconds)]
        self.tell("same, while another service rebuilds", times, "p99 150 ms", lambda it, worst: worst <= 0.15)

    def branches(self, folder):
        """Two branches of 10,000 files that have hardly one in common."""
        compose = f"services:\n  web: {{{stacks.SERVICE}, develop: {{watch: [{RULE}]}}}}\n"
        watchers = self.watchers(folder, "branch", compose)
        left, trees, git = {}, {}, ["git", "-c", "user.name=n", "-c", "user.email=e", "-c", "core.autocrlf=false"]
        for watcher in watchers.values():
            src = watcher.folder / "src"
            run = lambda *args, src=src: subprocess.run([*git, *args], cwd=src, check=True, stdout=subprocess.DEVNULL,
                                                        stderr=subprocess.DEVNULL)
            run("init", "-q")
            for branch, names in (("one", range(10_000)), ("two", range(2_000, 12_000))):
                run("checkout", "-q", "--orphan", branch)
                for number in names:
                    path = src / f"{'part' if number % 3 else branch}{number % 200}"
                    path.mkdir(exist_ok=True)
                    path.joinpath(f"file{number}").write_text(f"{branch if number % 2 else 'both'} {number}\n" * 20)
                run("add", "-A")
                run("commit", "-qm", branch)
                if branch == "one":
                    run("rm", "-rqf", ".")
            for branch in ("two", "one"):
                run("checkout", "-q", branch)
                trees[branch] = tree(src)
        changed = {branch: [path for path, it in trees[branch].items() if it != "folder" and trees[other].get(path) != it]
                   for branch, other in (("one", "two"), ("two", "one"))}
        times, whole = {"ours": [], "peer": []}, {"ours": [], "peer": []}
        for turn in range(2 * min(self.runs, 3)):
            branch = ("two", "one")[turn % 2]
            # A few files tell when it is worth a look at all.
            signs = random.Random(turn).sample(changed[branch], 200)
            for side, watcher in watchers.items():
                with watcher:
                    root = watcher.root() / "app/src"
                    there = lambda path: (root / path).read_bytes() == trees[branch][path][1]
                    begin = time.perf_counter()
                    subprocess.run([*git, "checkout", "-q", branch], cwd=watcher.folder / "src", check=True)
                    end = looked = time.perf_counter()
                    left[side] = 1
                    while left[side] and looked - end < 60:
                        time.sleep(0.01)
                        looked = time.perf_counter()
                        with contextlib.suppress(OSError):
                            if all(map(there, signs)):
                                found = tree(root)
                                left[side] = sum(found.get(path) != trees[branch].get(path)
                                                 for path in {*found, *trees[branch]})
                    times[side].append(looked - end)
                    whole[side].append(looked - begin)
        left = {side: count for side, count in left.items() if count}
        middle = " of ".join(f"{statistics.median(whole[side]):.1f}" for side in whole)
        told = f"{middle} s with the switch itself; " + (", ".join(f"{count} paths of {side} differ in the end" for side, count in left.items()) or "equal")
        self.show("switch of 10,000 files, from its end until the trees are equal", times, "a third of the peer's, equal",
                  lambda it: 3 * it["ours"] <= it["peer"] and "ours" not in left, told)

    def folders(self, folder):
        compose = (f"services:\n  web: {{{stacks.SERVICE}, develop: {{watch: "
                   "[{action: sync, path: ./src, target: /app/src}]}}\n")
        watchers = self.watchers(folder, "folders", compose, "--no-up")
        times = {"ours": [], "peer": []}
        told = {}
        for side, watcher in watchers.items():
            count = 0
            for a in range(FOLDERS[0]):
                for b in range(FOLDERS[1]):
                    for c in range(FOLDERS[2]):
                        path = watcher.folder / f"src/d{a}/e{b}/f{c}"
                        path.mkdir(parents=True)
                        if count % 10 == 0:
                            path.joinpath("file").write_text("x" * 100)
                        count += 1
            watcher.up()
        for _ in range(min(self.runs, 3)):
            for side, watcher in watchers.items():
                with watcher:
                    times[side].append(watcher.began)
                    time.sleep(5)
                    process = watcher.watching_process()
                    ticks = lambda: sum(map(int, pathlib.Path(f"/proc/{process}/stat").read_text().split()[13:15]))
                    before = ticks()
                    time.sleep(10)
                    busy = (ticks() - before) / os.sysconf("SC_CLK_TCK") / 10
                    status = pathlib.Path(f"/proc/{process}/status").read_text()
                    memory = int(status.split("VmRSS:")[1].split()[0]) / 1024
                    told[side] = (memory, busy)
        text = " of ".join(f"{memory:.0f} MB {busy:.1%}" for memory, busy in (told["ours"], told["peer"]))
        memory, busy = told["ours"]
        self.show("50,000 folders until the watch begins", times, "1 s, 60 MB, 0 % idle",
                  lambda it: it["ours"] <= 1 and memory <= 60 and busy < 0.001, text)

    def all(self, quick):
        with tempfile.TemporaryDirectory() as folder:
            try:
                self.alone(folder)
                self.branches(folder)
                if not quick:
                    self.rebuilding(folder)
                    self.folders(folder)
            finally:
                for what in ("save", "rebuild", "branch", "folders"):
                    for side in self.sides:
                        project = f"bench-{os.getpid()}-{what}-{side}"
                        self.engine.clean(project)
                mine = f"bench-{os.getpid()}-"
                for image in self.engine.ask("GET", "/images/json"):
                    for tag in image["RepoTags"] or []:
                        if tag.startswith(mine):
                            self.engine.ask("DELETE", f"/images/{tag}?force=1")
