# SPDX-License-Identifier: MIT
"""heapspy is killed at any instant of its life: the target runs on, nothing of it stays stopped, traced or lost, and
nothing of heapspy stays behind. Of `record` test_record.py has the same, with its watchpoints.

    /usr/bin/python3 -m pytest -s tests/live/test_kills.py --interpreter debian-3.11 --kills 1000

--kills N is how often SIGKILL ends it, over all commands; a tenth as often other signals do.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pty
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
import targets
from faults import state_of
from test_cycles import built

COMMANDS = {
    "dump": ["dump", "{}", "--json"],
    "dump-stop": ["dump", "{}", "--stop", "--max-pause", "5s", "--json"],
    "stack-native": ["stack", "{}", "--native", "--json"],
    "top": ["top", "{}", "-i", "20ms"],
}
# A terminal sends its signals to all of the group.
OTHERS = [(signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGSEGV, False), (signal.SIGQUIT, True),
          (signal.SIGHUP, True), (signal.SIGABRT, False)]  # fmt: skip


def wait_for(condition, what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.001)


@contextlib.contextmanager
def at_work(heapspy, command: list[str]) -> Iterator[subprocess.Popen]:
    """In a session of its own, on a terminal that somebody reads."""
    master, slave = pty.openpty()

    def read_on() -> None:
        with contextlib.suppress(OSError):  # EIO: nobody has the other side open any more
            while os.read(master, 65536):
                pass

    reader = threading.Thread(target=read_on)
    environment = {**os.environ, "TERM": "xterm"}
    process = subprocess.Popen(
        [heapspy.path, *command], stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=environment,
        # What the tests ignore (nohup) it would ignore too.
        preexec_fn=lambda: [signal.signal(number, signal.SIG_DFL) for number, _ in OTHERS],
    )  # fmt: skip
    os.close(slave)
    reader.start()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        reader.join()
        os.close(master)


def is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def answers(port: int) -> bool:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", "/some/page")
        answer = connection.getresponse()
        return answer.status == 200 and len(answer.read()) >= 1000


def kill_at(heapspy, command: list[str], seconds: float, number: int, whole_group: bool) -> None:
    with at_work(heapspy, command) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        if process.poll() is None:
            (os.killpg if whole_group else os.kill)(process.pid, number)
        process.wait(60)
        wait_for(lambda: is_gone(process.pid), "a process of heapspy stays behind")


@pytest.mark.only("debian-3.11", "sid-3.15")
def test_killed(heapspy, workplace: targets.Workplace, request) -> None:
    kills, chance = request.config.getoption("--kills"), random.Random(4711)
    disturbed = built(workplace.directory, "disturbed.so", "-shared", "-fPIC", "-pthread")
    killed = 0
    with workplace.start("server.py", workplace.as_target_sees(disturbed), ready=False) as target:
        port = int(target.read_line())
        target.wait_until_ready()
        for name, words in COMMANDS.items():
            command = [word.format(target.pid) for word in words]
            begin = time.monotonic()
            with at_work(heapspy, [*command, *(["-n", "10"] if name == "top" else [])]) as process:
                assert process.wait(60) in (0, 7)
            life = time.monotonic() - begin
            how = [(signal.SIGKILL, False)] * (kills // len(COMMANDS))
            how += [OTHERS[at % len(OTHERS)] for at in range(kills // len(COMMANDS) // 10 or 2)]
            for number, whole_group in how:
                kill_at(heapspy, command, chance.uniform(0, life), number, whole_group)
                assert target.alive()
                assert all(letter not in "tT" and not tracer for letter, tracer in state_of(target.pid).values())
                assert answers(port)
                killed += 1
        target.process.stdin.close()
        told = json.loads(target.read_line())
        assert target.process.wait(60) == 0, target.error_text()
    print(f"\nkilled {killed} times, {told}")
    assert told["wrong"] == []
    assert (told["counts"]["waits_failed"], told["counts"]["ticks_failed"]) == (0, 0)


@pytest.mark.only("debian-3.11")
@pytest.mark.parametrize("whole_group", [False, True])
def test_suspended(heapspy, workplace: targets.Workplace, whole_group: bool) -> None:
    """heapspy is suspended at any instant, alone or with all that it started: the target is not for long."""
    chance = random.Random(4711)
    disturbed = built(workplace.directory, "disturbed.so", "-shared", "-fPIC", "-pthread")
    with workplace.start("server.py", workplace.as_target_sees(disturbed), ready=False) as target:
        port = int(target.read_line())
        target.wait_until_ready()
        for _ in range(8):
            with at_work(heapspy, ["dump", str(target.pid), "--stop", "--max-pause", "1s"]) as process:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(chance.uniform(0, 0.2))
                if process.poll() is None:
                    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGSTOP)
                assert answers(port)
                wait_for(lambda: not any(tracer for _, tracer in state_of(target.pid).values()), "it is still traced")
                assert all(letter not in "tT" for letter, _ in state_of(target.pid).values())
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGCONT)
                assert process.wait(60) in (0, 6, 7)
        target.process.stdin.close()
        told = json.loads(target.read_line())
        assert target.process.wait(60) == 0 and told["wrong"] == []
