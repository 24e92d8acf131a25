# SPDX-License-Identifier: MIT
"""A target that says of objects of many types what they are: address, size, references, repr, generation.

    instances.py REPORT

It writes the report as JSON, says "ready" and rests in one read().
"""

import array
import collections
import gc
import json
import os
import sys
import types


class Plain:
    def __init__(self, number):
        self.number = number
        self.name = "n%d" % number
        self.items = list(range(number % 20))


class Slotted:
    __slots__ = ("first", "second", "never")

    def __init__(self, number):
        self.first = number
        self.second = "s%d" % number


class Derived(Slotted):
    """Slots of its base, and a dict."""

    def __init__(self, number):
        super().__init__(number)
        self.third = b"3"


class Late:
    """Whose dict somebody asked for."""


class Text(str):
    pass


class Failure(Exception):
    pass


def function(argument=1):
    return argument


def generate():
    yield 1


class Holder:
    def method(self):
        return 1


def nested(depth):
    return [] if depth == 0 else [nested(depth - 1)]


def circle():
    items = [1]
    items.append(items)
    return items


def late(number):
    it = Late()
    it.number = number
    it.__dict__["other"] = 2
    return it


# Objects whose preview begins as repr() does, up to where that is cut.
VALUES = [
    "", "plain", "it's", 'both \' and "', "tab\tnew\nline\\", "caf\xe9 \u4e2d\u6587 \U0001f600", "\x00\x1b[31m\x7f",
    "a" * 5000, Text("derived"),
    b"", b"bytes\x00\xff'", b"x" * 3000, bytearray(b"array\n"), bytearray(),
    10**20, -(10**30), 2**60, 2**30, 2**200 - 1, -123456789012345678901234567890, 10**12, 2**900 - 1,
    1.5, -0.0, 1e16, 1e22, 123456789.123456789, 5e-324, 1e-5, 0.0001, float("inf"), float("nan"), 3.0, 1e15,
    1 + 2j, -1.5j, complex(0, -0.0), complex(float("nan"), float("inf")), 1e20 - 1e-7j,
    [1, 2, 3], [1.5, "a", None, True, False, ...], [], [[1, [2]], (3,)], (1, 2), ((), (1,)), nested(6), circle(),
    {"a": 1, 2: "b"}, {}, {1}, {1: {2: [3]}},
    set(), {7}, frozenset([3]), frozenset(),
]  # fmt: skip
NAMES = ["list", "tuple", "dict", "str", "int", "float", "complex", "bytes", "bytearray", "set", "frozenset"]


def make():
    made = collections.OrderedDict()
    for value in VALUES:
        made.setdefault(type(value).__name__ if type(value) is not Text else "__main__.Text", []).append(value)
    made["__main__.Plain"] = [Plain(number) for number in range(50)]
    made["__main__.Slotted"] = [Slotted(number) for number in range(30)]
    made["__main__.Derived"] = [Derived(number) for number in range(20)]
    made["__main__.Late"] = [late(number) for number in range(10)]
    made["__main__.Failure"] = [Failure("why", 5)]
    made["collections.deque"] = [collections.deque(range(300)), collections.deque("ab"), collections.deque()]
    made["collections.deque"][0].popleft()
    made["array.array"] = [array.array("d", range(300)), array.array("u", "ab"), array.array("b")]
    made["memoryview"] = [memoryview(b"abcdef")[2:5], memoryview(bytearray(7))]
    made["function"] = [function, generate]
    made["generator"] = [generate()]
    made["module"] = [json, types]
    made["type"] = [Plain, Slotted]
    made["method"] = [Holder().method]
    made["code"] = [function.__code__]
    return made


def generation_of(addresses):
    """By address; gc.get_objects(generation) is there from 3.8 on."""
    found = {}
    for generation in range(3):
        for it in gc.get_objects(generation):
            if id(it) in addresses:
                found[id(it)] = generation
        it = None
    return found


def main():
    made = make()
    extra = []  # more references
    frozen = [Plain(1000 + number) for number in range(5)]
    gc.collect()
    gc.freeze()
    gc.disable()
    made["__main__.Plain"] += frozen
    del frozen
    young = [Plain(2000 + number) for number in range(5)]
    made["__main__.Plain"] += young
    gc.collect(0)
    made["__main__.Plain"] += [Plain(3000 + number) for number in range(5)]
    del young
    gc.enable()
    gc.set_threshold(0)
    for number, one in enumerate(made["__main__.Slotted"]):
        extra += [one] * (number % 7)
    one = None

    report = []
    addresses = set()
    for name, objects in made.items():
        for index in range(len(objects)):
            # The word of the interpreter, without the reference that asking takes.
            references = sys.getrefcount(objects[index]) - 1
            entry = {"type": name, "id": id(objects[index]), "size": sys.getsizeof(objects[index])}
            entry["tracked"] = gc.is_tracked(objects[index])
            entry["references"] = references
            entry["repr"] = repr(objects[index])
            report.append(entry)
            addresses.add(id(objects[index]))
    found = generation_of(addresses)
    for entry in report:
        entry["generation"] = found.get(entry["id"])
    with open(sys.argv[1], "w") as file:
        json.dump({"pid": os.getpid(), "objects": report, "counts": [len(made[name]) for name in made]}, file)
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
