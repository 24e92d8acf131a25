# SPDX-License-Identifier: MIT
"""A target that keeps what it is told to make.

Each line on stdin is a number: of so many objects of each of its classes it holds more after, or less where it
is negative. It answers with a line of JSON, by type the objects and bytes of what it holds of these classes,
says "ready" and rests. It ends with stdin.
"""

import gc
import json
import os
import sys


class Slotted:
    __slots__ = ("one", "two")


class Plain:
    pass


class Text(str):
    pass


KINDS = {Slotted: Slotted, Plain: Plain, Text: lambda: Text("x" * 40)}
KEPT = {kind: [] for kind in KINDS}


def change(number):
    for kind, make in KINDS.items():
        kept = KEPT[kind]
        if number < 0:
            del kept[number:]
        for _ in range(number):
            kept.append(make())


def tell():
    held = {}
    for kind, kept in KEPT.items():
        held["__main__." + kind.__name__] = [len(kept), sum(map(sys.getsizeof, kept))]
    os.write(1, json.dumps(held).encode() + b"\nready\n")


def main():
    gc.disable()
    os.write(1, b"ready\n")
    while True:
        line = os.read(0, 100)
        if not line:
            break
        change(int(line))
        tell()


main()
