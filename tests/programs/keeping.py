# SPDX-License-Identifier: MIT
"""Memory that functions of C keep, called by functions of Python.

    keeping.py LIBRARY SECONDS MEGABYTES [DEPTH]

LIBRARY is keeping.c. Says "ready", waits for a line, then lets its memory grow for so long; then a line of JSON: what
each function of C counted. Then it waits for its stdin to end. DEPTH: so many calls of C and Python lie below each.
"""

import ctypes
import json
import sys
import time

BLOCK, CHUNK, MAPPED = 4000, 1 << 20, 1 << 20
SHARES = {"blocks": 40, "chunks": 30, "mapped": 10, "hidden": 20}

library = ctypes.CDLL(sys.argv[1])
callback = ctypes.CFUNCTYPE(None, ctypes.c_size_t)


def blocks():
    library.grow_blocks(ctypes.c_size_t(BLOCK))


def in_between(size):
    library.grow_chunks(ctypes.c_size_t(size))


between = callback(in_between)


def chunks():
    library.call_back(between, ctypes.c_size_t(CHUNK))


def mapped():
    sorted([1], key=lambda _: library.grow_mapped(ctypes.c_size_t(MAPPED)) and 0 or 0)


def hidden():
    library.grow_hidden(ctypes.c_size_t(BLOCK))


def counts():
    return {name: ctypes.c_size_t.in_dll(library, f"kept_{name}").value for name in SHARES}


def grow(seconds, size):
    before, start = counts(), time.perf_counter()
    while True:
        passed = (time.perf_counter() - start) / seconds
        now = {name: count - before[name] for name, count in counts().items()}
        if sum(now.values()) < size * min(passed, 1):
            globals()[min(SHARES, key=lambda name: now[name] / SHARES[name])]()
        elif passed >= 1:
            return now
        else:
            time.sleep(0.001)


def deeper(depth, seconds, size):
    if depth:
        return max([depth], key=lambda depth: below.append(deeper(depth - 1, seconds, size)) or 0) and below[-1]
    return grow(seconds, size)


def main():
    seconds, size = float(sys.argv[2]), float(sys.argv[3]) * 2**20
    depth = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(deeper(depth, seconds, size)), flush=True)
    sys.stdin.read()


below = []
main()
