"""What every peer written in Python shares: the run it was asked for, the clocks, and the line it prints.

The cases of graphs are the same for each of them, so what they say and how long they may take is here too.
"""

import argparse
import json
import statistics
import time
from importlib.metadata import version
from pathlib import Path

# How long the steps of a case may take together, in seconds: a slow peer makes fewer than it was asked for.
PATIENCE = 2.0
# Steps made before the clock starts, which tell how many fit.
WARM_UP = 400


def asked(*own):
    """The command line: which case to run and how large, and what parsers of the peer's own add."""
    parser = argparse.ArgumentParser(parents=own)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--case", required=True)
    for name, default in [("updates", None), ("chats", None), ("slots", 1), ("sleep-ms", 0)]:
        parser.add_argument(f"--{name}", type=int, default=default, required=default is None)
    parser.add_argument("--dir", type=Path)
    return parser.parse_args()


def affordable(run, seconds):
    """How many steps each run of the case makes, if so many as WARM_UP took all of them together so many seconds.

    An even number, since two actions take turns.
    """
    most = run.updates // run.chats
    return max(2, min(most, int(PATIENCE * WARM_UP / seconds) // run.chats)) // 2 * 2


def message(number):
    """The 500 bytes that step `number` of a chat appends."""
    return (f"message {number}, of which there is a lot more to say; " * 12)[:500]


class Stopwatch:
    """A measurement under way: wall time, CPU time of all threads, and bytes handed to write calls."""

    def __init__(self):
        self.written = written()
        self.cpu = time.process_time()
        self.wall = time.perf_counter()

    def stop(self):
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        return wall, cpu, written() - self.written


def written():
    """Bytes this process has passed to write calls, from Linux' own count; zero where it does not count them."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.removeprefix("wchar: ")) for line in lines if line.startswith("wchar: "))


def report(run, taken, made, summed, **extra):
    """Prints the line: `made` steps were made, `summed` of them are counted in the end."""
    wall, cpu, wrote = taken
    line = {
        "peer": run.peer,
        "case": run.case,
        # What was asked for; the figures are those of the steps that were made.
        "updates": run.updates,
        "seconds": wall,
        "cpu_us_per_update": cpu * 1e6 / made,
        "updates_per_second": made / wall,
        "sum_ok": summed == made,
        "made": made,
    }
    if run.dir:
        line["written_bytes_per_update"] = wrote / made
    print(json.dumps(line | extra))


def paces(moments):
    """The steps a second at the start and at the end of a chat, of a moment for each step."""
    few = max(2, len(moments) // 10)
    first = (few - 1) / (moments[few - 1] - moments[0])
    last = (few - 1) / (moments[-1] - moments[-few])
    return {"first_per_second": first, "last_per_second": last, "last_over_first": last / first}


def file_mb(folder):
    """How large all files in a folder are, in MB."""
    return sum(file.stat().st_size for file in folder.iterdir()) / 1e6


async def load_ms(load):
    """How long a load takes, in milliseconds: the median of five, each by a client that has just connected.

    `load` gives the seconds that one took.
    """
    return statistics.median([await load() for _ in range(5)]) * 1e3


def versions(*packages):
    """The versions of what was measured."""
    return {package.replace("-", "_"): version(package) for package in packages}
