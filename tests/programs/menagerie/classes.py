# SPDX-License-Identifier: MIT
"""Classes and their instances: every way to lay out attributes."""

import abc
import collections
import enum
import types
import weakref

from . import part

TRACKED = []


class Plain:
    pass


class Attributed:
    def __init__(self, count):
        for number in range(count):
            setattr(self, "attribute%d" % number, TRACKED)


class Slotted:
    __slots__ = ("one", "two", "three")


class SlottedChild(Slotted):
    __slots__ = ("four",)


class SlottedWithDict(Slotted):
    __slots__ = ("__dict__",)


class SlottedWithWeakref(Slotted):
    __slots__ = ("__weakref__",)


class SlottedOpen(Slotted):
    """Gets a __dict__ and a __weakref__ by saying nothing."""


class Wide:
    __slots__ = tuple("slot%d" % number for number in range(200))


class Left(Plain):
    def left(self):
        return super().left


class Right(Plain):
    right = 1


class Both(Left, Right):
    pass


@part
def plain_instances():
    for kind in (Plain, Left, Right, Both):
        for _ in range(10):
            yield kind()
        filled = kind()
        filled.one = TRACKED
        filled.two = 2
        yield filled
    yield object()


@part
def attribute_tables():
    class Dense:
        def __init__(self):
            self.first, self.second, self.third = TRACKED, 2, 3

    for _ in range(20):
        yield Dense()
    extended = Dense()
    extended.fourth = 4
    yield extended
    reduced = Dense()
    del reduced.second
    yield reduced
    emptied = Dense()
    del emptied.first, emptied.second, emptied.third
    yield emptied
    shown = Dense()
    yield shown.__dict__
    yield shown
    grown = Dense()
    yield vars(grown)
    for number in range(50):
        setattr(grown, "more%d" % number, number)
    yield grown
    replaced = Dense()
    replaced.__dict__ = {"one": TRACKED}
    yield replaced
    dropped = Dense()
    dropped.one = 1
    vars(dropped)
    del dropped.__dict__
    yield dropped
    cleared = Dense()
    vars(cleared).clear()
    yield cleared
    numbered = Dense()
    vars(numbered)[1] = TRACKED
    yield numbered
    updated = Dense()
    vars(updated).update({"updated%d" % number: TRACKED for number in range(5)})
    yield updated
    yield vars(Dense())  # outlives its instance
    yield vars(Dense()).copy()
    copied = Dense()
    copied.__dict__ = vars(shown).copy()
    yield copied
    borrowed = Dense()
    borrowed.__dict__ = vars(shown)
    yield borrowed


@part
def diverging_keys():
    class Diverging:
        pass

    for number in range(60):
        instance = Diverging()
        for other in range(number, number + 5):
            setattr(instance, "name%d" % other, TRACKED)
        yield instance
    late = Diverging()
    late.name3 = TRACKED
    late.name1 = TRACKED
    yield late
    yield vars(late)


@part
def many_attributes():
    for count in (0, 1, 5, 6, 16, 29, 30, 31, 32, 60, 500):
        kind = type("Attributed%d" % count, (Attributed,), {})
        for _ in range(4):
            yield kind(count)
        opened = kind(count)
        yield vars(opened)
        yield opened
        shortened = kind(count)
        for number in range(count // 2):
            delattr(shortened, "attribute%d" % number)
        yield shortened


@part
def slotted_instances():
    for kind in (Slotted, SlottedChild, SlottedWithDict, SlottedWithWeakref, SlottedOpen, Wide):
        yield kind
        yield kind()
        filled = kind()
        for name in ("one", "two", "slot7"):
            try:
                setattr(filled, name, TRACKED)
            except AttributeError:
                pass
        yield filled
    free = SlottedWithDict()
    free.other = TRACKED
    yield free
    seen = SlottedWithWeakref()
    yield seen
    yield weakref.ref(seen)
    opened = SlottedOpen()
    opened.other = 1
    yield opened
    yield vars(opened)


def subclasses_of(base, *values):
    """Instances of subclasses of a builtin with and without __dict__, __weakref__ and slots."""
    name = base.__name__.capitalize()
    kinds = [type("Open" + name, (base,), {})]
    for suffix, slots in (("Bare", ()), ("Dict", ("__dict__",)), ("Both", ("__dict__", "__weakref__")), ("Slots", ("a", "b"))):
        try:
            kinds.append(type(suffix + name, (base,), {"__slots__": slots}))
        except TypeError:  # types of variable size take no slots
            pass
    kinds.append(type("Deep" + name, (kinds[0],), {}))
    for kind in kinds:
        for value in values:
            try:
                made = kind(*value)
            except AttributeError:  # a property without room for its __doc__
                continue
            yield made
            if hasattr(made, "__dict__"):
                marked = kind(*value)
                try:
                    marked.attribute = TRACKED
                    yield marked
                    yield vars(marked)
                except AttributeError:
                    pass
            if kind.__weakrefoffset__:
                yield weakref.ref(made)


@part
def int_subclasses():
    yield from subclasses_of(int, (), (1,), (-1,), (2**29,), (2**31,), (-(2**100),), (1 << 5000,))


@part
def number_subclasses():
    yield from subclasses_of(float, (), (1.5,))
    yield from subclasses_of(complex, (), (1, 2))


@part
def text_subclasses():
    yield from subclasses_of(str, (), ("ascii",), ("caf\xe9",), ("\u0416\u0443\u043a",), ("\U0001f40d",), ("a" * 1000,))
    yield from subclasses_of(bytes, (), (b"bytes",), (b"x" * 777,))
    yield from subclasses_of(bytearray, (), (b"bytes",), (b"x" * 777,))


@part
def encoded_text_subclasses():
    # The UTF-8 form that a str keeps after it was asked for by C code that wants a char *.
    kind = type("Encoded", (str,), {})
    for text in ("name", "n\xe4me", "\u0438\u043c\u044f", "\U0001f40d"):
        made = kind(text)
        try:
            int(made)
        except ValueError:
            pass
        try:
            type("Probe", (), {})().__getattribute__(made)
        except AttributeError:
            pass
        made.attribute = TRACKED
        yield made


@part
def container_subclasses():
    yield from subclasses_of(tuple, (), ((1, 2, 3),), (range(100),))
    yield from subclasses_of(list, (), ([1, 2],), (range(100),))
    yield from subclasses_of(dict, (), ({"a": TRACKED},), ({1: 2, 3: 4},))
    yield from subclasses_of(set, (), ("abc",), (range(100),))
    yield from subclasses_of(frozenset, (), ("abc",), (range(100),))
    yield from subclasses_of(collections.deque, (), ("abc",), (range(100),))
    yield from subclasses_of(collections.OrderedDict, (), ({"a": TRACKED},))
    yield from subclasses_of(collections.defaultdict, (), (list, {"a": TRACKED}))


@part
def other_subclasses():
    yield from subclasses_of(property, (len,))
    yield from subclasses_of(staticmethod, (len,))
    yield from subclasses_of(classmethod, (len,))
    yield from subclasses_of(types.ModuleType, ("module",))
    yield from subclasses_of(super, (int, 1))
    yield from subclasses_of(enumerate, ("abc",))
    yield from subclasses_of(zip, ("abc", "def"))
    yield from subclasses_of(reversed, ([1, 2],))
    yield from subclasses_of(map, (len, "abc"))
    yield from subclasses_of(weakref.ref, (Plain,))
    yield from subclasses_of(types.SimpleNamespace, ())


class Meta(type):
    registry = {}

    def __new__(meta, name, bases, namespace, **options):
        made = super().__new__(meta, name, bases, namespace)
        meta.registry[name] = made
        return made

    def __repr__(cls):
        return "not its name"

    @property
    def upper(cls):
        return cls.__name__.upper()


class Made(metaclass=Meta):
    one = 1


class Named:
    def __init_subclass__(cls, **options):
        cls.options = options

    def __set_name__(self, owner, name):
        self.owner = owner


class Methodical:
    def method(self):
        pass


class Descriptor:
    def __get__(self, instance, owner=None):
        return self

    def __set__(self, instance, value):
        pass


class Owner(Named, option=1):
    described = Descriptor()
    named = Named()

    class Inner:
        class Innermost:
            pass


@part
def metaclasses():
    yield Made
    yield Made()
    yield Owner()
    yield Owner.Inner.Innermost()
    for number in range(20):
        yield Meta("Made%d" % number, (Made,), {"attribute%d" % other: other for other in range(number)})
    yield type("Anonymous", (), {})
    yield types.new_class("Fresh", (Made,), {}, lambda namespace: namespace.update(two=2))


@part
def oddly_named_classes():
    yield type("Gr\xf6\xdfe", (), {})()
    yield type("\u7c7b\u578b", (), {})()
    yield type("Snake\U0001f40d", (), {})()
    yield type("long" * 200, (), {})()
    yield type("Elsewhere", (), {"__module__": "somewhere.else"})()
    yield type("Renamed", (), {"__qualname__": "Outer.<locals>.Renamed"})()
    yield type("Builtin", (), {"__module__": "builtins"})()
    yield type("Unplaced", (), {"__module__": None})()
    yield type("Empty", (), {"__module__": ""})()
    yield type("With\tcontrol\x1b]0;characters\x07", (), {})()
    late = type("Early", (), {})
    late.__name__ = "Late"
    late.__qualname__ = "Much.Later"
    late.__module__ = "later"
    yield late()


@part
def classes_in_loops():
    for number in range(1000):
        kind = collections.namedtuple("Record%d" % number, "a b c")
        yield kind
        yield kind(TRACKED, number, None)
    for number in range(300):
        kind = type("Local", (), {"number": number})
        instance = kind()
        instance.value = TRACKED
        yield instance


@part
def big_classes():
    for count in (10, 31, 200, 3000):
        yield type("Big%d" % count, (), {"name%d" % number: number for number in range(count)})
    mutable = type("Mutable", (), {})
    for number in range(100):
        setattr(mutable, "name%d" % number, number)
    for number in range(0, 100, 2):
        delattr(mutable, "name%d" % number)
    yield mutable
    chain = Plain
    for number in range(60):
        chain = type("Chain%d" % number, (chain,), {"level": number})
    yield chain
    instance = chain()
    instance.one = TRACKED
    yield instance


@part
def abstract_classes():
    class Abstract(abc.ABC):
        @abc.abstractmethod
        def method(self):
            pass

    class Concrete(Abstract):
        def method(self):
            pass

    Abstract.register(int)
    isinstance(1, Abstract)
    isinstance("", Abstract)
    yield Abstract
    yield Concrete()


@part
def enums():
    class Colour(enum.Enum):
        RED = 1
        GREEN = 2

    class Number(enum.IntEnum):
        ONE = 1
        MANY = 10**30

    class Bits(enum.Flag):
        A = 1
        B = 2

    class Mode(enum.IntFlag):
        A = 1
        B = 2

    class Word(str, enum.Enum):
        A = "a"

    yield list(Colour) + list(Number) + list(Word)
    yield Bits.A | Bits.B
    yield Mode.A | Mode.B | 64
    yield Colour.__members__
    yield enum.auto()
    yield enum.unique(Colour)


@part
def dataclasses():
    import dataclasses

    @dataclasses.dataclass
    class Record:
        one: int = 1
        many: list = dataclasses.field(default_factory=list)

    @dataclasses.dataclass(frozen=True, order=True)
    class Frozen:
        one: int = 1

    for _ in range(10):
        yield Record()
    yield Frozen()
    yield Record
    yield dataclasses.fields(Record)
    yield dataclasses.make_dataclass("Quick", ["a", "b"])(1, TRACKED)


class Finalised:
    def __del__(self):
        pass


@part
def finalised():
    import gc

    yield Finalised()
    cycle = Finalised()
    cycle.self = cycle
    yield cycle
    # The collector calls __del__ and finds it alive again: its header keeps the mark.
    saved = []

    class Revived:
        def __del__(self):
            saved.append(self)

    for _ in range(5):
        revived = Revived()
        revived.self = revived
    del revived
    gc.collect()
    yield saved


@part
def weak_references():
    target = Plain()
    yield target
    yield weakref.ref(target)
    yield weakref.ref(target, id)
    yield weakref.proxy(target)
    yield weakref.proxy(target, id)
    yield weakref.proxy(len)
    yield weakref.ref(Plain())  # dead
    yield weakref.WeakSet([target])
    yield weakref.WeakKeyDictionary({target: 1})
    yield weakref.WeakValueDictionary({1: target})
    yield weakref.WeakMethod(Methodical().method)
    yield weakref.finalize(target, id, 1)
    seen = [Plain() for _ in range(200)]
    yield seen
    yield weakref.WeakSet(seen)


@part
def super_objects():
    yield super(Left, Both())
    yield super(Left)
    yield super(Meta, Made)
