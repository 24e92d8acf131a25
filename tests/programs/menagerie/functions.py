# SPDX-License-Identifier: MIT
"""Code that waits somewhere: functions, frames, generators, coroutines, exceptions."""

import functools
import sys
import types

from . import part

TRACKED = []


def closure(depth):
    first, second = [depth], {depth: None}

    def inner(argument, *rest, keyword=TRACKED, **options):
        nonlocal second
        second = argument
        return first, second, rest, keyword, options

    return inner


def annotated(one: int, two: "str" = "", *, three: list = None) -> dict:
    """A function with annotations, defaults and a dictionary."""
    return {one: two, "three": three}


annotated.attribute = TRACKED


def wide_source(count):
    """A function of many locals, whose stack must also hold as many arguments."""
    names = ["local%d" % number for number in range(count)]
    lines = ["def wide(see):", "    see(%s)" % ", ".join("[]" for _ in names)]
    lines += ["    %s = see" % name for name in names]
    lines += ["    def cells(): return %s" % ", ".join(names[:10]), "    yield cells"]
    return "\n".join(lines)


class Methods:
    def method(self):
        return self

    @classmethod
    def of_class(cls):
        return cls

    @staticmethod
    def static():
        return None

    @property
    def attribute(self):
        return self

    @functools.lru_cache(maxsize=4)
    def cached(self, argument):
        return [argument]

    @functools.singledispatchmethod
    def dispatched(self, argument):
        return argument


@part
def functions():
    yield closure(1)
    yield closure(2).__closure__
    yield annotated
    yield annotated.__annotations__
    yield lambda: TRACKED
    yield types.CellType(TRACKED)
    yield types.CellType()
    yield types.FunctionType(annotated.__code__, {})
    code = compile("value = [x for x in range(3)]\n" * 400, "<large>", "exec")
    yield types.FunctionType(code, {})
    scope = {}
    exec(wide_source(400), scope)
    yield scope


@part
def methods():
    instance = Methods()
    yield instance.method
    yield Methods.of_class
    yield Methods.__dict__["of_class"]
    yield Methods.__dict__["static"]
    yield Methods.__dict__["attribute"]
    yield Methods.__dict__["attribute"].setter(len)
    yield instance.dispatched
    yield [].append
    yield str.join
    yield "".join
    yield len
    yield object().__str__
    yield (1).__add__
    yield int.__add__
    yield int.__dict__["from_bytes"]
    yield dict.__dict__["fromkeys"]
    yield int.real
    yield types.FunctionType.__dict__["__closure__"]
    yield types.MethodType(len, [])
    yield types.DynamicClassAttribute(len)
    for number in range(7):
        instance.cached(number)
    yield Methods.__dict__["cached"]
    yield instance.cached


@part
def functools_objects():
    import operator

    yield functools.partial(closure, 1)
    yield functools.partial(closure, *range(50), keyword=TRACKED)
    marked = functools.partial(closure)
    marked.attribute = TRACKED
    yield marked
    yield functools.partialmethod(closure, 1)
    yield functools.cmp_to_key(lambda a, b: 0)
    yield functools.cmp_to_key(lambda a, b: 0)(1)
    for limit in (0, 3, None):
        cached = functools.lru_cache(maxsize=limit, typed=bool(limit))(closure)
        for number in range(10):
            cached(number)
        yield cached
    yield functools.singledispatch(closure)
    yield functools.cached_property(closure)
    yield functools.wraps(closure)(lambda: None)
    yield operator.itemgetter(1)
    yield operator.itemgetter(1, 2, slice(3))
    yield operator.attrgetter("one")
    yield operator.attrgetter("one.two", "three")
    yield operator.methodcaller("one")
    yield operator.methodcaller("one", TRACKED, two=2)


def numbers(count):
    for number in range(count):
        received = yield number, TRACKED
        del received


def delegating(depth):
    cell = [depth]
    if depth:
        yield from delegating(depth - 1)
    yield lambda: cell


@part
def generators():
    yield numbers(3)  # not started
    for steps in (1, 2, 3):
        suspended = numbers(3)
        for _ in range(steps):
            next(suspended)
        yield suspended
    finished = numbers(1)
    list(finished)
    yield finished
    closed = numbers(3)
    next(closed)
    closed.close()
    yield closed
    for depth in (0, 1, 20):
        waiting = delegating(depth)
        next(waiting)
        yield waiting
        yield waiting.gi_frame
    yield (number for number in TRACKED)
    nested = ((a, b) for a in range(3) for b in (c for c in range(a + 1)))
    next(nested)
    yield nested
    yield nested.gi_frame
    raised = numbers(3)
    next(raised)
    try:
        raised.throw(ValueError("thrown"))
    except ValueError as error:
        yield error
    yield raised
    for count in (1, 30, 400):
        scope = {}
        exec(wide_source(count), scope)
        waiting = scope["wide"](lambda *arguments: arguments)
        yield waiting
        waiting = scope["wide"](lambda *arguments: arguments)
        next(waiting)
        yield waiting
        yield waiting.gi_frame


class Waiting:
    """Suspends whoever awaits it."""

    def __await__(self):
        yield self


@types.coroutine
def old_coroutine():
    yield TRACKED


async def coroutine(depth):
    local = [depth]
    if depth:
        await coroutine(depth - 1)
    await Waiting()
    await old_coroutine()
    return local


async def asynchronous(count):
    for number in range(count):
        yield number
        await Waiting()


async def consume(count):
    async for number in asynchronous(count):
        del number
    return [number async for number in asynchronous(count)]


@part
def coroutines():
    yield coroutine(0)
    for depth in (0, 1, 15):
        suspended = coroutine(depth)
        suspended.send(None)
        yield suspended
        yield suspended.cr_frame
    yield coroutine(1).__await__()
    finished = coroutine(0)
    try:
        while True:
            finished.send(None)
    except StopIteration:
        pass
    yield finished
    yield old_coroutine()
    consuming = consume(3)
    consuming.send(None)
    yield consuming


@part
def asynchronous_generators():
    yield asynchronous(3)
    started = asynchronous(3)
    step = started.asend(None)
    try:
        step.send(None)
    except StopIteration:
        pass
    yield started
    yield started.ag_frame
    step = started.asend(None)
    step.send(None)
    yield step
    yield asynchronous(2).asend(None)
    yield asynchronous(2).athrow(ValueError)
    yield asynchronous(2).aclose()
    yield asynchronous(2).__anext__()
    builtin = vars(__import__("builtins"))
    if "anext" in builtin:  # 3.10
        waiting = builtin["anext"](asynchronous(2), TRACKED)
        yield waiting
        waiting = builtin["anext"](asynchronous(2), TRACKED)
        next(waiting.__await__(), None)
        yield waiting
    origin = sys.get_coroutine_origin_tracking_depth()
    sys.set_coroutine_origin_tracking_depth(5)
    try:
        yield coroutine(2)
    finally:
        sys.set_coroutine_origin_tracking_depth(origin)


class Cleared(Exception):
    pass


def fail(depth, error):
    local = {depth: [depth]}
    if depth:
        fail(depth - 1, error)
    else:
        raise error
    return local


def failed(depth, error):
    try:
        fail(depth, error)
    except BaseException as caught:
        return caught


@part
def exceptions():
    yield failed(0, ValueError("text"))
    yield failed(40, KeyError(TRACKED))
    yield failed(3, OSError(2, "text", "name"))
    yield failed(1, UnicodeDecodeError("utf-8", b"\xff", 0, 1, "reason"))
    yield failed(1, SystemExit(TRACKED))
    yield failed(1, StopIteration(TRACKED))
    yield failed(1, ImportError("text", name="name", path="path"))
    yield failed(1, BlockingIOError(11, "text", 3))
    yield failed(1, MemoryError())
    yield failed(1, RecursionError())
    yield MemoryError()
    yield BaseException()
    yield Exception(*range(200))
    for source in ("1 +", "if x:\n", "\tx\n  y"):
        try:
            compile(source, "<source>", "exec")
        except SyntaxError as error:
            yield error
    for source in ("undefined_name", "[].undefined_attribute", "import undefined_module", "1 / 0"):
        try:
            exec(source, {})
        except Exception as error:
            yield error
    try:
        try:
            fail(2, ValueError())
        except ValueError as error:
            raise Cleared("chained") from error
    except Cleared as error:
        error.attribute = TRACKED
        yield error
        yield error.__traceback__
        yield error.__traceback__.tb_frame
    cleared = failed(5, Cleared())
    traceback = cleared.__traceback__.tb_next
    while traceback:
        traceback.tb_frame.clear()
        traceback = traceback.tb_next
    yield cleared
    for kind in BaseException.__subclasses__() + Exception.__subclasses__() + OSError.__subclasses__():
        if kind.__module__ == "builtins":
            try:
                yield kind()
            except TypeError:
                yield kind


def frame_of(depth, locals_too):
    local = [depth]
    if depth:
        return frame_of(depth - 1, locals_too)
    frame = sys._getframe()
    if locals_too:
        frame.f_locals
    del local
    return frame


@part
def frames():
    for depth in (0, 5, 60):
        yield frame_of(depth, False)
        yield frame_of(depth, True)
    traced = frame_of(0, False)
    traced.f_trace_opcodes = True
    yield traced
    yield sys._getframe()

    class Body:
        frame = sys._getframe()

    yield Body
    scope = {"sys": sys}
    exec("frame = sys._getframe()", scope)
    yield scope
    yield [sys._getframe() for _ in range(3)]
    yield list(map(lambda _: sys._getframe(), range(3)))
