# SPDX-License-Identifier: MIT
"""Commands that heapspy starts itself, `top -- COMMAND`: when they are looked at, how they end, where they write."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import targets

# Says who it is, holds what can be counted, and then what it is told.
PROGRAM = """
import os, signal, sys
class Marked: pass
held = [Marked() for _ in range(1234)]
print("pid", os.getpid(), flush=True)
{then}
"""
FOREVER = "import time\nwhile True: time.sleep(3600)"
STUBBORN = """
signal.signal(signal.SIGTERM, lambda *_: print("heard", flush=True))
""" + FOREVER


def command(workplace: targets.Workplace, then: str) -> list[str]:
    return [*workplace.interpreter.argv, "-c", PROGRAM.format(then=then)]


def here(then: str) -> list[str]:
    return [sys.executable, "-c", PROGRAM.format(then=then)]


@contextlib.contextmanager
def watching(heapspy, *arguments: object) -> Iterator[subprocess.Popen]:
    """heapspy under way; the command writes to its standard error."""
    words = [str(heapspy.path), "top", "--plain", "-i", "100ms", *map(str, arguments)]
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def pid_of(process: subprocess.Popen) -> int:
    word, number = process.stderr.readline().split()
    assert word == "pid"
    return int(number)


def times_waited(process: subprocess.Popen) -> int:
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M)[1])


def is_there(pid: int) -> bool:
    return pathlib.Path(f"/proc/{pid}").exists()


def command_lines() -> Iterator[str]:
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield path.read_text(errors="replace")


def until(process: subprocess.Popen, pattern: str) -> None:
    for line in process.stdout:
        if re.search(pattern, line):
            return
    pytest.fail(f"it ended before {pattern!r}: {process.stderr.read()}")


def test_is_watched_and_ended(heapspy, workplace):
    """The whole heap is seen, the output is not mixed with ours, and the command ends with us."""
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    done = heapspy.run("top", "--plain", "-n", "1", "--", *command(workplace, FOREVER), mark)
    assert done.returncode == 0
    # It may have been ended before it came to say who it is.
    assert re.fullmatch(r"(p(id?)?( \d*\n?)?)?", done.stderr)
    assert not any(mark in line for line in command_lines())
    assert " reading: rss " in done.stdout and " heap walk: objects " in done.stdout
    assert not any(line.startswith("pid") for line in done.stdout.splitlines())


def test_is_a_python_that_has_started(heapspy, workplace):
    """What it holds is counted: it is not looked at too early for ever."""
    with watching(heapspy, "--census", "100ms", "--", *command(workplace, FOREVER)) as process:
        pid_of(process)
        until(process, r"type: __main__\.Marked, count 1,234,")


@pytest.mark.parametrize("then, status", [("input()", 0), ("input(); sys.exit(7)", 7), ("input(); os.kill(os.getpid(), 9)", 137)])
def test_its_exit_status_is_ours(heapspy, then, status):
    words = [str(heapspy.path), "top", "--plain", "--", *here(then)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        pid_of(process)
        until(process, " reading: ")
        process.stdin.write("\n")
        process.stdin.flush()
        until(process, "the process is gone")
        assert process.wait(targets.PATIENCE) == status
        assert process.stderr.read() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_ends_with_us(heapspy, number):
    """Whether we alone are told to end, or the whole group by Ctrl-C."""
    with watching(heapspy, "--", *here(FOREVER)) as process:
        pid = pid_of(process)
        until(process, " reading: ")
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        assert process.wait(targets.PATIENCE) == -number
        assert not is_there(pid)


def test_who_asks_twice_wants_it_at_once(heapspy):
    """A command that does not hear SIGTERM is killed, after a while or when we are told again."""
    with watching(heapspy, "--", *here(STUBBORN)) as process:
        pid = pid_of(process)
        until(process, " reading: ")
        process.terminate()
        assert process.stderr.readline() == "heard\n"
        process.terminate()
        assert process.wait(targets.PATIENCE) == -signal.SIGTERM
        assert not is_there(pid)


def test_interrupted_before_it_is_a_python(heapspy):
    with watching(heapspy, "--", "sh", "-c", "echo pid $$ >&2; exec sleep 3600") as process:
        pid = pid_of(process)
        process.terminate()
        assert process.wait(targets.PATIENCE) == -signal.SIGTERM
        assert not is_there(pid)


def test_becomes_a_python_later(heapspy, tmp_path):
    """A shell in between is waited for: it is one until heapspy has looked at it more than once."""
    script = 'while [ ! -e "$0" ]; do sleep 0.01; done; exec "$@"'
    gate = tmp_path / "gate"
    with watching(heapspy, "--", "sh", "-c", script, gate, *here(FOREVER)) as process:
        waited = times_waited(process)
        while times_waited(process) < waited + 5:
            assert process.poll() is None
        gate.touch()
        pid_of(process)
        until(process, " heap walk: ")


def test_ends_too_early(heapspy):
    done = heapspy.run("top", "--plain", "--", "sh", "-c", "exit 5")
    assert (done.returncode, done.stdout) == (3, "")
    assert re.fullmatch(
        r"heapspy: the command ended before it could be watched\n"
        r"  why: sh ended with exit status 5 after \d+\.\d\d s\n",
        done.stderr,
    )


def test_is_never_a_python(heapspy):
    done = heapspy.run("top", "--plain", "--", "sleep", "3600")
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith("heapspy: the command did not become a Python that can be read\n  why: it was given")
    assert not is_there(int(re.search(r"process (\d+)", done.stderr)[1]))


@pytest.mark.parametrize("what, why", [("/no/such/program", "No such file"), ("/tmp", "Permission denied")])
def test_cannot_be_started(heapspy, what, why):
    done = heapspy.run("top", "--plain", "--", what)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"heapspy: cannot start '{what}'\n  why: {why}")


def test_output_goes_to_a_file(heapspy, tmp_path):
    path = tmp_path / "log"
    path.write_text("before\n")
    with watching(heapspy, "--command-output", path, "--", *here(FOREVER)) as process:
        while not re.fullmatch(r"before\npid \d+\n", path.read_text()):
            assert process.poll() is None
        process.terminate()
        assert process.wait(targets.PATIENCE) == -signal.SIGTERM
        assert process.stderr.read() == ""
