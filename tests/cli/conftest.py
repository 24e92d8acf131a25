# SPDX-License-Identifier: MIT
"""The command line, without a heap: the program over made-up answers (fake.c), and the real one where its
own answers do not matter."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import pty
import re
import struct
import subprocess
import termios
import time

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]

# What is printed must not depend on where the tests run.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "POSIXLY_CORRECT")},
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "TERM": "xterm",
}


class Program:
    """A program to be run; the environment is ours unless it is given."""

    def __init__(self, heapspy) -> None:
        self.heapspy = heapspy
        self.path = str(heapspy.path)

    def run(self, *arguments, env: dict[str, str] | None = None, **options) -> subprocess.CompletedProcess[str]:
        return self.heapspy.run(*arguments, env={**ENVIRONMENT, **(env or {})}, **options)

    def lines(self, *arguments, **options) -> list[str]:
        done = self.run(*arguments, **options)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    def fails(self, status: int, *arguments, printed: str = "", **options) -> str:
        """The message on standard error of a run that must end with this status."""
        done = self.run(*arguments, **options)
        assert (done.returncode, done.stdout or "") == (status, printed), done.stderr
        return done.stderr

    def start(self, *arguments, **options) -> subprocess.Popen[str]:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": ENVIRONMENT, **options}
        return subprocess.Popen([self.path, *map(str, arguments)], **options)

    def on_terminal(self, *arguments, columns: int = 200, env: dict[str, str] | None = None) -> str:
        """What appears on a terminal that is standard output and error."""
        master, slave = pty.openpty()
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, master)
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            process = self.start(*arguments, stdout=slave, stderr=slave, env={**ENVIRONMENT, **(env or {})})
            os.close(slave)
            shown = b""
            with contextlib.suppress(OSError):  # EIO: the other side is closed
                while piece := os.read(master, 65536):
                    shown += piece
            assert process.wait(60) == 0, shown
        return shown.decode().replace("\r\n", "\n")


@pytest.fixture(scope="session")
def real(heapspy) -> Program:
    return Program(heapspy)


@pytest.fixture(scope="session")
def build(heapspy) -> pathlib.Path:
    """The build directory that the program lies in."""
    for directory in heapspy.path.parents:
        if (directory / "build.ninja").is_file():
            return directory
    pytest.skip("heapspy does not lie in a build directory: no fake, man page and completions are at hand")


@pytest.fixture(scope="session")
def fake(heapspy, build) -> Program:
    return Program(type(heapspy)(build / "tests" / "cli" / "heapspy-fake"))


@pytest.fixture(scope="session")
def free_pid() -> int:
    """A PID that no process has."""
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


@pytest.fixture(scope="session")
def option_table() -> dict[str, dict[str, str]]:
    """The options as the source lists them, by name."""
    text = (CHECKOUT / "src" / "cmd" / "options.h").read_text().replace("\\\n", " ")
    pattern = re.compile(r"\tX\((\w+), ('.'|0), \"([a-z-]+)\", (NULL|\"[^\"]*\"),\s*\"((?:[^\"\\]|\\.)*)\"")
    table = {
        match[3]: {"letter": match[2].strip("'").strip("0"), "argument": match[4].strip('"'), "summary": match[5]}
        for match in pattern.finditer(text)
    }
    assert len(table) == len(re.findall(r"\tX\(", text))
    return table


def wait_for(condition, seconds: float = 20) -> None:
    """Until something becomes true that cannot be waited for otherwise."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        os.sched_yield()
