# SPDX-License-Identifier: MIT
"""A target whose threads stand still in many kinds of places, and that says where.

    stacks.py REPORT [--few] [--fork]

Every function below that has the decorator is a thread; it parks where its name says. Once all do, a thread
of its own writes what sys._current_frames() and traceback say of the stacks to REPORT, as JSON, and says
"ready". With --few there are but some; with --fork they are those of a child, which began with its main
thread alone. Ends with stdin.
"""

import ast
import asyncio
import contextlib
import functools
import importlib.abc
import importlib.util
import json
import os
import re
import sys
import threading
import traceback
import types

PLACES = []
TIDS = {}  # by ident
DEPTH = 500

wall = threading.Lock()
wall.acquire()


def park(*ignored):
    wall.acquire()


def place(function):
    PLACES.append(function)
    return function


@place
def plain_functions():
    def inner(number):
        if number:
            return inner(number - 1)
        return (
            park(),
            1,
        )

    inner(3)


@place
def recursion(depth=DEPTH):
    if depth:
        recursion(depth - 1)
    else:
        park()


class Base:
    def __init__(self, how):
        self.how = how
        if how == "init":
            park()

    def method(self):
        self.inner_method()

    def inner_method(self):
        (lambda value: park(value))(self)

    @classmethod
    def on_class(cls):
        cls.static()

    @staticmethod
    def static():
        park()

    @property
    def attribute(self):
        return park()

    def __getattr__(self, name):
        return park(name)

    def __add__(self, other):
        return park(other)

    def __enter__(self):
        park()

    def __exit__(self, *ignored):
        pass

    def __iter__(self):
        return self

    def __next__(self):
        park()

    def __lt__(self, other):
        return park(other)

    def __len__(self):
        return park()

    def __hash__(self):
        return park()

    def __eq__(self, other):
        return park()

    def __del__(self):
        if self.how == "del":
            park()


class Derived(Base):
    def method(self):
        super().method()


@place
def methods():
    Derived("").method()


@place
def class_methods():
    Derived.on_class()


@place
def constructor():
    # Often enough for the interpreter to enter __init__ without C in between (3.12+).
    for number in range(100):
        Base("init" if number == 99 else "")


@place
def property_read():
    Base("").attribute


@place
def missing_attribute():
    Base("").missing


@place
def operator():
    Base("") + 1


@place
def context_manager():
    with Base(""):
        pass


@place
def for_loop():
    for _ in Base(""):
        pass


@place
def comparison():
    sorted([Base(""), Base("")])


@place
def length():
    len(Base(""))


@place
def dict_key():
    {Base(""): 1}


@place
def finaliser():
    Base("del")


@place
def list_comprehension():
    [park(number) for number in range(3)]


@place
def nested_comprehensions():
    {a: {park(b) for b in range(a)} for a in range(1, 3)}


@place
def generator_expression():
    sum(park(number) for number in range(3))


def generate(depth):
    if depth:
        yield from generate(depth - 1)
    else:
        yield 1
        yield park()


@place
def generators():
    for _ in generate(5):
        pass


@place
def sent_into_generator():
    def echo():
        got = yield
        park(got)

    machine = echo()
    next(machine)
    machine.send(1)


@place
def thrown_into_generator():
    def catch():
        try:
            yield
        except ValueError:
            park()

    machine = catch()
    next(machine)
    machine.throw(ValueError())


@contextlib.contextmanager
def managed():
    yield
    park()


@place
def generator_as_context_manager():
    with managed():
        pass


def wrapping(function):
    @functools.wraps(function)
    def wrapper(*arguments, **keywords):
        return function(*arguments, **keywords)

    return wrapper


@place
@wrapping
@wrapping
def decorated():
    park()


@place
def sort_key():
    sorted([2, 1], key=lambda value: park(value))


@place
def mapped():
    list(map(park, [1, 2]))


@place
def reduced():
    functools.reduce(lambda a, b: park(), [1, 2, 3])


@place
def partial():
    functools.partial(Base.static)()


@place
def substitution():
    re.sub("b", lambda match: park(match), "abc")


@place
def cached():
    functools.lru_cache(maxsize=1)(lambda: park())()


@place
def class_body():
    class Inner:
        class Innermost:
            value = park()


class Meta(type):
    def __new__(cls, name, bases, namespace):
        park()


@place
def metaclass():
    class Made(metaclass=Meta):
        pass


@place
def exception_handler():
    try:
        raise KeyError(1)
    except KeyError:
        try:
            1 / 0
        finally:
            park()


@place
def não_ascii_имя_名前():
    def größe():
        park()

    größe()


async def coroutine(depth):
    if depth:
        return await coroutine(depth - 1)
    await asyncio.sleep(0)
    park()


async def asynchronous_generator():
    yield 1
    park()


def run(main):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main)


@place
def coroutines():
    run(coroutine(4))


@place
def tasks():
    async def main():
        await asyncio.gather(coroutine(2), coroutine(1))

    run(main())


@place
def asynchronous_for():
    async def main():
        return [value async for value in asynchronous_generator()]

    run(main())


@place
def callback_of_loop():
    loop = asyncio.new_event_loop()
    loop.call_soon(park, 1)
    loop.run_forever()


# --- code that no file holds -----------------------------------------------------------------------


def execute(source, name):
    exec(compile(source, name, "exec"), {"park": park, "__name__": "made"})


@place
def odd_names_of_files():
    names = ["<odd name>", "", "päth/ファイル.py", "a\nb\tc.py", "\udcff.py", "\u202ename", "x" * 300]
    inner = "park()"
    for name in names:
        inner = "exec(compile(%r, %r, 'exec'))" % (inner, name)
    execute(inner, "<outermost>")


@place
def far_lines():
    execute("def f():\n" + "\n" * 700 + "    (1,\n" + "\n" * 300 + "     2, park())\nf()\n", "far.py")


@place
def many_lines():
    lines = ["x = 1"] * 2000 + ["for x in (1,", " 2):", "  x = [", "", "   x, park()", "  ]"]
    execute("\n".join(lines), "many.py")


@place
def long_lines():
    execute("max(" + "1, " * 400 + "max(" + " " * 600 + "2, \\\n" + "1, " * 300 + " max(park(), 1)))", "long.py")


@place
def moved_lines():
    tree = ast.parse("def f():\n  park(); x = 1\nf()\n")
    ast.increment_lineno(tree.body[0], 1000000)
    execute(tree, "moved.py")


@place
def unordered_lines():
    tree = ast.parse("def f():\n  x = 1\n  park()\nf()\n")
    tree.body[0].body[0].lineno = 5000
    tree.body[0].body[0].end_lineno = 5000
    execute(tree, "unordered.py")


@place
def no_lines():
    def f():
        park()

    if hasattr(f.__code__, "co_linetable"):
        f.__code__ = f.__code__.replace(co_linetable=b"")
    else:
        f.__code__ = f.__code__.replace(co_lnotab=b"")
    f()


@place
def renumbered():
    def f():
        park()

    f.__code__ = f.__code__.replace(co_firstlineno=123456, co_name="an other\x1b[31m name")
    f()


@place
def lambda_in_default():
    def f(value=(lambda: park())):
        value()

    f()


class Importer(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name == "parking":
            return importlib.util.spec_from_loader(name, self)

    def exec_module(self, module):
        park()


sys.meta_path.insert(0, Importer())


@place
def importing():
    import parking


@place
def traced():
    def tracer(frame, event, argument):
        if event == "line":
            park()
        return tracer

    def followed():
        value = 1
        return value

    sys.settrace(tracer)
    followed()


@place
def profiled():
    def followed():
        pass

    def profiler(frame, event, argument):
        if frame.f_code is followed.__code__:
            park()

    sys.setprofile(profiler)
    followed()


# --- saying it --------------------------------------------------------------------------------------


def lines_of(frame):
    """Newest first, as heapspy names them."""
    lines = []
    for inner, line in traceback.walk_stack(frame):
        code = inner.f_code
        lines.append([getattr(code, "co_qualname", code.co_name), code.co_filename, line])
    told = [(summary.filename, summary.lineno) for summary in traceback.extract_stack(frame)]
    # From 3.8 to 3.9 and in between traceback puts something else where there is no line.
    assert [(file, line) for _, file, line in lines if line] == [one for one in reversed(told) if one[1]], told
    return lines


def is_parked(frame, main):
    return frame.f_code is (rest if main else park).__code__ and frame.f_lineno > frame.f_code.co_firstlineno


def all_stacks():
    """None as long as a thread is under way."""
    frames = sys._current_frames()
    main = threading.main_thread().ident
    threads = []
    for ident, tid in TIDS.items():
        frame = frames.get(ident)
        if frame is None or not is_parked(frame, ident == main):
            return None
        thread = threading._active.get(ident)
        threads.append({"tid": tid, "name": thread and thread.name, "frames": lines_of(frame)})
    return threads


def start(function):
    def body():
        TIDS[threading.get_ident()] = threading.get_native_id()
        function()

    threading.Thread(target=body, name="in " + function.__name__, daemon=True).start()


def report(path):
    # No more than it has to: frames of what it calls are not in the report.
    stacks = None
    while stacks is None or len(stacks) != len(TIDS) or len(TIDS) != expected:
        os.sched_yield()
        stacks = all_stacks()
    text = json.dumps({"pid": os.getpid(), "threads": stacks})
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)
    os.write(1, b"ready\n")


def rest():
    os.read(0, 1)


def main():
    threading.Thread(target=report, args=(sys.argv[1],), name="reporter", daemon=True).start()
    rest()


sys.setrecursionlimit(DEPTH * 4)
if "--fork" in sys.argv:
    # A thread first, so that the child is not what the parent was.
    start(plain_functions)
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        os._exit(0)
    TIDS.clear()
if len(sys.argv) > 2:
    PLACES = PLACES[:3]
for function in PLACES:
    start(function)
TIDS[threading.get_ident()] = threading.get_native_id()
expected = len(PLACES) + 1
main()
