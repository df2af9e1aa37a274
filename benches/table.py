"""Tables of figures: shown at once, and kept for the file that all of them go to, with what they were measured on."""
import datetime
import os
import pathlib
import platform
import subprocess

KEPT = []


def spread(times):
    """The median with the best and the worst, in milliseconds."""
    whole = sorted(times)
    middle = whole[len(whole) // 2] if len(whole) % 2 else (whole[len(whole) // 2 - 1] + whole[len(whole) // 2]) / 2
    return f"{middle * 1000:,.1f} ({whole[0] * 1000:,.1f}–{whole[-1] * 1000:,.1f})"


class Table:
    def __init__(self, markdown, *heads):
        self.markdown = markdown
        self.rows = [heads]

    def add(self, *row):
        self.rows.append(row)

    def text(self):
        head, *rows = self.rows
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        return "\n".join(["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *lines])

    def show(self):
        KEPT.append(self.text())
        if self.markdown:
            print(self.text())
        else:
            widths = [max(len(row[column]) for row in self.rows) for column in range(len(self.rows[0]))]
            for row in self.rows:
                print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        print(flush=True)


def note(text):
    """A line below a table."""
    KEPT.append(text)
    print(text + "\n", flush=True)


def first_line(command):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return (done.stdout.splitlines() or ["unknown"])[0]


def processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def memory():
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / (1 << 30):.0f} GB"
    except (ValueError, OSError):
        return "unknown memory"


def write(path, engine, ours, peer):
    """All that was shown, with the day, the machine, the engine and the programs."""
    head = [
        "# Figures",
        "",
        f"- day: {datetime.date.today().isoformat()}",
        f"- machine: {os.cpu_count()} processors ({processor()}), {memory()}, {platform.system()} {platform.release()}",
        f"- engine: {engine or 'none'}",
        f"- rcompose: {first_line([*ours, 'version'])}",
        f"- peer: {first_line([*peer, 'version'])}",
        "",
        "Times are medians in milliseconds, with the best and the worst; both programs run in turn.",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(head) + "\n\n" + "\n\n".join(KEPT) + "\n")
