# SPDX-License-Identifier: MIT
"""A target that keeps many objects and allocates and frees flat out beside them.

    churn.py

Says "ready" and on one line the least and the most objects of its own kind there are at any time: Kept ones
stay, Passing ones come and go by the thousand, with all that belongs to them.
"""

import gc
import os
import select


class Kept:
    __slots__ = ("value", "items")


class Passing:
    __slots__ = ("value", "items", "table")


KEPT = 300000
PASSING = 1000


def keep(number):
    kept = Kept()
    kept.value = number + 0.5
    kept.items = [number, str(number)]
    return kept


def pass_by(number):
    passing = Passing()
    passing.value = number + 0.25
    passing.items = [number] * (number % 40)
    passing.table = {"number": number, "text": "%d" % number}
    return passing


def main():
    kept = [keep(number) for number in range(KEPT)]
    gc.collect()
    waiting = select.poll()
    waiting.register(0, select.POLLIN | select.POLLHUP)
    os.write(1, b"ready\n%d %d\n" % (KEPT, PASSING))
    while not waiting.poll(0):
        for _ in range(20):
            crowd = [pass_by(number) for number in range(PASSING)]
            del crowd
    return kept


main()
