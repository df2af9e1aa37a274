"""Measures builds beside Docker Compose, on a real engine with BuildKit.

Used by compare.py. Each side builds from a folder of its own, so that neither lives on what the engine has kept of the
other's; the two run in turn and the medians are shown. What goes to the engine is counted at its socket, in runs that are
not timed. The engine's build cache keeps what was built, within its own bounds; the images are removed.
"""
import os
import pathlib
import random
import socket
import tempfile
import threading

import stacks

FILES = 20_000
SIZE = 500_000_000


class Counter:
    """A socket before the engine's that counts what goes there."""

    def __init__(self, path, engine):
        self.engine, self.sent = engine, 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self.engine)
            threading.Thread(target=self.pour, args=[near, far, True], daemon=True).start()
            threading.Thread(target=self.pour, args=[far, near, False], daemon=True).start()

    def pour(self, source, sink, counts):
        try:
            while data := source.recv(1 << 18):
                if counts:
                    self.sent += len(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Bench(stacks.Bench):
    def counted(self, command):
        """How many bytes a run sends to the engine."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "engine.sock")
            counter = Counter(path, self.engine.path)
            before = os.environ.get("DOCKER_HOST")
            os.environ["DOCKER_HOST"] = f"unix://{path}"
            try:
                self.once(command)
            finally:
                os.environ.pop("DOCKER_HOST")
                if before is not None:
                    os.environ["DOCKER_HOST"] = before
                counter.listener.close()
            return counter.sent

    def build(self, folder, what, services):
        """A project for each side; gives its folders and commands."""
        sides = {}
        for side in self.sides:
            path = pathlib.Path(folder, what, side)
            path.mkdir(parents=True)
            name = f"bench-{os.getpid()}-{what}-{side}"
            text = "".join(f"  {key}: {{build: {{{value}}}}}\n" for key, value in services.items())
            path.joinpath("compose.yaml").write_text("services:\n" + text)
            command = self.sides[side] + ["-p", name, "-f", str(path / "compose.yaml"), "build"]
            sides[side] = (path, command)
        return sides

    def turns(self, sides, before=lambda path: None):
        times = {side: [] for side in sides}
        for turn in range(self.runs):
            order = list(sides) if turn % 2 else list(reversed(sides))
            for side in order:
                path, command = sides[side]
                before(path)
                times[side].append(self.once(command)[0])
        return times

    def large(self, folder):
        """A context of 500 MB, first as it was, then with a file that has changed."""
        sides = self.build(folder, "large", {"web": "context: ."})
        for path, command in sides.values():
            path.joinpath("Dockerfile").write_text(f"FROM {stacks.IMAGE}\nCOPY . /src\n")
            source = random.Random(str(path))
            for number in range(FILES):
                part = path / f"part{number // 200}"
                part.mkdir(exist_ok=True)
                part.joinpath(f"file{number}").write_bytes(source.randbytes(SIZE // FILES))
            self.once(command)

        def sent():
            found = {side: self.counted(command) for side, (_, command) in sides.items()}
            return f"{found['ours'] / 1e6:.2f} of {found['peer'] / 1e6:.2f} MB", found["ours"]

        unchanged = self.turns(sides)
        told, bytes_sent = sent()
        self.show("500 MB, 20,000 files, as before", unchanged, "2.5 times, 1 % of the bytes",
                  lambda it: 2.5 * it["ours"] <= it["peer"] and bytes_sent < SIZE / 100, told)

        def touch(path):
            path.joinpath("part0", "file0").write_bytes(random.randbytes(SIZE // FILES))

        changed = self.turns(sides, touch)
        for path, _ in sides.values():
            touch(path)
        told, _ = sent()
        self.show("same, one file has changed", changed, "not slower", lambda it: it["ours"] <= it["peer"], told)

    def tiny(self, folder):
        sides = self.build(folder, "tiny", {"web": "context: ."})
        for path, command in sides.values():
            path.joinpath("Dockerfile").write_text(f"FROM {stacks.IMAGE}\nCOPY Dockerfile /\n")
            self.once(command)
        self.show("one file, as before", self.turns(sides), "4 times", lambda it: 4 * it["ours"] <= it["peer"])

    def many(self, folder):
        """Ten images of ten contexts, each with two steps that are run anew every time."""
        sides = self.build(folder, "many", {f"s{n}": f"context: s{n}" for n in range(10)})

        def renew(path):
            for number in range(10):
                text = f"FROM {stacks.IMAGE}\nRUN echo {random.random()} > /a\nRUN echo b > /b\n"
                path.joinpath(f"s{number}").mkdir(exist_ok=True)
                path.joinpath(f"s{number}", "Dockerfile").write_text(text)

        self.show("10 images, two new steps each", self.turns(sides, renew), "not slower",
                  lambda it: it["ours"] <= it["peer"])

    def all(self, quick):
        with tempfile.TemporaryDirectory() as folder:
            try:
                self.tiny(folder)
                self.many(folder)
                if not quick:
                    self.large(folder)
            finally:
                mine = f"bench-{os.getpid()}-"
                for image in self.engine.ask("GET", "/images/json"):
                    for tag in image["RepoTags"] or []:
                        if tag.startswith(mine):
                            self.engine.ask("DELETE", f"/images/{tag}?force=1")
