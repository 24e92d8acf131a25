# SPDX-License-Identifier: MIT
"""Iterators half way, of everything that can be iterated."""

import collections
import itertools

from . import part


def begun(iterator, steps=1):
    for _ in range(steps):
        next(iterator, None)
    return iterator


def each_way(iterable):
    """Its iterator: fresh, begun, exhausted."""
    yield iter(iterable)
    yield begun(iter(iterable))
    exhausted = iter(iterable)
    for _ in exhausted:
        pass
    yield exhausted


class Old:
    def __getitem__(self, index):
        if index > 3:
            raise IndexError(index)
        return index


class Callable:
    def __call__(self):
        return 1


@part
def builtin_iterators():
    table = {"a": [], "b": []}
    ordered = collections.OrderedDict(table)
    line = collections.deque("abc")
    for iterable in (
        [1, 2, 3],
        (1, 2, 3),
        "ascii",
        "\u0416\u0443\u043a",
        b"bytes",
        bytearray(b"bytes"),
        {1, 2, 3},
        frozenset("abc"),
        range(10),
        range(10**30, 10**30 + 5),
        line,
        Old(),
        memoryview(b"bytes"),
    ):
        yield from each_way(iterable)
    for mapping in (table, ordered):
        for view in (mapping, mapping.keys(), mapping.values(), mapping.items()):
            yield from each_way(view)
            try:
                yield reversed(view)
            except TypeError:  # before 3.8's reversible views of some kinds
                pass
    for sequence in ([1, 2, 3], (1, 2, 3), "text", range(5), line, collections.UserList([1])):
        yield reversed(sequence)
        yield begun(reversed(sequence))
    yield iter(Callable(), 5)
    yield begun(enumerate("abc"))
    yield enumerate("abc", 10**20)
    yield begun(zip("abc", [1, 2], range(3)))
    yield begun(map(max, "abc", "abd"))
    yield begun(filter(None, [1, 2, 3]))


@part
def itertools_iterators():
    yield begun(itertools.count())
    yield begun(itertools.count(10**20, 3))
    yield begun(itertools.count(0.5, 0.25))
    yield begun(itertools.cycle("abc"), 5)
    yield itertools.repeat([])
    yield itertools.repeat([], 5)
    yield begun(itertools.accumulate([1, 2, 3]))
    yield begun(itertools.accumulate([1, 2, 3], max, initial=5))
    yield begun(itertools.chain("ab", "cd"))
    yield begun(itertools.chain.from_iterable(["ab", "cd"]))
    yield begun(itertools.compress("abc", [1, 0, 1]))
    yield begun(itertools.dropwhile(bool, [1, 0, 1]))
    yield begun(itertools.takewhile(bool, [1, 0, 1]))
    yield begun(itertools.filterfalse(bool, [1, 0, 1]))
    yield begun(itertools.islice(range(100), 5, 50, 3))
    yield begun(itertools.starmap(max, [(1, 2), (3, 4)]))
    yield from itertools.tee("abcdef", 3)
    deep = itertools.tee(range(200))
    begun(deep[0], 150)
    yield deep
    groups = itertools.groupby("aabb")
    yield groups
    yield begun(groups)
    yield next(groups)[1]
    yield begun(itertools.zip_longest("abc", [1], fillvalue=[]))


@part
def combinatoric_iterators():
    for steps in (0, 1, 3, 1000):
        yield begun(itertools.product("abc", [1, 2], repeat=2), steps)
        yield begun(itertools.product(range(2), repeat=9), steps)
        yield begun(itertools.permutations("abcd", 3), steps)
        yield begun(itertools.permutations(range(12), 2), steps)
        yield begun(itertools.combinations("abcdef", 4), steps)
        yield begun(itertools.combinations_with_replacement("abcdef", 5), steps)
    yield itertools.product()
    yield itertools.permutations([])
    yield itertools.combinations([], 3)


@part
def newer_iterators():
    yield begun(itertools.pairwise("abcd"))  # 3.10
    yield begun(itertools.batched(range(10), 3))  # 3.12


@part
def iterator_subclasses():
    for base, arguments in (
        (itertools.count, ()),
        (itertools.cycle, ("abc",)),
        (itertools.product, ("abc", "de")),
        (itertools.permutations, ("abc",)),
        (itertools.combinations, ("abc", 2)),
        (itertools.chain, ("abc",)),
        (enumerate, ("abc",)),
        (zip, ("abc",)),
        (map, (str, "abc")),
        (filter, (None, "abc")),
    ):
        kind = type("Own" + base.__name__.capitalize(), (base,), {})
        made = begun(kind(*arguments))
        made.attribute = []
        yield made
