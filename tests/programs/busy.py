# SPDX-License-Identifier: MIT
"""A target that is never at rest: until stdin ends it allocates, frees and collects.

Containers grow and shrink, classes are made and dropped, cycles are left to the collector, generators and
exceptions come and go, and so do threads. Says "ready" when all of that is under way, and at the end, on
one line, how often it went round.
"""

import collections
import gc
import os
import random
import sys
import threading

sys.dont_write_bytecode = True
stop = threading.Event()
rounds = collections.Counter()


class Node:
    def __init__(self, value):
        self.value = value
        self.peer = self


def grow_and_shrink(rng):
    table, items, line, seen = {}, [], collections.deque(), set()
    for number in range(rng.randrange(5000)):
        table[rng.choice((number, "key%d" % number))] = [number]
        items.append((number, items))
        line.appendleft({number: line})
        seen.add(number)
    while len(items) > 10:
        del items[rng.randrange(len(items)) :]
        table.pop(next(iter(table)), None)
        line.rotate(3)
        line.clear()
    items.clear()


def make_classes(rng):
    for number in range(rng.randrange(40)):
        kind = type("Passing%d" % number, (Node,), {"__slots__": ("a", "b")} if number % 2 else {"number": number})
        kind(number).peer = kind


def leave_cycles(rng):
    for number in range(rng.randrange(3000)):
        first, second = Node(number), Node(str(number))
        first.peer, second.peer = second, first


def collect(rng):
    gc.collect(rng.randrange(3))


def recurse(depth):
    def inner():
        yield depth
        raise ValueError(depth)

    if depth:
        return recurse(depth - 1)
    return inner()


def suspend(rng):
    kept = [recurse(rng.randrange(50)) for _ in range(50)]
    for generator in kept:
        next(generator)
    for generator in kept:
        try:
            next(generator)
        except ValueError as error:
            generator.error = error if hasattr(generator, "error") else None


def take_much(rng):
    held = [bytearray(rng.randrange(1, 2000000)) for _ in range(5)]
    held.append([None] * rng.randrange(500000))
    del held


DEEDS = (grow_and_shrink, make_classes, leave_cycles, collect, suspend, take_much)


def work(seed, times):
    rng = random.Random(seed)
    while times and not stop.is_set():
        deed = rng.choice(DEEDS)
        try:
            deed(rng)
        except AttributeError:
            pass
        rounds[deed.__name__] += 1
        times -= 1


def come_and_go():
    seed = 0
    while not stop.is_set():
        seed += 1
        passing = [threading.Thread(target=work, args=(seed * 10 + number, 3)) for number in range(4)]
        for thread in passing:
            thread.start()
        for thread in passing:
            thread.join()
        rounds["threads"] += len(passing)


steady = [threading.Thread(target=work, args=(number, -1)) for number in range(2)]
steady.append(threading.Thread(target=come_and_go))
for thread in steady:
    thread.start()
os.write(1, b"ready\n")
os.read(0, 1)
stop.set()
for thread in steady:
    thread.join()
print(*("%s=%d" % item for item in sorted(rounds.items())))
