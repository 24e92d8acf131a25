# SPDX-License-Identifier: MIT
"""Stopped and let go thousands of times, a server does not notice.

    /usr/bin/python3 -m pytest -s tests/live/test_cycles.py --interpreter debian-3.11 --cycles 10000

A tenth of the cycles are `heapspy dump --stop` and `heapspy stack --stop`, processes of their own that are there for
one stop; the others are made by programs/stopper.c, with the library.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest
import targets
from faults import state_of

CHECKOUT = targets.PROGRAMS.parent.parent
SENT = signal.SIGRTMIN + 1  # of programs/disturbed.c


class Client(threading.Thread):
    """Asks a server for a page again and again, over one connection for some time; what fails is kept."""

    def __init__(self, port: int, ended: threading.Event) -> None:
        super().__init__()
        self.port, self.ended = port, ended
        self.answers, self.failures = 0, []

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                self.ask_some_time()
            except Exception as error:  # any: it is what the test is about
                self.failures.append(repr(error))

    def ask_some_time(self) -> None:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            for _ in range(20):
                connection.request("GET", "/some/page")
                answer = connection.getresponse()
                assert answer.status == 200 and len(answer.read()) >= 1000
                self.answers += 1
                # What it costs to ask is not what is to be tested.
                self.ended.wait(0.01)


class Sender(threading.Thread):
    """Sends signals with a number each, never too many at once for the kernel to keep."""

    def __init__(self, pid: int, ended: threading.Event) -> None:
        super().__init__()
        self.pid, self.ended = pid, ended
        self.sent = 0
        self._libc = ctypes.CDLL(None, use_errno=True)

    def run(self) -> None:
        while not self.ended.wait(0.002):
            # union sigval, by value: its first half is the number.
            if self._libc.sigqueue(self.pid, SENT, ctypes.c_void_p(self.sent)) == 0:
                self.sent += 1


@contextlib.contextmanager
def load_on(port: int, pid: int) -> Iterator[tuple[list[Client], Sender]]:
    ended = threading.Event()
    clients, sender = [Client(port, ended) for _ in range(3)], Sender(pid, ended)
    for thread in (*clients, sender):
        thread.start()
    try:
        yield clients, sender
    finally:
        ended.set()
        for thread in (*clients, sender):
            thread.join()


def built(directory: pathlib.Path, name: str, *flags: str) -> pathlib.Path:
    path = directory / name
    subprocess.run(["cc", "-O", "-std=gnu11", "-o", path, targets.PROGRAMS / f"{path.stem}.c", *flags], check=True)
    return path


def stop_by_commands(heapspy, pid: int, times: int) -> int:
    """How often it was stopped, and not found at rest, or too busy."""
    stopped = 0
    for number in range(times):
        done = heapspy.run(("dump", "stack")[number % 2], pid, "--stop", "--max-pause", "2s", "--json")
        assert done.returncode in (0, 6, 7), done.stderr
        assert all(letter not in "tT" and not tracer for letter, tracer in state_of(pid).values())
        if done.stdout:
            answer = json.loads(done.stdout)
            stopped += answer.get("capture", answer)["mode"] == "stopped"
    return stopped


def stop_by_library(heapspy, directory: pathlib.Path, pid: int, times: int) -> dict:
    library = heapspy.path.parent
    flags = [f"-I{CHECKOUT}/include", f"-L{library}", f"-Wl,-rpath,{library}", "-lheapspy"]
    program = built(directory, "stopper", *flags)
    done = subprocess.run([program, str(pid), str(times)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.only("pyenv-3.8", "debian-3.11", "pyenv-3.13", "sid-3.14")
def test_server_does_not_notice(heapspy, workplace: targets.Workplace, tmp_path, request) -> None:
    """Sockets, timers, signals, children, epoll: nothing is lost, nothing fails, nothing stays stopped."""
    cycles = request.config.getoption("--cycles")
    disturbed = built(workplace.directory, "disturbed.so", "-shared", "-fPIC", "-pthread")
    with workplace.start("server.py", workplace.as_target_sees(disturbed), ready=False) as target:
        port = int(target.read_line())
        target.wait_until_ready()
        with load_on(port, target.pid) as (clients, sender):
            stopped = stop_by_commands(heapspy, target.pid, cycles if heapspy.sanitized else cycles // 10)
            library = {} if heapspy.sanitized else stop_by_library(heapspy, tmp_path, target.pid, cycles - cycles // 10)
        assert all(letter not in "tT" and not tracer for letter, tracer in state_of(target.pid).values())
        target.process.stdin.close()
        told = json.loads(target.read_line())
        assert target.process.wait(60) == 0, target.error_text()

    stopped += library.get("stopped", 0)
    counts = told["counts"]
    answers = sum(client.answers for client in clients)
    print(f"\n{cycles} cycles, {stopped} stops, {answers} requests, {sender.sent} signals sent, {library}, {told}")
    assert [failure for client in clients for failure in client.failures] == []
    assert all(client.answers > 0 for client in clients)
    assert told["wrong"] == []
    assert library.get("not_free", 0) == 0
    # It moves all the time: that it is found at rest, or too busy, is the exception.
    assert stopped >= cycles * 0.9
    assert (counts["received"], counts["out_of_order"]) == (sender.sent, 0)
    assert (counts["waits_failed"], counts["ticks_failed"]) == (0, 0)
    # One that enters its call just then cannot be seen in it.
    assert max(counts["waits_interrupted"], counts["ticks_interrupted"]) <= max(1, stopped // 1000)
