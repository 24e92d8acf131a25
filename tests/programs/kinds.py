# SPDX-License-Identifier: MIT
"""A target that makes known numbers of objects of each kind when a line comes on stdin.

    kinds.py

Says "ready" before and after it has made them, with what it made in between: a line of JSON with the number
and the bytes of each type. What a census counts of a type after, less what it counted before, is that.
"""

import gc
import json
import os
import select
import sys

COUNT = 100000


class Node:
    __slots__ = ("next",)


def texts(count, letter):
    """From 1 to 5,000 characters. None of one Latin-1 character: those are there already."""
    return [letter * (1 + number % 5000) + "%05d" % number for number in range(count)]


def make():
    """Lists of one kind each; none holds what another holds."""
    kinds = [
        [number + 0.5 for number in range(COUNT)],
        [(1 << 200) + number for number in range(COUNT)],
        [1 << 8 * size for size in range(600, 5000)],
        texts(20000, "a"),
        texts(10000, "\xe9"),
        texts(10000, "\u4e2d"),
        texts(5000, "\U0001f40d"),
        [b"%05d" % number + bytes(1 + number % 5000) for number in range(20000)],
        [complex(number, 1) for number in range(COUNT)],
        [[] for _ in range(COUNT)],
        [{} for _ in range(COUNT)],
        [set() for _ in range(1000)],
        [frozenset((number, None)) for number in range(2000, 3000)],
        [(number + 0.25, None) for number in range(COUNT)],
        [tuple([None] * (61 + number % 1000)) for number in range(1000)],
        [{"key": None} for _ in range(COUNT)],
        [dict.fromkeys(range(100)) for _ in range(100)],
        [[None] * 1000 for _ in range(100)],
        [slice(None, None) for _ in range(1000)],
        [range(number, number + 3) for number in range(2000, 7000)],
        [Node() for _ in range(COUNT)],
    ]
    # The collector untracks tuples and dicts that can be in no cycle.
    gc.collect()
    return kinds


def tally(kinds):
    """What a census must find more of. The lists of `kinds` are objects as well, and what some of them hold."""
    made = {}

    def count(thing):
        name = type(thing).__qualname__ if type(thing) is not Node else "__main__.Node"
        row = made.setdefault(name, [0, 0])
        row[0] += 1
        row[1] += sys.getsizeof(thing)

    seen = set()
    for kind in kinds:
        count(kind)
        for thing in kind:
            count(thing)
            if type(thing) in (tuple, frozenset):
                for part in thing:
                    if type(part) is float or (type(part) is int and part > 1024):
                        seen.add(id(part))
                        count(part)
            if type(thing) is range:
                for part in (thing.start, thing.stop):
                    if part > 1024 and id(part) not in seen:
                        seen.add(id(part))
                        count(part)
    return made


def main():
    gc.collect()
    gc.disable()
    waiting = select.poll()
    waiting.register(0, select.POLLIN | select.POLLHUP)
    print("ready", flush=True)
    waiting.poll()
    os.read(0, 1)
    kinds = make()
    made = json.dumps(tally(kinds))
    print(made, flush=True)
    del made
    gc.collect()
    print("ready", flush=True)
    waiting.poll()


main()
