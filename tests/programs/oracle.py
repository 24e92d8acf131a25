# SPDX-License-Identifier: MIT
"""A Python with a heap of every kind of object, at rest, that says what its heap holds.

    oracle.py REPORT [OPTIONS]

Builds the heap, writes REPORT (JSON; that of a second interpreter goes to REPORT.1), prints "ready" and
allocates nothing more. A byte on stdin makes it measure anew; the end of stdin ends it.
"""

import argparse
import gc
import os
import sys
import warnings

sys.dont_write_bytecode = True
warnings.simplefilter("ignore")

import measure
import menagerie


def options_of(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("report")
    parser.add_argument("--threads", type=int, default=3, help="threads parked in C")
    parser.add_argument("--scale", type=int, default=0, help="this many objects more")
    parser.add_argument("--small", action="store_true", help="without the menagerie")
    parser.add_argument("--freeze", action="store_true", help="gc.freeze() what was built first")
    parser.add_argument("--enabled", action="store_true", help="leave the collector on")
    parser.add_argument("--subinterpreter", choices=("shared", "isolated"), help="a second interpreter with a heap of its own")
    parser.add_argument("--fork", action="store_true", help="measure in a forked child")
    parser.add_argument("--setuid", type=int, help="become another user when all is built")
    parser.add_argument("--load", action="append", default=[], help="load this shared library too")
    parser.add_argument("--coverage", action="store_true", help="say what the menagerie lacks, and end")
    return parser.parse_args(arguments)


class Extra:
    """With its list and its dict; --scale counts them as three objects."""

    def __init__(self, number):
        self.items = [number]
        self.table = {"items": self.items}


def build(options):
    """The heap: something in each generation, in gc.garbage and, if asked for, in the permanent one."""
    kept, skipped = [], []

    def stage(number):
        if not options.small:
            kept.append(menagerie.build(number, skipped))

    menagerie.load()
    stage(0)
    kept.append([Extra(number) for number in range(options.scale // 3)])
    gc.collect()
    if options.freeze:
        gc.freeze()
    stage(1)
    gc.set_debug(gc.DEBUG_SAVEALL)
    for _ in range(5):
        cycle = []
        cycle.append(cycle)
    del cycle
    gc.collect(0)
    stage(2)
    kept.append([[number] for number in range(100)])
    return kept, skipped


def park(started, lock, depth):
    if depth:
        return park(started, lock, depth - 1)
    started.release()
    lock.acquire()


def start_threads(count):
    import _thread
    import threading

    lock, started = _thread.allocate_lock(), _thread.allocate_lock()
    lock.acquire()
    started.acquire()
    for number in range(count):
        thread = threading.Thread(target=park, args=(started, lock, number), name="parked-%d" % number, daemon=True)
        thread.start()
        started.acquire()
    return lock


SUBINTERPRETER = """
import gc, sys, warnings
sys.path.insert(0, {directory!r})
sys.dont_write_bytecode = True
warnings.simplefilter("ignore")
import measure, menagerie
if not measure.COLLECTOR_IS_SHARED:
    gc.disable()
    gc.set_threshold(333, 7, 5)
kept, skipped = [], []
menagerie.load(("containers", "classes", "functions", "iterators"))
kept.append(menagerie.build(0, skipped))
gc.collect()
kept.append(menagerie.build(1, skipped))
gc.collect(0)
kept.append(menagerie.build(2, skipped))
measure.rest({path!r}, 1, {wake}, {tell})
"""


def create_interpreter(kind):
    """Its id, and the module that runs something in it. Isolated: with a GIL and an allocator of its own (3.12+)."""
    if sys.version_info >= (3, 13):
        import _interpreters as module

        return module.create("isolated" if kind == "isolated" else "legacy"), module
    import _xxsubinterpreters as module

    if sys.version_info >= (3, 9):
        return module.create(isolated=kind == "isolated"), module
    return module.create(), module


class Subinterpreter:
    """A second interpreter; it rests in a thread of its own, and measures when the first one does."""

    def __init__(self, kind, path):
        import _thread

        wake, self.wake = os.pipe()
        self.told, tell = os.pipe()
        directory = os.path.dirname(os.path.abspath(__file__))
        source = SUBINTERPRETER.format(directory=directory, path=path, wake=wake, tell=tell)
        identity, module = create_interpreter(kind)
        _thread.start_new_thread(self.run, (module, identity, source))
        self.wait()

    def run(self, module, identity, source):
        failure = module.run_string(identity, source)
        os.write(2, b"the sub-interpreter ended: %s\n" % str(failure).encode())
        os._exit(1)

    def wait(self):
        if os.read(self.told, 10) != b"ready\n":
            os._exit(1)

    def measure_again(self):
        os.write(self.wake, b"\n")
        self.wait()


def generate(step, *arguments):
    yield step(*arguments)


def descend(depth, step, *arguments):
    """Calls it with some depth and a running generator below it on the stack."""
    local = [depth]
    if depth:
        return descend(depth - 1, step, *arguments)
    return [result for result in generate(step, *arguments)], local


def print_lacking(skipped):
    """Parts that could not be made, and types that the heap has no object of: a help to extend the menagerie."""
    found, present = [object], {type(thing) for thing in gc.get_objects()}
    for kind in found:
        found.extend(child for child in type.__subclasses__(kind) if child not in found)
    absent = [kind for kind in found if kind.__flags__ & 1 << 14 and kind not in present]
    sizing = [kind for kind in absent if "__sizeof__" in kind.__dict__]
    of_c = [kind for kind in absent if kind not in sizing and not kind.__module__.startswith(("_ast", "menagerie"))]
    for title, kinds in (("with a __sizeof__ of their own", sizing), ("others", of_c)):
        print("no object of these,", title)
        print(*("    " + type.__repr__(kind)[8:-2] for kind in kinds), sep="\n")
    print("not to be had:", *("    " + text for text in skipped), sep="\n")


def main():
    options = options_of(sys.argv[1:])
    gc.disable()
    gc.set_threshold(701, 11, 9)
    kept, skipped = build(options)
    if options.coverage:
        print_lacking(skipped)
        return
    lock = start_threads(options.threads)
    for path in options.load:
        import ctypes

        kept.append(ctypes.CDLL(path))
    before = None
    if options.subinterpreter:
        before = Subinterpreter(options.subinterpreter, options.report + ".1").measure_again
    if options.fork and os.fork():
        os.wait()
        os._exit(0)
    if options.setuid is not None:
        os.setgroups([])
        os.setgid(options.setuid)
        os.setuid(options.setuid)
    if options.enabled:
        gc.set_threshold(10000000, 11, 9)
        gc.enable()
    descend(7, measure.rest, options.report, 0, 0, 1, before)
    os._exit(0)


main()
