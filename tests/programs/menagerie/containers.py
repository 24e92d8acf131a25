# SPDX-License-Identifier: MIT
"""dict, OrderedDict, set, list, tuple, deque and their kin, in each state that changes their size."""

import array
import collections
import types

from . import part

# A value that makes the dict or tuple it is in one that the collector tracks.
TRACKED = []


class Text(str):
    """A key that is no exact str makes a dict use its table for keys of any kind."""


def text_keys(count):
    return {"key%d" % number: TRACKED for number in range(count)}


def number_keys(count):
    return {number: TRACKED for number in range(count)}


@part
def dicts_of_each_size():
    for count in list(range(130)) + [170, 171, 172, 341, 342, 683, 1366, 21845, 21846, 43690, 43691, 90000]:
        yield text_keys(count)
        yield number_keys(count)


@part
def dicts_in_each_state():
    yield {}
    yield dict()
    yield dict.__new__(dict)
    yield dict(one=TRACKED, two=TRACKED)
    yield dict([("one", TRACKED)])
    yield dict.fromkeys(range(20), TRACKED)
    yield dict.fromkeys({"a", "b", "c"}, TRACKED)
    yield dict.fromkeys(text_keys(50), TRACKED)
    for make in (text_keys, number_keys):
        for count in (1, 5, 6, 11, 100, 3000):
            cleared = make(count)
            cleared.clear()
            yield cleared
            emptied = make(count)
            while emptied:
                emptied.popitem()
            yield emptied
            thinned = make(count)
            for key in list(thinned)[: count - 2]:
                del thinned[key]
            yield thinned
            refilled = make(count)
            for key in list(refilled)[: count // 2]:
                del refilled[key]
            for number in range(count):
                refilled["new%d" % number] = TRACKED
            yield refilled
            yield make(count).copy()
            yield dict(make(count))
            yield {**make(count), "one": 1}
            updated = {}
            updated.update(make(count))
            yield updated
    mixed = text_keys(10)
    mixed[1] = TRACKED
    yield mixed
    del mixed[1]
    subclassed = text_keys(10)
    subclassed[Text("text")] = TRACKED
    yield subclassed
    yield {Text("one"): TRACKED}
    yield {("a", number): TRACKED for number in range(40)}
    yield {None: TRACKED, 1.5: TRACKED, b"": TRACKED, frozenset(): TRACKED}
    popped = text_keys(40)
    for key in list(popped):
        popped.setdefault(key, None)
        popped.pop(key)
    popped["one"] = TRACKED
    yield popped


class Missing(dict):
    def __missing__(self, key):
        return key


class SlottedDict(dict):
    __slots__ = ("more",)


@part
def dict_subclasses():
    for make in (Missing, SlottedDict, collections.OrderedDict, collections.Counter):
        yield make()
        yield make({number: number for number in range(30)})
    attributes = Missing(text_keys(3))
    attributes.extra = attributes
    yield attributes
    slotted = SlottedDict(text_keys(100))
    slotted.more = slotted
    yield slotted
    yield collections.defaultdict(list)
    grouped = collections.defaultdict(list)
    for number in range(1000):
        grouped[number % 77].append(number)
    yield grouped
    yield collections.Counter("abracadabra" * 5)
    yield collections.ChainMap({}, {"one": TRACKED})
    yield collections.UserDict(one=TRACKED)
    yield collections.UserList([1, 2])
    yield collections.UserString("text")


class Ordered(collections.OrderedDict):
    pass


@part
def ordered_dicts():
    for kind in (collections.OrderedDict, Ordered):
        for count in (0, 1, 5, 6, 30, 500, 20000):
            full = kind((number, TRACKED) for number in range(count))
            yield full
            moved = kind(full)
            for number in range(0, count, 3):
                moved.move_to_end(number)
            yield moved
            fewer = kind(full)
            for number in range(0, count, 2):
                del fewer[number]
            yield fewer
            refilled = kind(fewer)
            refilled.update(text_keys(count))
            yield refilled
            cleared = kind(full)
            cleared.clear()
            yield cleared
            yield full.copy()
    marked = Ordered(one=1)
    marked.attribute = TRACKED
    yield marked
    marked = collections.OrderedDict(one=1)
    marked.attribute = TRACKED
    yield marked


class Bag(set):
    pass


class Seal(frozenset):
    __slots__ = ()


@part
def sets():
    for kind in (set, frozenset, Bag, Seal):
        for count in (0, 1, 4, 5, 7, 8, 9, 20, 100, 5000, 60000):
            yield kind(range(count))
            yield kind("key%d" % number for number in range(count))
    for count in (3, 8, 50, 4000):
        dummies = set(range(count))
        for number in range(0, count, 2):
            dummies.discard(number)
        yield dummies
        emptied = set(range(count))
        while emptied:
            emptied.pop()
        yield emptied
        cleared = set(range(count))
        cleared.clear()
        yield cleared
        refilled = set(range(count))
        for number in range(count):
            refilled.remove(number)
            refilled.add("new%d" % number)
        yield refilled
        yield set(range(count)) | set(range(count, count * 2))
        yield set(range(count)) & set(range(0, count, 3))
        yield set(range(count)) ^ set(range(count // 2, count * 2))
        yield set(range(count)).copy()
    marked = Bag("abc")
    marked.attribute = TRACKED
    yield marked


class Row(list):
    pass


class SlottedRow(list):
    __slots__ = ("one", "two")


@part
def lists():
    for kind in (list, Row, SlottedRow):
        for count in (0, 1, 2, 3, 4, 5, 7, 8, 9, 60, 64, 65, 1000):
            yield kind(range(count))
            grown = kind()
            for number in range(count):
                grown.append(number)
            yield grown
            shrunk = kind(range(count))
            for _ in range(count * 2 // 3):
                shrunk.pop()
            yield shrunk
            cleared = kind(range(count))
            cleared.clear()
            yield cleared
            yield grown[:]
    yield [None] * 40
    yield [None] * 200000
    huge = list(range(300000))
    huge.extend(range(5))
    yield huge
    cut = list(range(100000))
    del cut[10:]
    yield cut
    inserted = [1, 2, 3]
    inserted[1:2] = range(50)
    yield inserted
    yield sorted("some text")
    yield [number for number in range(33)]
    marked = Row([1])
    marked.attribute = TRACKED
    yield marked


Point = collections.namedtuple("Point", "x y")


class Place(Point):
    """Has a __dict__, where Point has none."""


class Pair(tuple):
    __slots__ = ()


class Tagged(tuple):
    pass


@part
def tuples():
    for kind in (tuple, Pair, Tagged):
        for count in (0, 1, 2, 3, 19, 20, 21, 59, 60, 61, 62, 63, 64, 65, 70, 1000, 150000):
            yield kind([TRACKED] * count)
    yield Point(TRACKED, 2)
    place = Place(1, TRACKED)
    place.name = "here"
    yield place
    tagged = Tagged([1, 2, 3])
    tagged.attribute = TRACKED
    yield tagged


class Line(collections.deque):
    pass


@part
def deques():
    for kind in (collections.deque, Line):
        for count in (0, 1, 31, 32, 33, 63, 64, 65, 128, 129, 1000, 5000):
            plain = kind(range(count))
            yield plain
            left = kind()
            left.extendleft(range(count))
            yield left
            turned = kind(range(count))
            turned.rotate(count // 3)
            yield turned
            drained = kind(range(count))
            for _ in range(count * 3 // 4):
                drained.popleft()
            yield drained
            cleared = kind(range(count))
            cleared.clear()
            yield cleared
            wrapped = kind(maxlen=50)
            wrapped.extend(range(count))
            yield wrapped
            travelled = kind(range(count))
            for number in range(count):
                travelled.append(travelled.popleft())
            yield travelled
    yield collections.deque(maxlen=0)
    yield collections.deque("abc", maxlen=1)
    marked = Line("abc")
    marked.attribute = TRACKED
    yield marked


class Buffer(bytearray):
    pass


class Numbers(array.array):
    pass


@part
def buffers():
    for kind in (bytearray, Buffer):
        for count in (0, 1, 7, 100, 70000):
            yield kind(count)
            shifted = kind(b"x" * count)
            del shifted[: count // 3]
            yield shifted
            grown = kind()
            for _ in range(count):
                grown.append(7)
            yield grown
    for code in "bBuwhHiIlLqQfd":
        try:
            yield Numbers(code)
        except ValueError:
            continue
        for count in (1, 5, 1000):
            made = Numbers(code)
            for number in range(count):
                made.append("x" if code in "uw" else number % 100)
            yield made
            yield array.array(code, made)
    window = memoryview(bytearray(1000))
    yield window
    yield window[10:20]
    yield memoryview(array.array("d", range(64))).cast("B").cast("d", shape=[8, 8])
    released = memoryview(b"text")
    released.release()
    yield released


@part
def mappings():
    yield types.MappingProxyType(text_keys(5))
    yield types.SimpleNamespace(one=TRACKED, two=2)
    yield types.SimpleNamespace()
    for kept in (text_keys(7), collections.OrderedDict(text_keys(7))):
        yield kept.keys()
        yield kept.values()
        yield kept.items()
