# SPDX-License-Identifier: MIT
"""The dashboard on a terminal that nobody sees, and targets for it: what bench/top and the tests of it share."""

from __future__ import annotations

import fcntl
import os
import pathlib
import pty
import selectors
import struct
import subprocess
import termios
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]


class Target:
    """bench/target.py: N objects, and a main thread that counts flat out."""

    def __init__(self, python: str, objects: int) -> None:
        command = [python, str(HERE / "target.py"), str(objects)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        assert self.answer() == ["ready"]

    def answer(self) -> list[str]:
        return self.process.stdout.readline().split()

    def ask(self, command: str) -> list[str]:
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.answer()

    def cpu(self) -> float:
        """Seconds that its main thread had a core."""
        return int(pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Screen:
    """heapspy top in a terminal of 80x24. What it writes is read all the time; the last of it is kept."""

    def __init__(self, heapspy: str | pathlib.Path, *arguments: object) -> None:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        self.start = time.monotonic()
        self.process = subprocess.Popen(
            [str(heapspy), "top", *map(str, arguments)],
            stdin=slave,
            stdout=slave,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        self.pid = self.process.pid
        self.master = master
        self.written = 0  # bytes it wrote
        self.last = self.start  # when it last did
        self._kept = b""
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.master, selectors.EVENT_READ)
            while True:
                selector.select()
                try:
                    text = os.read(self.master, 65536)
                except OSError:
                    text = b""
                with self._changed:
                    self.written += len(text)
                    self.last = time.monotonic()
                    self._kept = (self._kept + text)[-65536:]
                    self._changed.notify_all()
                if not text:
                    return

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def forget(self) -> None:
        with self._changed:
            self._kept = b""

    def until(self, text: bytes, patience: float = 60) -> float:
        """When it was written, since it was last forgotten."""
        deadline = time.monotonic() + patience
        with self._changed:
            while text not in self._kept:
                if not self._changed.wait(deadline - time.monotonic()) or self.process.poll() is not None:
                    raise TimeoutError(f"no {text!r} in {self._kept[-2000:]!r}")
            return self.last

    def answer_time(self, key: str, text: bytes) -> float:
        """Seconds from a key to what it brings to the screen."""
        self.forget()
        start = time.monotonic()
        self.press(key)
        return self.until(text) - start

    def status(self, name: str) -> int:
        """Bytes, of /proc/PID/status."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        return 0

    def cpu(self) -> float:
        """Seconds of a core that all its threads had."""
        tasks = pathlib.Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def wait(self, patience: float | None = None) -> int:
        return self.process.wait(patience)

    def end(self) -> int:
        if self.process.poll() is None:
            self.press("q")
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self._thread.join(20)
        os.close(self.master)
        self.process.stderr.close()
        return status


def soak(heapspy: str | pathlib.Path, pid: int, readings: int, interval: float, census: float, say=None) -> dict:
    """Watch until so many readings were taken, with keys pressed all the time: what it took, and whether it grew."""
    screen = Screen(heapspy, pid, "-i", f"{interval * 1000:g}ms", "--census", f"{census * 1000:g}ms", "-n", readings)
    sizes: list[int] = []
    silent = 0.0
    keys = "2345 6 1jjjk/a\x1bsSRbd zz?h gggvvvTTTTlcR1jjj\r\x7f"
    try:
        screen.until(b"TYPE")
        began, cpu, number = time.monotonic(), 0.0, 0
        while screen.process.poll() is None:
            try:
                sizes.append(screen.status("VmRSS"))
                cpu = screen.cpu()
                screen.press(keys[number % len(keys)])
            except (OSError, ValueError):
                break
            number += 1
            silent = max(silent, time.monotonic() - screen.last)
            if say and number % 600 == 0:
                say(f"{time.monotonic() - began:.0f} s: RSS {sizes[-1] / 2**20:.1f} MiB, {cpu:.1f} s of a core")
            time.sleep(0.1)
        status = screen.wait(60)
        took = time.monotonic() - screen.start
    finally:
        screen.end()
    sizes = [size for size in sizes if size]
    tenth = max(len(sizes) // 10, 1)
    return {
        "status": status,
        "seconds": took,
        "expected": readings * interval,
        "cpu": cpu,
        "written": screen.written,
        "silent": silent,
        "rss": [max(sizes[i : i + tenth]) for i in range(0, len(sizes), tenth)],
    }
