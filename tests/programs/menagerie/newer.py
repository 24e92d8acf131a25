# SPDX-License-Identifier: MIT
"""What came after 3.8 as syntax or as builtin types. Syntax is kept in strings: this file is 3.8's."""

from . import part

TRACKED = []


def run(source):
    """The names that a piece of newer Python defines, but for its builtins."""
    scope = {"__name__": __name__, "TRACKED": TRACKED}
    exec(source, scope)
    del scope["__builtins__"]
    return scope


@part
def exception_groups():  # 3.11
    yield run(
        """
try:
    raise ExceptionGroup("text", [ValueError(1), ExceptionGroup("inner", [KeyError(TRACKED)])])
except* ValueError as caught:
    value = caught
except* KeyError as caught:
    key = caught
base = BaseExceptionGroup("text", [KeyboardInterrupt()])
noted = ValueError("text")
noted.add_note("note")
noted.add_note("another")
"""
    )


@part
def pattern_matching():  # 3.10
    yield run(
        """
def classify(thing):
    match thing:
        case {"key": [first, *rest], **others}:
            return lambda: (first, rest, others)
        case str() | bytes():
            return TRACKED
class Positional:
    __match_args__ = ("one", "two")
    def __init__(self):
        self.one = self.two = TRACKED
closure = classify({"key": [1, 2], "other": 3})
instance = Positional()
"""
    )


@part
def slotted_dataclasses():  # 3.10
    yield run(
        """
import dataclasses
@dataclasses.dataclass(slots=True, kw_only=True)
class Record:
    one: int = 1
    two: list = None
records = [Record(two=TRACKED) for _ in range(5)]
"""
    )


@part
def type_parameters():  # 3.12
    yield run(
        """
type Alias[T] = list[T] | dict[str, "Alias[T]"]
class Box[T: (int, str), *Ts, **P]:
    content: T
def function[T](argument: T) -> T:
    return argument
alias = Alias[int]
value = Alias.__value__
parameters = Alias.__type_params__ + Box.__type_params__
bound = Box.__type_params__[0].__constraints__
box = Box()
"""
    )


@part
def parameter_defaults():  # 3.13
    yield run(
        """
class Box[T = int]:
    pass
default = Box.__type_params__[0].__default__
import warnings
@warnings.deprecated("text")
def old():
    pass
"""
    )


@part
def frame_locals():  # 3.13
    yield run(
        """
import sys
def function():
    local = TRACKED
    frame = sys._getframe()
    proxy = frame.f_locals
    proxy["extra"] = TRACKED
    return frame, proxy
kept = function()
"""
    )


@part
def deferred_annotations():  # 3.14
    yield run(
        """
import annotationlib
class Annotated:
    one: int
    two: Undefined
def function(argument: Undefined) -> int:
    pass
forward = annotationlib.get_annotations(Annotated, format=annotationlib.Format.FORWARDREF)
evaluated = annotationlib.get_annotations(function, format=annotationlib.Format.STRING)
lazy = Annotated.__annotate__
"""
    )


@part
def template_strings():  # 3.14
    yield run(
        """
name = TRACKED
template = t"text {name!r:>10} more {name}"
parts = template.interpolations
iterator = iter(template)
"""
    )


@part
def zstandard():  # 3.14
    import compression.zstd as zstd

    yield zstd.ZstdCompressor()
    yield zstd.ZstdDecompressor()
    yield zstd.ZstdDict(bytes(100), is_raw=True)


@part
def interpreters():  # 3.14
    import concurrent.interpreters

    yield concurrent.interpreters.create_queue()
    yield concurrent.interpreters.get_current()


@part
def frozen_dicts():  # 3.15
    frozendict = __import__("builtins").frozendict
    for count in (0, 1, 5, 6, 100, 5000):
        yield frozendict({"key%d" % number: TRACKED for number in range(count)})
        yield frozendict({number: TRACKED for number in range(count)})
    kind = type("OwnFrozen", (frozendict,), {})
    own = kind(one=TRACKED)
    own.attribute = TRACKED
    yield own
    yield frozendict(one=TRACKED).items()
    yield iter(frozendict(one=TRACKED))


@part
def sentinels():  # 3.15
    sentinel = __import__("builtins").sentinel
    yield sentinel("MISSING")
    yield [sentinel("OTHER")]


@part
def lazy_imports():  # 3.15
    yield run(
        """
lazy import antigravity
lazy from colorsys import rgb_to_hls
"""
    )


@part
def slices():
    yield slice([], {}, ())  # tracked from 3.12 on
    yield slice(1, 2)


@part
def buffers_of_python():  # 3.12
    class Exporter:
        def __buffer__(self, flags):
            return memoryview(b"text")

    exporter = Exporter()
    yield exporter
    yield memoryview(exporter)


@part
def monitoring():  # 3.12
    import sys

    tool = sys.monitoring.PROFILER_ID
    sys.monitoring.use_tool_id(tool, "menagerie")

    def watched(count):
        for number in range(count):
            yield number

    sys.monitoring.register_callback(tool, sys.monitoring.events.LINE, lambda code, line: None)
    sys.monitoring.set_local_events(tool, watched.__code__, sys.monitoring.events.LINE)
    suspended = watched(3)
    next(suspended)
    yield suspended
    yield watched
    sys.monitoring.set_local_events(tool, watched.__code__, 0)
    sys.monitoring.free_tool_id(tool)
