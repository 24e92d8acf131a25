# SPDX-License-Identifier: MIT
"""A program that does nothing but allocate, for tests/bench/record: on each line of its stdin a round of work,
answered with the seconds of processor time and of wall time that it took."""

import gc
import sys
import time
import tracemalloc


class Node:
    def __init__(self, number, parent):
        self.number = number
        self.parent = parent
        self.items = [number, parent]


def work():
    kept = []
    for number in range(120_000):
        node = Node(number * 1000, None)
        node.table = {"a": node.number, "b": str(number)}
        if number % 4 == 0:
            kept.append(node)
        if number % 200 == 0:
            kept.append(bytes(3000) + b"x")
        if number % 2000 == 0:
            kept.append([None] * 20000)
    return kept


def main():
    work()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "tracemalloc":
            tracemalloc.start()
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        kept = work()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        tracemalloc.stop()
        del kept
        print(cpu, wall, flush=True)


main()
