# SPDX-License-Identifier: MIT
"""What a target that leaks made between two dumps is what diff says it did, to the object and the byte."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
import targets
from test_leaks import assert_clean, valgrind  # noqa: F401 (a fixture)

MADE = 1000


class Leaking:
    """programs/leaking.py at rest."""

    def __init__(self, target: targets.Target) -> None:
        self.target = target
        self.pid = target.pid
        self.held: dict[str, list[int]] = {}

    def make(self, number: int) -> dict[str, list[int]]:
        """More of its objects, or less: the change by type."""
        self.target.process.stdin.write(b"%d\n" % number)
        self.target.process.stdin.flush()
        before, self.held = self.held, json.loads(self.target.read_line())
        self.target.wait_until_ready()
        change = {}
        for name, (objects, size) in self.held.items():
            objects_before, size_before = before.get(name, (0, 0))
            change[name] = [objects - objects_before, size - size_before]
        return change


@contextlib.contextmanager
def leaking(workplace: targets.Workplace) -> Iterator[Leaking]:
    with workplace.start("leaking.py") as target:
        one = Leaking(target)
        one.make(100)
        yield one


def assert_change(diff: dict, made: dict[str, list[int]]) -> None:
    rows = {row["type"]: row for row in diff["heap"]["types"]}
    assert {name: [rows[name]["objects_change"], rows[name]["bytes_change"]] for name in made} == made
    for row in [diff["heap"], *rows.values()]:
        assert row["objects_change"] == row["objects_after"] - row["objects_before"]
        assert row["bytes_change"] == row["bytes_after"] - row["bytes_before"]
    for number in ("objects_change", "bytes_change", "objects_before", "bytes_after"):
        assert sum(row[number] for row in rows.values()) == diff["heap"][number]
    assert diff["complete"]


def take(heapspy, kind: str, leak: Leaking, path: pathlib.Path) -> object:
    """Something that diff can be given for how the target is now."""
    if kind == "process":
        return leak.pid
    command = ["dump", leak.pid, "--json"] if kind == "dump" else ["snapshot", leak.pid]
    done = heapspy.run(*command, "-o", path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize(
    "before, after",
    [("dump", "dump"), ("dump", "process"), ("snapshot", "process"), ("snapshot", "snapshot"), ("dump", "snapshot")],
)
def test_growth(heapspy, workplace: targets.Workplace, tmp_path: pathlib.Path, before: str, after: str) -> None:
    with leaking(workplace) as leak:
        first = take(heapspy, before, leak, tmp_path / "first")
        made = leak.make(MADE)
        second = take(heapspy, after, leak, tmp_path / "second")
        diff = heapspy.json("diff", first, second)
        assert_change(diff, made)
        assert (diff["before"]["source"], diff["after"]["source"]) == (before, after)
        assert diff["before"]["pid"] == diff["after"]["pid"] == leak.pid
        assert diff["before"]["python"] == diff["after"]["python"] == workplace.interpreter.version
        assert 0 < diff["elapsed"] < 120
        # The other way round all that grew shrinks, of files.
        if after != "process":
            less = {name: [-objects, -size] for name, (objects, size) in made.items()}
            assert_change(heapspy.json("diff", second, first), less)


def test_at_rest(heapspy, workplace: targets.Workplace, tmp_path: pathlib.Path) -> None:
    """Nothing changed, whatever it is read from."""
    with leaking(workplace) as leak:
        ways = [take(heapspy, kind, leak, tmp_path / kind) for kind in ("dump", "snapshot", "process")]
        for one in ways:
            for other in ways:
                heap = heapspy.json("diff", one, other, "--fail-on-growth", "0")["heap"]
                assert (heap["types_changed"], heap["bytes_change"], heap["objects_change"]) == (0, 0, 0)


def test_memory(heapspy, workplace: targets.Workplace, tmp_path: pathlib.Path) -> None:
    """The lines of memory and of the allocators are those of the two dumps."""
    with leaking(workplace) as leak:
        first = take(heapspy, "dump", leak, tmp_path / "first")
        leak.make(50 * MADE)
        second = take(heapspy, "dump", leak, tmp_path / "second")
    dumps = [json.loads(path.read_text()) for path in (first, second)]
    diff = heapspy.json("diff", first, second)
    for row in diff["memory"] + diff["allocator"]:
        assert row["change"] == row["after"] - row["before"]
    account = [{row["kind"]: row["rss"] for row in dump["memory"]["account"]} for dump in dumps]
    sizes = {row["kind"]: (row["before"], row["after"]) for row in diff["memory"]}
    assert sizes["rss"] == tuple(dump["memory"]["rss"] for dump in dumps)
    for kind in account[0]:
        assert sizes[kind] == (account[0][kind], account[1][kind])
    sizes = {row["kind"]: (row["before"], row["after"]) for row in diff["allocator"]}
    assert sizes["pymalloc-in-use"] == tuple(dump["allocator"]["bytes_in_use"] for dump in dumps)
    assert sizes["pymalloc-arenas"][1] > sizes["pymalloc-arenas"][0]


@contextlib.contextmanager
def waiting(heapspy, *arguments: object) -> Iterator[subprocess.Popen]:
    """heapspy diff --after, between its two looks."""
    command = [str(heapspy.path), "diff", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + targets.PATIENCE
        while not has_signalfd(process.pid):
            assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
        yield process
    finally:
        process.kill()
        process.communicate()


def has_signalfd(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return any("signalfd" in os.readlink(link.path) for link in os.scandir(f"/proc/{pid}/fd"))
    return False


@pytest.mark.parametrize("stop", [[], ["--stop"]], ids=["running", "stopped"])
def test_after(heapspy, workplace: targets.Workplace, stop: list[str]) -> None:
    """Ctrl-C ends the wait. What the target made meanwhile is what is found."""
    with leaking(workplace) as leak:
        for number in (MADE, -MADE // 2):
            with waiting(heapspy, leak.pid, "--after", "1h", "--json", *stop) as process:
                made = leak.make(number)
                process.send_signal(signal.SIGINT)
                output, errors = process.communicate(timeout=targets.PATIENCE)
            assert (process.returncode, errors) == (0, "")
            assert_change(heapspy.parse(output), made)
        assert leak.target.alive()


@pytest.mark.ten
def test_after_some_time(heapspy, workplace: targets.Workplace) -> None:
    with leaking(workplace) as leak:
        # It says that it is ready just before it is at rest.
        heapspy.json("diff", leak.pid, "--after", "200ms")
        diff = heapspy.json("diff", leak.pid, "--after", "200ms", "--fail-on-growth", "0")
        assert diff["heap"]["types_changed"] == 0 and 0.2 <= diff["elapsed"] < 60


@pytest.mark.only("pyenv-3.12", "sid-3.15")
def test_after_it_is_gone(heapspy, workplace: targets.Workplace) -> None:
    """It is not waited for in vain."""
    with leaking(workplace) as leak, waiting(heapspy, leak.pid, "--after", "1h") as process:
        leak.target.process.kill()
        output, errors = process.communicate(timeout=targets.PATIENCE)
        assert (process.returncode, output) == (3, "") and "why: " in errors


@pytest.mark.ten
def test_fail_on_growth(heapspy, workplace: targets.Workplace, tmp_path: pathlib.Path) -> None:
    with leaking(workplace) as leak:
        before = take(heapspy, "dump", leak, tmp_path / "before")
        made = leak.make(10 * MADE)
        size = json.loads(before.read_text())["heap"]["bytes"]
        grown = heapspy.json("diff", before, leak.pid)["heap"]["bytes_change"]
        assert grown >= sum(row[1] for row in made.values())
        percent = 100 * grown / size
        for most, status in [(f"{percent - 1:.2f}%", 1), (f"{percent + 1:.2f}%", 0), (grown - 1, 1), (grown, 0)]:
            done = heapspy.run("diff", before, leak.pid, "--fail-on-growth", most)
            assert done.returncode == status, (most, done.stderr)
            assert re.fullmatch(rf"heapspy: the heap grew by \S+ \(\S+%\), more than {most}\n" if status else "", done.stderr)
            assert "__main__.Slotted" in done.stdout


@pytest.mark.only("pyenv-3.8", "sid-3.15")
def test_no_leak(valgrind, workplace: targets.Workplace, tmp_path: pathlib.Path) -> None:  # noqa: F811
    with leaking(workplace) as leak:
        path, core, bad = (tmp_path / name for name in ("dump.json", "core", "bad.json"))
        assert_clean([*valgrind, "dump", str(leak.pid), "--json", "-o", str(path)])
        assert_clean([*valgrind, "snapshot", str(leak.pid), "-o", str(core)])
        bad.write_text(path.read_text()[:-100])
        leak.make(MADE)
        assert_clean([*valgrind, "diff", str(path), str(leak.pid)])
        assert_clean([*valgrind, "diff", str(path), str(path), "--json"])
        assert_clean([*valgrind, "diff", str(core), str(leak.pid), "--fail-on-growth", "0"], status=1)
        assert_clean([*valgrind, "diff", str(leak.pid), "--after", "10ms"])
        assert_clean([*valgrind, "diff", str(path), str(bad)], status=9)
