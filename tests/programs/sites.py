# SPDX-License-Identifier: MIT
"""Five places that keep memory, in known shares, and one that keeps none.

    sites.py steady|bursty|threads SECONDS MEGABYTES [--churn]

Says "ready", waits for a line, then lets its memory grow for so long; then a line of JSON: the bytes that each
place keeps, as it counts them itself. Then it waits for its stdin to end.

Each place keeps what fills blocks of the allocators without slack, so that bytes asked for and bytes taken are the
same but for headers.
"""

import ctypes
import json
import mmap
import sys
import threading
import time

SHARES = {"small": 60, "lists": 20, "blocks": 10, "extension": 7, "mapped": 3}

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]

kept = []
counts = dict.fromkeys(SHARES, 0)
turn = 0


def tuple_without_slack():
    """How many items a tuple has whose block is full, and its size."""
    for items in range(2, 8):
        size = sys.getsizeof((None,) * items)
        if size % 16 == 0:
            return items, size


ITEMS, TUPLE = tuple_without_slack()
REST = (None,) * (ITEMS - 1)
chain = None


def small():
    global chain
    for _ in range(1000):
        chain = (chain, *REST)
    return 1000 * TUPLE


def lists():
    global turn
    turn += 1
    one = [None] * (60000 if turn % 16 == 0 else 5000)
    kept.append(one)
    return sys.getsizeof(one)


def blocks():
    one = bytes(3000)
    kept.append(one)
    return sys.getsizeof(one)


def extension():
    kept.append(libc.memset(libc.malloc(5000), 1, 5000))
    return 5000


def mapped():
    one = mmap.mmap(-1, 1 << 18)
    one.write(b"x" * len(one))
    kept.append(one)
    return len(one)


class Thing:
    __slots__ = ("a", "b")


def churn(until):
    while time.perf_counter() < until:
        things = [Thing() for _ in range(100)]
        for _ in range(100):
            thing = Thing()
            thing.a = (thing, None)
            thing.a = None
        data = bytes(2000)
        del things, data


def behind(names):
    """The place that has the least of its share."""
    return min(names, key=lambda name: counts[name] / SHARES[name])


def grow(name):
    counts[name] += globals()[name]()


class Clock:
    """When how much should be there."""

    def __init__(self, kind, seconds, size, share=1.0):
        self.kind, self.seconds, self.size = kind, seconds, size * share
        self.start = time.perf_counter()

    def wanted(self):
        passed = (time.perf_counter() - self.start) / self.seconds
        if self.kind == "bursty":
            passed = int(passed * 20 + 1) / 20
        return self.size * min(passed, 1.0)

    def over(self):
        return time.perf_counter() - self.start >= self.seconds


def run(kind, seconds, size, names, with_churn):
    clock = Clock(kind, seconds, size, sum(SHARES[name] for name in names) / 100)
    while True:
        got = sum(counts[name] for name in names)
        if got < clock.wanted():
            grow(behind(names))
            if with_churn:
                churn(time.perf_counter() + 0.0005)
        elif clock.over():
            return
        elif with_churn:
            churn(time.perf_counter() + 0.005)
        else:
            time.sleep(0.002)


def main():
    kind, seconds, size = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]) * 2**20
    with_churn = "--churn" in sys.argv
    for name in SHARES:
        grow(name)
    for name in SHARES:
        counts[name] = 0
    print("ready", flush=True)
    sys.stdin.readline()
    if kind == "threads":
        threads = [threading.Thread(target=run, args=("steady", seconds, size, [name], False)) for name in SHARES]
        if with_churn:
            threads.append(threading.Thread(target=churn, args=(time.perf_counter() + seconds,)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    else:
        run(kind, seconds, size, list(SHARES), with_churn)
    print(json.dumps(counts), flush=True)
    sys.stdin.read()


main()
