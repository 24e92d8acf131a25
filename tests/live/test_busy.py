# SPDX-License-Identifier: MIT
"""Targets that never rest: dump after dump, none crashes or says what cannot be. --dumps 1000 is the full run."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
from collections.abc import Iterator

import catalogue
import pytest
import targets

LOUD = ["test_dict", "test_gc", "test_weakref", "test_generators", "test_threading", "test_descr", "test_deque"]


def assert_possible(dump: dict) -> None:
    """Nothing negative, and nothing larger than the process."""
    memory, heap, capture = dump["memory"], dump["heap"], dump["capture"]
    virtual = memory["virtual"]
    for name, value in memory.items():
        if name != "account":
            assert 0 <= value <= max(virtual, memory["rss_peak"]), f"memory.{name} is {value}"
    for row in [heap, *heap["types"]]:
        name = row.get("type", "all")
        for kind in ("gc_", ""):
            if f"{kind}objects" not in row:
                continue
            objects, size = row[f"{kind}objects"], row[f"{kind}bytes"]
            assert 0 <= size <= virtual, f"{name} has {size} bytes in a process of {virtual}"
            assert 0 <= objects * 16 <= virtual, f"{name} has {objects} objects in a process of {virtual} bytes"
            assert objects or not size, f"{name} has no objects of {size} bytes"
    assert heap["gc_objects"] == sum(row["gc_objects"] for row in heap["types"])
    assert heap["gc_bytes"] == sum(row["gc_bytes"] for row in heap["types"])

    assert 0 <= capture["coverage"] <= 1
    assert capture["torn_reads"] >= 0
    assert bool(dump["incomplete"]) != dump["complete"]
    assert len(dump["interpreters"]) >= 1
    for interpreter in dump["interpreters"]:
        gc = interpreter["gc"]
        assert gc["garbage"] >= 0 and gc.get("frozen", 0) >= 0
        for generation in gc["generations"]:
            assert generation["count"] >= 0 and generation["threshold"] >= 0
            assert generation["collections"] >= 0 and generation["collected"] >= 0
            assert 0 <= generation.get("objects", 0) * 32 <= virtual


def dump_again_and_again(heapspy, target: targets.Target, pid: int, times: int) -> None:
    """Exit statuses: 0, or 7 where something was missing, which is then said."""
    poor = 0
    before: list[int] = []
    for _ in range(times):
        done = heapspy.run("dump", pid, "--json", "--limit", 0)
        assert done.returncode in (0, 7), done.stderr
        dump = heapspy.parse(done.stdout)
        assert dump["complete"] == (done.returncode == 0)
        assert_possible(dump)
        poor += dump["capture"]["coverage"] < 0.9
        collections = [row["collections"] for row in dump["interpreters"][0]["gc"]["generations"]]
        assert all(earlier <= later for earlier, later in zip(before, collections)), (before, collections)
        before = collections
        assert target.alive(), target.error_text()
    # Arenas go while they are read; a sanitized program is slow, so more of them do.
    assert poor <= times // 2, f"{poor} of {times} dumps cover less than nine tenths"


@pytest.mark.ten
def test_busy(heapspy, workplace: targets.Workplace, pytestconfig: pytest.Config) -> None:
    with workplace.start("busy.py") as target:
        dump_again_and_again(heapspy, target, target.pid, pytestconfig.getoption("--dumps"))
        target.process.stdin.close()
        assert b"grow_and_shrink=" in target.read_line()
        assert target.process.wait(60) == 0, target.error_text()


@contextlib.contextmanager
def test_suite_of(interpreter: catalogue.Interpreter, directory: pathlib.Path) -> Iterator[targets.Target]:
    """CPython's own tests, over and over."""
    command = [*interpreter.argv, "-c", SUITE, *LOUD]
    target = targets.Target(command, directory, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    try:
        target.wait_until_ready()
        yield target
    finally:
        target.process.kill()
        target.end()


SUITE = """
import os, sys, unittest, warnings
warnings.simplefilter("ignore")
os.write(1, b"ready\\n")
while True:
    suite = unittest.defaultTestLoader.loadTestsFromNames(["test." + name for name in sys.argv[1:]])
    unittest.TextTestRunner(stream=open(os.devnull, "w")).run(suite)
"""

test_suite_of.__test__ = False


@pytest.mark.ten
def test_under_its_own_tests(
    heapspy, interpreter: catalogue.Interpreter, pytestconfig: pytest.Config, tmp_path: pathlib.Path
) -> None:
    probe = [*interpreter.argv, "-c", "import test.test_gc"]
    if subprocess.run(probe, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip(f"{interpreter.name} came without its tests")
    with test_suite_of(interpreter, tmp_path) as target:
        dump_again_and_again(heapspy, target, target.pid, pytestconfig.getoption("--dumps"))
