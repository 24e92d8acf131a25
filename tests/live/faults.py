# SPDX-License-Identifier: MIT
"""What the rows of test_catalogue.py are made of: the table, and the bench on which each fault is brought about."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import subprocess
from collections.abc import Callable, Iterator

import targets

PYTHON = "/usr/bin/python3"

Outcome = tuple  # the PID of the target, or None, and one CompletedProcess or a list of them


@dataclasses.dataclass(frozen=True)
class Case:
    """One row: a fault, how it is brought about, and what heapspy is to make of it."""

    fault: str
    what: str
    make: Callable[["Bench"], Iterator[Outcome]]
    status: frozenset[int]
    says: str = ""
    dead: bool = False  # the target is to be, afterwards
    states: str = "SRD"  # that its threads may be in
    mute: bool = False  # heapspy may have no way to say anything
    tracer: bool = False  # it was traced before by somebody else

    @property
    def name(self) -> str:
        return f"{self.fault}-{self.make.__name__}"


TABLE: list[Case] = []


def case(fault: str, what: str, status: int | set[int], says: str = "", **more) -> Callable:
    def register(make: Callable) -> Callable:
        wanted = frozenset({status} if isinstance(status, int) else status)
        TABLE.append(Case(fault, what, make, wanted, says, **more))
        return make

    return register


class Bench:
    """heapspy, a place for files, and targets."""

    def __init__(self, heapspy, directory: pathlib.Path, programs: pathlib.Path) -> None:
        self.heapspy, self.directory, self._programs = heapspy, directory, programs
        self.sanitized = heapspy.sanitized

    def run(self, *arguments: object, **options) -> subprocess.CompletedProcess:
        return self.heapspy.run(*arguments, **options)

    def run_under(self, command: list[str], *arguments: object, **options) -> subprocess.CompletedProcess:
        """With a command before it: strace, prlimit, sh -c 'exec "$@"'."""
        runner = type(self.heapspy)(pathlib.Path(command[0]))
        return runner.run(*command[1:], self.heapspy.path, *arguments, **options)

    def compiled(self, name: str, *flags: str) -> pathlib.Path:
        """A program of programs/, once."""
        path = self._programs / name
        if not path.exists():
            subprocess.run(["cc", "-O", *flags, "-o", path, targets.PROGRAMS / f"{name}.c"], check=True)
        return path

    @contextlib.contextmanager
    def python(self, source: str, *arguments: str, **options) -> Iterator[targets.Target]:
        with targets.plain([PYTHON, "-S", "-c", source, *arguments], **options) as target:
            target.wait_until_ready()
            yield target

    @contextlib.contextmanager
    def program(self, name: str, *arguments: str, **options) -> Iterator[targets.Target]:
        with targets.plain([PYTHON, "-S", str(targets.PROGRAMS / name), *arguments], **options) as target:
            target.wait_until_ready()
            yield target

    def sleeper(self) -> contextlib.AbstractContextManager[targets.Target]:
        return self.program("sleeper.py")


def state_of(pid: int) -> dict[str, tuple[str, int]]:
    """By thread: the letter of its state, and who traces it."""
    states = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
            states[task.name] = fields["State"][0], int(fields["TracerPid"])
    return states


def is_dead(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return all(letter in "ZX" for letter, _ in state_of(pid).values())
    return True


def assert_unharmed(case: Case, pid: int | None) -> None:
    """The target is as the fault alone would have left it."""
    if pid is None:
        return
    assert is_dead(pid) == case.dead
    if case.dead:
        return
    for thread, (letter, tracer) in state_of(pid).items():
        assert letter in case.states, f"thread {thread} is in state {letter}"
        assert bool(tracer) == case.tracer, f"thread {thread} is traced by {tracer}"


def assert_well_told(case: Case, done: subprocess.CompletedProcess) -> None:
    """It ended in one of the ways it may, and said so."""
    assert done.returncode in case.status, f"exit status {done.returncode}\n{done.stderr}"
    errors = done.stderr or ""
    # What could not be written or made to its end may be there in part.
    if done.returncode not in (0, 7, 8, 10):
        assert not done.stdout, "there is output beside an error"
    if done.returncode != 0 and not case.mute:
        assert errors.startswith("heapspy: "), errors
        assert "\n  why: " in errors or "out of memory" in errors, errors
    assert all(line.isprintable() for line in errors.splitlines()), errors
