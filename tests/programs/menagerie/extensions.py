# SPDX-License-Identifier: MIT
"""Objects of extension modules that keep memory of their own, or that lay themselves out by hand."""

from . import part

TRACKED = []


@part
def ctypes_types():
    import ctypes

    class Point(ctypes.Structure):
        _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_double), ("name", ctypes.c_char * 16)]

    class Packed(ctypes.Structure):
        _pack_ = 1
        _layout_ = "ms"
        _fields_ = [("a", ctypes.c_byte), ("b", ctypes.c_longlong)]

    class Bits(ctypes.Structure):
        _fields_ = [("a", ctypes.c_uint, 3), ("b", ctypes.c_uint, 5)]

    class Either(ctypes.Union):
        _fields_ = [("i", ctypes.c_int), ("d", ctypes.c_double)]

    class Nested(ctypes.Structure):
        _anonymous_ = ["either"]
        _fields_ = [("either", Either), ("points", Point * 10), ("next", ctypes.c_void_p)]

    class Child(Point):
        _fields_ = [("z", ctypes.c_float)]

    class Linked(ctypes.Structure):
        pass

    Linked._fields_ = [("next", ctypes.POINTER(Linked)), ("data", ctypes.py_object)]

    class Big(ctypes.BigEndianStructure):
        _fields_ = [("a", ctypes.c_int)]

    wide = type("Wide", (ctypes.Structure,), {"_fields_": [("field%d" % n, ctypes.c_int) for n in range(100)]})
    for kind in (Point, Packed, Bits, Either, Nested, Child, Linked, Big, wide):
        yield kind
        yield kind()
        yield kind * 3
        yield (kind * 3 * 2)()
        yield ctypes.POINTER(kind)
        yield ctypes.pointer(kind())
        yield ctypes.byref(kind())
    yield vars(Point)["x"]
    shown = Point()
    shown.attribute = TRACKED
    yield shown
    nested = Nested()
    yield nested.points[3]
    linked = Linked()
    linked.data = TRACKED
    linked.next = ctypes.pointer(linked)
    yield linked
    yield Point.from_buffer(bytearray(100))


@part
def ctypes_simple():
    import ctypes

    for name in "c_bool c_char c_wchar c_byte c_short c_int c_long c_size_t c_float c_double c_longdouble".split():
        kind = getattr(ctypes, name)
        yield kind()
        yield kind * 5
        yield (kind * 5)()
    yield ctypes.c_char_p(b"text")
    yield ctypes.c_wchar_p("text")
    yield ctypes.c_void_p(1)
    yield ctypes.py_object(TRACKED)
    yield ctypes.create_string_buffer(1000)
    yield ctypes.create_unicode_buffer(1000)
    own = type("OwnInt", (ctypes.c_int,), {})
    yield own(1)
    yield ctypes.cast(ctypes.create_string_buffer(10), ctypes.POINTER(ctypes.c_char))


@part
def ctypes_functions():
    import ctypes

    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
    yield kind
    yield kind(lambda a, b: 0)
    yield ctypes.PYFUNCTYPE(ctypes.py_object)
    library = ctypes.CDLL(None)
    yield library
    called = library.strlen
    called.argtypes = [ctypes.c_char_p]
    called.restype = ctypes.c_size_t
    called.errcheck = lambda result, function, arguments: result
    called(b"text")
    yield called
    yield ctypes.pythonapi.Py_IncRef


@part
def decimals():
    import decimal
    import fractions

    context = decimal.Context(prec=50, traps=[decimal.Inexact])
    yield context
    yield context.flags
    yield decimal.localcontext()
    kind = type("OwnDecimal", (decimal.Decimal,), {})
    for text in ("0", "1.5", "9" * 60, "9" * 5000, "NaN", "-Infinity"):
        yield [decimal.Decimal(text)]
        own = kind(text)
        own.attribute = TRACKED
        yield own
    yield fractions.Fraction(1, 3)


@part
def times():
    import datetime
    import time

    zone = datetime.timezone(datetime.timedelta(hours=2), "name")
    yield [zone, datetime.datetime.now(zone), datetime.time(1, 2, tzinfo=zone), datetime.date(2020, 1, 1)]
    for base, arguments in (
        (datetime.datetime, (2020, 1, 1)),
        (datetime.date, (2020, 1, 1)),
        (datetime.time, (1, 2)),
        (datetime.timedelta, (1,)),
        (datetime.tzinfo, ()),
    ):
        own = type("Own" + base.__name__.capitalize(), (base,), {})(*arguments)
        own.attribute = TRACKED
        yield own
    own = type("Zoned", (datetime.datetime,), {})(2020, 1, 1, tzinfo=zone)
    own.attribute = TRACKED
    yield own
    yield time.gmtime(0)
    yield time.get_clock_info("time")


@part
def zones():
    import io
    import zoneinfo

    # The smallest file there is: one zone, no transitions. The system may have none.
    counts = b"".join(number.to_bytes(4, "big") for number in (0, 0, 0, 0, 1, 4))
    data = b"TZif" + b"\0" * 16 + counts + (3600).to_bytes(4, "big") + b"\0\0" + b"OWN\0"
    yield zoneinfo.ZoneInfo.from_file(io.BytesIO(data), key="Own/Zone")
    second = b"TZif2" + b"\0" * 15 + counts + (3600).to_bytes(4, "big") + b"\0\0" + b"OWN\0"
    yield zoneinfo.ZoneInfo.from_file(io.BytesIO(second + second + b"\nOWN-1\n"))
    own = type("OwnZone", (zoneinfo.ZoneInfo,), {})
    yield own.from_file(io.BytesIO(data))


@part
def randoms():
    import random

    yield random.Random(1)
    yield random.SystemRandom()
    own = type("OwnRandom", (random.Random,), {})
    yield own(2)


@part
def threads():
    import _thread
    import queue
    import threading

    yield threading.local()
    local = threading.local()
    local.attribute = TRACKED
    yield local
    own = type("OwnLocal", (threading.local,), {"__init__": lambda self, *rest: None})
    yield own(1, 2)
    yield threading.Lock()
    held = threading.RLock()
    held.acquire()
    yield held
    yield _thread.allocate_lock()
    yield threading.Condition()
    yield threading.Event()
    yield threading.Semaphore(3)
    yield threading.Barrier(2)
    yield threading.Thread(target=print, args=(TRACKED,))
    yield threading.Timer(10, print)
    simple = queue.SimpleQueue()
    for number in range(100):
        simple.put(number)
    yield simple
    yield queue.SimpleQueue()
    for kind in (queue.Queue, queue.LifoQueue, queue.PriorityQueue):
        filled = kind()
        filled.put(1)
        yield filled
    yield threading.current_thread()
    yield threading.excepthook


@part
def contexts():
    import contextvars

    variable = contextvars.ContextVar("variable", default=TRACKED)
    yield variable
    token = variable.set([])
    yield token
    yield contextvars.Context()
    context = contextvars.copy_context()
    yield context
    # Enough of them for every kind of node of the tree.
    variables = [contextvars.ContextVar("variable%d" % number) for number in range(300)]

    def fill():
        for each in variables:
            each.set(TRACKED)

    context.run(fill)
    yield variables
    yield context.copy()
    yield context.items()
    yield begun(iter(context))
    yield begun(iter(context.keys()))
    yield begun(iter(context.values()))
    yield begun(iter(context.items()))


def begun(iterator):
    next(iterator)
    return iterator


@part
def asyncio_objects():
    import asyncio

    loop = asyncio.new_event_loop()
    yield loop

    async def waiting(future):
        await future

    async def start():
        futures = [loop.create_future() for _ in range(5)]
        tasks = [loop.create_task(waiting(future)) for future in futures]
        pending = loop.create_task(waiting(asyncio.gather(*[loop.create_task(asyncio.sleep(3600)) for _ in range(3)])))
        yield_now = asyncio.sleep(0)
        await yield_now
        await asyncio.sleep(0)
        futures[0].set_result(TRACKED)
        futures[1].set_exception(ValueError("text"))
        futures[2].cancel()
        futures[4].add_done_callback(print)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for task in tasks[:3]:
            try:
                await task
            except (ValueError, asyncio.CancelledError):
                pass
        handle = loop.call_later(3600, print, TRACKED)
        return futures, tasks, pending, handle, iter(loop.create_future())

    yield loop.run_until_complete(start())
    yield loop.call_soon(print)
    future = asyncio.Future(loop=loop)
    future.attribute = TRACKED
    yield future
    own = type("OwnFuture", (asyncio.Future,), {})
    yield own(loop=loop)
    task = asyncio.Task(asyncio.sleep(0), loop=loop)
    yield task
    yield type("OwnTask", (asyncio.Task,), {})(asyncio.sleep(0), loop=loop)
    asyncio.set_event_loop(loop)
    for kind in (asyncio.Queue, asyncio.Event, asyncio.Lock, asyncio.Condition, asyncio.StreamReader):
        yield kind()
    asyncio.set_event_loop(None)


@part
def profilers():
    import _lsprof

    yield _lsprof.Profiler()
    import cProfile

    profile = cProfile.Profile()
    profile.enable()
    sorted("text")
    profile.disable()
    yield profile
    yield profile.getstats()


@part
def symbol_tables():
    import symtable

    yield symtable.symtable("def f(a):\n  def g(): return a\n", "<source>", "exec")
    import ast

    yield ast.parse("class A(B):\n  async def f(self): return [x for x in await y]\n")
    own = type("OwnNode", (ast.AST,), {})
    yield own()


@part
def system_records():
    import os
    import pwd
    import resource
    import select
    import sys
    import time

    yield os.stat("/")
    yield os.terminal_size((80, 24))
    yield os.times()
    yield os.uname()
    yield os.statvfs("/")
    yield os.sched_param(1)
    yield resource.getrusage(resource.RUSAGE_SELF)
    yield time.localtime(0)
    yield sys.float_info
    yield sys.version_info
    yield sys.thread_info
    yield sys.hash_info
    entries = os.scandir("/")
    yield next(entries)
    yield entries
    yield select.epoll
    try:
        yield pwd.getpwuid(0)
    except KeyError:
        pass


@part
def multiprocessing_objects():
    import multiprocessing.connection

    yield multiprocessing.connection.Pipe()
    import multiprocessing.managers

    yield multiprocessing.managers.BaseManager()
    import multiprocessing

    yield multiprocessing.Value("i", lock=False)
    import os
    import _multiprocessing

    yield _multiprocessing.SemLock(0, 1, 1, "/menagerie-%d" % os.getpid(), True)  # needs /dev/shm


@part
def curses_and_readline():
    import readline  # it adds hooks

    yield readline
    import _curses

    yield _curses.error("text")
    import _curses_panel

    yield _curses_panel.error


@part
def dbm_and_tk():
    import _tkinter

    yield _tkinter.TclError
