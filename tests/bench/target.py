# SPDX-License-Identifier: MIT
"""A target of the benchmark: a heap of N objects, and a ticker that feels every stop.

    target.py N

Prints "ready", then obeys lines on stdin while its main thread ticks: "reset" forgets the longest gap between
two ticks, "report" prints it and the number of ticks, "count" counts gc.get_objects() by type in this
process, "objgraph" has objgraph do so; both answer with the seconds it took and the objects it saw.
"""

import collections
import gc
import sys
import threading
import time


class Record:
    def __init__(self, number):
        self.number = number
        self.name = "record %d" % number
        self.values = [number + 0.5, number - 0.5]


def build(count):
    """A record is seven objects: itself, its number, its name, a list of two floats, and its key in the index."""
    index = {}
    for number in range(count // 7):
        index["key %d" % number] = Record(number)
    return index


def count():
    counted = collections.Counter(map(type, gc.get_objects()))
    return sum(counted.values())


def by_objgraph():
    import objgraph

    return sum(objgraph.typestats().values())


class Ticker:
    def __init__(self):
        self.longest = 0.0
        self.ticks = 0

    def run(self, clock=time.perf_counter):
        last = clock()
        while True:
            now = clock()
            if now - last > self.longest:
                self.longest = now - last
            self.ticks += 1
            last = now


def obey(ticker):
    for line in sys.stdin:
        command = line.strip()
        if command == "reset":
            ticker.longest, ticker.ticks = 0.0, 0
            print("done", flush=True)
        elif command == "report":
            print(ticker.longest, ticker.ticks, flush=True)
        else:
            start = time.perf_counter()
            try:
                seen = {"count": count, "objgraph": by_objgraph}[command]()
            except ImportError:
                seen = -1
            print(time.perf_counter() - start, seen, flush=True)
    import os

    os._exit(0)


def main():
    index = build(int(sys.argv[1]))
    gc.collect()
    ticker = Ticker()
    threading.Thread(target=obey, args=(ticker,), daemon=True).start()
    print("ready", flush=True)
    ticker.run()
    return index


main()
