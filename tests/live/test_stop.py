# SPDX-License-Identifier: MIT
"""dump --stop: one instant, exactly what the target says of itself, and no harm to it.

The parts of stopping, and the ways it can go wrong, are tested in unit/test_target_stop.c; how often it can be done in
test_cycles.py; what becomes of a target whose heapspy is killed in test_kills.py.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess

import pytest
import targets

PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
PTRACE_DETACH = 17


@pytest.fixture(scope="session")
def restless(workplace: targets.Workplace) -> str:
    """programs/restless.c as a library that targets can load."""
    library = workplace.directory / "restless.so"
    source = targets.PROGRAMS / "restless.c"
    subprocess.run(["cc", "-O", "-shared", "-fPIC", "-pthread", "-o", library, source], check=True)
    return workplace.as_target_sees(library)


def assert_of_one_instant(dump: dict, busy: int = 0) -> None:
    """What is seldom true of a heap that changes while it is read. A thread that is stopped between two
    instructions may leave one structure in the middle of a change: so many threads are `busy`."""
    assert dump["complete"], dump["incomplete"]
    assert dump["capture"]["torn_reads"] <= 2 * busy and dump["capture"]["coverage"] == 1.0
    generations = [row for interpreter in dump["interpreters"] for row in interpreter["gc"]["generations"]]
    # In the middle of a collection the lists are not whole: then their lengths are not known.
    if busy and not all("objects" in row for row in generations):
        return
    listed = sum(row["objects"] for row in generations)
    assert listed == dump["heap"]["gc_objects"]


def test_census_at_rest(heapspy, oracle: targets.Oracle) -> None:
    """Nothing moves in it: it need not be stopped."""
    dump = heapspy.json("dump", oracle.pid, "--limit", 0, "--stop")
    targets.assert_agrees(oracle, dump)
    assert (dump["capture"]["mode"], dump["capture"]["pause"]) == ("quiet", 0)


@pytest.mark.ten
def test_census(heapspy, workplace: targets.Workplace, restless: str) -> None:
    with workplace.oracle("--load", restless) as oracle:
        for _ in range(3):
            dump = heapspy.json("dump", oracle.pid, "--limit", 0, "--stop", "--max-pause", "5s")
            targets.assert_agrees(oracle, dump)
            assert_of_one_instant(dump)
            assert dump["capture"]["mode"] == "stopped"
            assert 0 < dump["capture"]["pause"] < 5
        before = oracle.report_path.read_bytes()
        oracle.measure_again()
        assert oracle.report_path.read_bytes() == before


@pytest.mark.ten
def test_subinterpreter(heapspy, workplace: targets.Workplace, restless: str) -> None:
    with workplace.oracle("--subinterpreter", "shared", "--load", restless) as oracle:
        dump = heapspy.json("dump", oracle.pid, "--limit", 0, "--stop", "--max-pause", "5s")
        targets.assert_agrees(oracle, dump)
        assert dump["capture"]["mode"] == "stopped"


@pytest.mark.ten
def test_busy(heapspy, workplace: targets.Workplace) -> None:
    """Where a running read finds much that does not fit together, this finds nothing."""
    with workplace.start("busy.py") as target:
        for _ in range(10):
            dump = heapspy.json("dump", target.pid, "--limit", 0, "--stop", "--max-pause", "5s")
            assert dump["capture"]["mode"] == "stopped"
            assert_of_one_instant(dump, busy=2)
        target.process.stdin.close()
        assert b"grow_and_shrink=" in target.read_line()
        assert target.process.wait(60) == 0, target.error_text()


@pytest.mark.ten
def test_large_buffers(heapspy, workplace: targets.Workplace) -> None:
    """What has no pointers in it is not copied, what has is."""
    with workplace.start("buffers.py", "256") as target:
        running = heapspy.json("dump", target.pid, "--limit", 0)
        stopped = heapspy.json("dump", target.pid, "--limit", 0, "--stop")
    assert stopped["capture"]["bytes_read"] < 96 << 20
    assert stopped["heap"] == running["heap"]
    assert_of_one_instant(stopped)
    sizes = {row["type"]: row["bytes"] for row in stopped["heap"]["types"]}
    assert sizes["bytearray"] > 256 << 20 and sizes["array.array"] > 256 << 20


@pytest.mark.only("pyenv-3.9", "debian-3.11", "sid-3.15")
def test_too_long(heapspy, workplace: targets.Workplace, restless: str) -> None:
    """It is refused before anything is stopped, with the command that works."""
    with workplace.oracle("--scale", "300000", "--load", restless) as oracle:
        done = heapspy.run("dump", oracle.pid, "--stop", "--max-pause", "1ms")
        assert done.returncode == 6 and not done.stdout
        assert "1 ms" in done.stderr
        offered = next(line for line in done.stderr.splitlines() if "--max-pause" in line)
        command = offered.split("heapspy ", 1)[1].split()
        assert heapspy.run(*command).returncode in (0, 6)
        command[command.index("--max-pause") + 1] = "10s"
        assert heapspy.run(*command).returncode == 0


@pytest.mark.only("debian-3.11")
def test_nothing_to_stop(heapspy, oracle: targets.Oracle) -> None:
    done = heapspy.run("dump", oracle.pid, "--max-pause", "1s")
    assert done.returncode == 2 and "--stop" in done.stderr


@contextlib.contextmanager
def traced(pid: int):
    """We trace it: then nobody else can."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    assert libc.ptrace(PTRACE_SEIZE, pid, None, None) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        libc.ptrace(PTRACE_INTERRUPT, pid, None, None)
        os.waitpid(pid, 0x40000000)  # __WALL
        libc.ptrace(PTRACE_DETACH, pid, None, None)


@pytest.mark.only("pyenv-3.9", "debian-3.11", "sid-3.15")
def test_traced_by_another(heapspy, workplace: targets.Workplace, restless: str) -> None:
    with workplace.oracle("--small", "--load", restless) as oracle:
        with traced(oracle.pid):
            done = heapspy.run("dump", oracle.pid, "--stop")
            assert done.returncode == 6 and not done.stdout
            assert f"process {os.getpid()} " in done.stderr
            targets.assert_agrees(oracle, heapspy.json("dump", oracle.pid, "--limit", 0))
        assert heapspy.run("dump", oracle.pid, "--stop", "--max-pause", "5s").returncode == 0
