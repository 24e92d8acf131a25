# SPDX-License-Identifier: MIT
"""Several processes at once, `top PID PID` and `top --subprocesses`: who is found, when, and what of each."""

from __future__ import annotations

import contextlib
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
import targets

# So many that they are among the largest types, which are those that are printed.
HELD = {"a": 11111, "b": 22222, "c": 33333, "d": 44444}


class Watch:
    """heapspy as lines, remembered by process."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.lines: queue.Queue[str] = queue.Queue()
        self.seen: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def until(self, *patterns: str) -> None:
        """Each of them was seen in some line, since the beginning."""
        missing = {pattern for pattern in patterns if not any(re.search(pattern, line) for line in self.seen)}
        deadline = time.monotonic() + targets.PATIENCE
        while missing:
            line = self.lines.get(timeout=targets.PATIENCE)
            assert time.monotonic() < deadline, f"no {missing} in the last of\n{''.join(self.seen[-40:])}"
            assert line, f"it ended without {missing}: {self.process.stderr.read()}"
            self.seen.append(line)
            missing = {pattern for pattern in missing if not re.search(pattern, line)}

    def has(self, pid: int) -> bool:
        return any(line.startswith(f"{pid} ") for line in self.seen)


@contextlib.contextmanager
def watching(heapspy, *arguments: object) -> Iterator[Watch]:
    words = [str(heapspy.path), "top", "--plain", "-i", "100ms", "--census", "200ms", *map(str, arguments)]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Watch(process)
        finally:
            process.kill()


def ask(target: targets.Target, *words: object) -> int:
    target.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
    target.process.stdin.flush()
    return int(target.read_line())


def holds(pid: int, count: int) -> str:
    return rf"^{pid} [\d:]+ type: __main__\.Marked, count {count:,},"


def test_workers_come_and_go(heapspy, workplace):
    """Those that are there, those that come, by fork and by a shell in between; and each has its own objects."""
    with workplace.start("workers.py") as target:
        a = ask(target, "fork", HELD["a"])
        with watching(heapspy, "-s", target.pid) as watch:
            watch.until(rf"^{target.pid} .* heap walk: ", holds(a, HELD["a"]))
            b = ask(target, "fork", HELD["b"])
            c = ask(target, "spawn", HELD["c"])
            watch.until(holds(b, HELD["b"]), holds(c, HELD["c"]))
            ask(target, "end", a)
            watch.until(rf"^{a} .* warning: the process is gone: ")
            d = ask(target, "fork", HELD["d"])
            watch.until(holds(d, HELD["d"]))
            assert len({line.split()[0] for line in watch.seen}) == 5
            target.process.stdin.close()
            assert watch.process.wait(targets.PATIENCE) == 3
            assert watch.process.stderr.read().startswith("heapspy: the processes are gone\n  why: all processes")


@pytest.mark.only("debian-3.11")
def test_orphans_are_kept(heapspy, workplace):
    """Whose parent went is watched on, and so is what it starts."""
    with workplace.start("workers.py") as target:
        c = ask(target, "spawn", HELD["c"])
        shell = int(open(f"/proc/{c}/stat").read().rsplit(")", 1)[1].split()[1])
        with watching(heapspy, "-s", target.pid) as watch:
            watch.until(holds(c, HELD["c"]))
            ask(target, "end", shell)
            # A few more looks at who is there, each of which could lose it.
            for _ in range(5):
                watch.seen.clear()
                watch.until(rf"^{target.pid} .* heap walk: ", rf"^{c} .* heap walk: ")


@pytest.mark.only("debian-3.11", "sid-3.15")
def test_named_ones(heapspy, workplace):
    """Only they; their children are not."""
    with workplace.start("workers.py") as target:
        a, b = ask(target, "fork", HELD["a"]), ask(target, "fork", HELD["b"])
        done = heapspy.run("top", "--plain", "-n", "1", a, b)
        assert (done.returncode, done.stderr) == (0, "")
        assert {line.split()[0] for line in done.stdout.splitlines()} == {str(a), str(b)}
        assert re.search(holds(a, HELD["a"]), done.stdout, re.M) and re.search(holds(b, HELD["b"]), done.stdout, re.M)
        done = heapspy.run("top", "--plain", "-n", "1", target.pid)
        assert not re.match(r"\d+ ", done.stdout)


@pytest.mark.only("debian-3.11")
def test_errors(heapspy, workplace):
    with workplace.start("workers.py") as target, targets.plain(["cat"]) as cat:
        gone = subprocess.Popen(["true"])
        gone.wait()
        done = heapspy.run("top", "--plain", "-n", "1", target.pid, gone.pid)
        assert (done.returncode, done.stdout) == (3, "")
        done = heapspy.run("top", "--plain", "-n", "1", target.pid, cat.pid)
        assert (done.returncode, done.stdout) == (5, "")
        done = heapspy.run("top", "--plain", "-n", "1", "-s", cat.pid)
        assert (done.returncode, done.stdout) == (5, "")
        done = heapspy.run("top", "--plain", target.pid, "x")
        assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.only("debian-3.11")
def test_command_and_what_it_starts(heapspy, workplace):
    """A shell is no Python; what it starts is."""
    script = f'"$@"; true'
    words = ["sh", "-c", script, "sh", *workplace.interpreter.argv, workplace.program("workers.py"), "worker", "12345"]
    with watching(heapspy, "-s", "--", *words) as watch:
        watch.until(r"^\d+ [\d:]+ type: __main__\.Marked, count 12,345,")
        pid = int(watch.seen[0].split()[0])
        watch.process.send_signal(signal.SIGTERM)
        assert watch.process.wait(targets.PATIENCE) == -signal.SIGTERM
        subprocess.run(["kill", str(pid)], check=False)
