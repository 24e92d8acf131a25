# SPDX-License-Identifier: MIT
"""A process whose memory is written over at random while it is read: whatever heapspy makes of it, it comes to an
end, says so in one of its ways, and what it prints is whole.

--scribbles N says how often each interpreter is dumped; a thousand times writes a million words.
"""

from __future__ import annotations

import collections
import pathlib
import random
import re
import resource
import subprocess
from collections.abc import Iterator

import pytest
import targets

WAYS = [
    ("dump", "--json", "--limit", "100"),
    ("dump", "--json", "--limit", "100", "--stop"),
    ("stack", "--json"),
    ("gc", "--json"),
    ("dump",),
    ("stack",),
]
EXPECTED = {0, 3, 5, 6, 7}  # whole, gone, no Python any more, not to be stopped, incomplete
CPU_SECONDS = 2


@pytest.fixture(scope="session")
def scribbler(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    program = tmp_path_factory.mktemp("scribbler") / "scribbler"
    subprocess.run(["cc", "-O", "-std=gnu11", "-o", program, targets.PROGRAMS / "scribbler.c"], check=True)
    return program


class Scribbled:
    """The target and who scribbles on it, begun anew when it did not survive that."""

    def __init__(self, workplace: targets.Workplace, scribbler: pathlib.Path) -> None:
        self._workplace, self._program = workplace, scribbler
        self._target = self._helper = None
        self._seed = 0
        self.words = 0

    def begin(self) -> None:
        self._seed += 1
        path = self._workplace.shared / "addresses"
        self._running = self._workplace.start("scribbled.py", self._workplace.as_target_sees(path))
        self._target = self._running.__enter__()
        command = [str(self._program), str(self._target.pid), str(self._seed), str(path)]
        self._helper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def end(self) -> None:
        if self._helper:
            self._helper.communicate()
            self._target.process.kill()
            self._running.__exit__(None, None, None)
            self._helper = None

    def ready(self) -> int:
        """The PID of one that is as it was at first."""
        if self._helper and not self._target.alive():
            self.end()
        if not self._helper:
            self.begin()
        return self._target.pid

    def ask(self, what: str) -> None:
        self._helper.stdin.write(f"{what}\n")
        self._helper.stdin.flush()

    def answer(self) -> None:
        self.words += int(self._helper.stdout.readline().split()[1])


@pytest.fixture
def scribbled(workplace: targets.Workplace, scribbler: pathlib.Path) -> Iterator[Scribbled]:
    one = Scribbled(workplace, scribbler)
    try:
        yield one
    finally:
        one.end()


# What a terminal would take for a command: C0 but the line feed, DEL, C1, turns of direction, half of a surrogate pair.
COMMANDS = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.only("pyenv-3.8", "debian-3.11", "sid-3.13", "sid-3.15")
def test_scribbled(heapspy, scribbled: Scribbled, pytestconfig: pytest.Config) -> None:
    chance = random.Random(4711)
    times = pytestconfig.getoption("--scribbles")
    statuses = collections.Counter()
    for number in range(times):
        way = WAYS[number % len(WAYS)]
        pid = scribbled.ready()
        # Now a few words, now thousands: after many nothing is left to be found.
        scribbled.ask(str(int(2 ** chance.uniform(0, 13.6))))
        if number % 2:
            scribbled.answer()
        before = seconds_of_children()
        done = heapspy.run(way[0], pid, *way[1:])
        seconds = seconds_of_children() - before
        if number % 2 == 0:
            scribbled.answer()
        scribbled.ask("undo")
        scribbled.answer()

        statuses[done.returncode] += 1
        assert done.returncode in EXPECTED, done.stderr
        assert seconds < CPU_SECONDS * (10 if heapspy.sanitized else 1), f"{way} took {seconds} seconds of a CPU"
        assert not (found := COMMANDS.search(done.stdout + done.stderr)), found
        if done.stdout and "--json" in way:
            whole = heapspy.parse(done.stdout).get("complete", done.returncode == 0)
            assert whole == (done.returncode == 0)
        # What is incomplete may be all that there was.
        assert done.stdout or done.returncode != 0
        assert not done.stdout or done.returncode in (0, 7)
    # It is not all over each time, or nothing would be tested.
    assert statuses[0] + statuses[7] >= times // 4, statuses
    print(f"{scribbled.words} words, exit statuses {dict(statuses)}")
