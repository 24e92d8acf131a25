# SPDX-License-Identifier: MIT
"""A target whose threads are in C code of many kinds, with Python above and below.

    native.py [--busy]

Each function below that has the decorator is a thread. At rest, all park where their names say; with --busy
they go on and on. Says "ready" when they do, and ends with stdin.
"""

import ctypes
import functools
import json
import os
import re
import select
import signal
import sys
import threading
import time
import zlib

try:
    import sqlite3
except ImportError:
    sqlite3 = None

PLACES = []
BUSY = "--busy" in sys.argv
libc = ctypes.CDLL(None)
parked = threading.Semaphore(0)
wall = threading.Lock()
wall.acquire()


def park(*ignored):
    """Where a thread at rest stays; at work a little of it."""
    if BUSY:
        sum(range(300))
        return
    parked.release()
    wall.acquire()


def place(function):
    PLACES.append(function)
    return function


@place
def sorting():
    sorted([3, 1, 2] * (50 if BUSY else 1), key=lambda value: park() or value)


@place
def substituting():
    re.sub("x", lambda match: park() or "y", "axbxcx")


@place
def encoding():
    json.dumps([{"a": object()}], default=lambda value: park() or "b")


@place
def decoding():
    json.loads('[{"a": 1}]', object_hook=park)


@place
def reducing():
    functools.reduce(lambda one, other: park() or 1, [1, 2, 3])


@place
def summing():
    def generate():
        for number in range(3):
            park()
            yield number

    sum(number + 1 for number in generate())


@place
def mapping():
    list(map(lambda value: [park() for _ in filter(None, [value])], [1, 2]))


@place
def slots():
    class Number:
        def __add__(self, other):
            return park() or 1

        def __getattr__(self, name):
            return self + 1

        def __del__(self):
            getattr(self, "missing")

    Number()


@place
def callbacks():
    """qsort() calls Python."""
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda a, b: park() and 0 or 0)
    numbers = (ctypes.c_int * 5)(5, 4, 3, 2, 1)
    libc.qsort(numbers, 5, 4, compare)


@place
def recursion(depth=30):
    if depth:
        max([depth], key=recursion_key) if depth % 3 == 0 else recursion(depth - 1)
    else:
        park()


def recursion_key(depth):
    recursion(depth - 1)
    return depth


if sqlite3:

    @place
    def database():
        connection = sqlite3.connect(":memory:")
        connection.create_function("park", 1, park)
        connection.execute("select park(value) from (select 1 as value union select 2 order by 1)").fetchall()
        connection.close()


@place
def sleeping():
    time.sleep(0.0001) if BUSY else parked.release() or time.sleep(1e6)


@place
def polling():
    with select.epoll() as poll:
        poll.poll(0.0001) if BUSY else parked.release() or poll.poll(1e6)


@place
def reading():
    ends = os.pipe()
    if not BUSY:
        parked.release()
        os.read(ends[0], 1)
    os.close(ends[0])
    os.close(ends[1])


def compressing():
    data = bytes(os.urandom(1 << 12) * 16)
    while True:
        zlib.decompress(zlib.compress(data, 9))


def matching():
    while True:
        re.match("(?:a|[bc])*d", "abc" * 1000)


def dividing():
    number = 3**5000
    while True:
        pow(number, 3, number + 2)


def serialising():
    value = {str(number): [number, None, "text"] for number in range(1000)}
    while True:
        json.loads(json.dumps(value))


def again(function):
    while True:
        function()


def start(function, *arguments):
    threading.Thread(target=function, args=arguments, name=function.__name__, daemon=True).start()


def start_native():
    """A thread that Python knows nothing of: it waits in pause()."""
    thread = ctypes.c_ulong()
    assert libc.pthread_create(ctypes.byref(thread), None, ctypes.cast(libc.pause, ctypes.c_void_p), None) == 0


def rest():
    os.read(0, 1)


sys.setrecursionlimit(10000)
start_native()
for function in PLACES:
    if BUSY:
        start(again, function)
    else:
        start(function)
if BUSY:
    for function in (compressing, matching, dividing, serialising):
        start(function)
else:
    for function in PLACES:
        parked.acquire()
os.write(1, b"ready\n")
rest()
