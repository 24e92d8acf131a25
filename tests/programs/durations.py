# SPDX-License-Identifier: MIT
"""Collects each generation some times and writes down what gc says of how long that took (3.15).

    durations.py

Says "ready" and on one line, as JSON, for each generation the seconds of each of its collections.
"""

import gc
import json
import os


class Thing:
    pass


def spent(generation):
    return gc.get_stats()[generation]["duration"]


def main():
    gc.disable()
    kept = [Thing() for _ in range(20000)]
    took = [[], [], []]
    for number in range(5):
        for generation in 0, 1, 2:
            before = spent(generation)
            gc.collect(generation)
            took[generation].append(spent(generation) - before)
    os.write(1, b"ready\n" + json.dumps(took).encode() + b"\n")
    os.read(0, 1)
    return kept


main()
