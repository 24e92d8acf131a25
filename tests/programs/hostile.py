# SPDX-License-Identifier: MIT
"""A target with memory that was made to hurt: CPython 3.11, whose objects it pokes at. Then it rests.

    hostile.py KIND      one of the functions below; says "ready", and never runs Python again
"""

import ctypes
import gc
import mmap
import os
import sys
import threading

gc.disable()
LIBC = ctypes.CDLL(None, use_errno=True)


def poke(address, *words):
    ctypes.memmove(address, (ctypes.c_uint64 * len(words))(*[word & (1 << 64) - 1 for word in words]), 8 * len(words))


def peek(address):
    return ctypes.c_uint64.from_address(address).value


class Plain:
    pass


class Kept:
    """Never ends: an object of it is on the collector's lists."""

    everything = []


def keep(*things):
    Kept.everything.extend(things)
    return things[0]


# --- the collector's lists -------------------------------------------------------------------------


def list_leads_to_itself():
    one = id(keep([1])) - 16
    poke(one, one)


def list_is_rho_shaped():
    many = [keep([number]) for number in range(100)]
    poke(id(many[80]) - 16, id(many[20]) - 16)


def list_ends_in_nothing():
    poke(id(keep([1])) - 16, 0)


def list_leads_astray():
    poke(id(keep([1])) - 16, 0x123456789000)


def list_is_misaligned():
    one = id(keep([1])) - 16
    poke(one, peek(one) + 3)


def list_crosses_generations():
    young = keep([1])
    old = id(Kept.everything) - 16
    poke(id(young) - 16, old)


def list_disagrees():
    poke(id(keep([1])) - 8, 0x1000)


# --- objects ---------------------------------------------------------------------------------------


def negative_size():
    poke(id(keep(tuple(range(3)))) + 16, -(1 << 62))


def size_beyond_all_bounds():
    poke(id(keep(tuple(range(3)))) + 16, (1 << 63) - 1)
    poke(id(keep(list(range(3)))) + 16, 1 << 62)
    poke(id(keep(int("1" * 50))) + 16, 1 << 62)
    poke(id(keep(bytes(range(50)))) + 16, 1 << 61)


def items_of_a_list_are_nowhere():
    poke(id(keep(list(range(3)))) + 24, 0x123456789000, 1 << 50)


def no_type():
    poke(id(keep(Plain())) + 8, 0)


def type_nowhere():
    poke(id(keep(Plain())) + 8, 0x123456789000)


def type_of_itself():
    one = id(keep(Plain()))
    poke(one + 8, one)


def types_in_a_circle():
    one, other = keep(type("One", (), {}), type("Other", (), {})), Kept.everything[-1]
    keep(one(), other())
    poke(id(one) + 8, id(other))
    poke(id(other) + 8, id(one))
    poke(id(one) + 256, id(other))  # tp_base
    poke(id(other) + 256, id(one))


def sizes_of_a_type():
    for basic, item in ((0, 0), (-8, 0), (1 << 62, 0), (16, -1), (16, 1 << 62)):
        one = keep(type("Sized", (), {}))
        keep(one())
        poke(id(one) + 32, basic, item)


def name_of_a_type_is_nowhere():
    one = keep(type("Named", (), {}))
    keep(one())
    poke(id(one) + 24, 0x123456789000)


def dead_and_immortal():
    poke(id(keep([1])), 0)
    poke(id(keep([2])), -1)
    poke(id(keep([3])), 1 << 62)


# --- dicts, strings --------------------------------------------------------------------------------


def tables_of_dicts():
    for offset, word in ((0, -1), (8, 0xFF), (8, 0xFFFFFFFFFFFFFFFF), (16, -1), (24, 1 << 62)):
        poke(peek(id(keep({number: number for number in range(50)})) + 32) + offset, word)
    poke(id(keep({1: 1})) + 32, 0x123456789000)


def types_share_a_dict():
    """None of them finds the name of its module in it."""
    shared = keep({"k%d" % number: number for number in range(90000)})
    for number in range(5000):
        one = keep(type("Sharing%d" % number, (), {}))
        keep(one())
        poke(id(one) + 264, id(shared))  # tp_dict


def namespace_of_modules():
    poke(peek(id(sys.modules) + 32) + 8, 0xFFFFFFFFFFFFFFFF)


def strings():
    poke(id(keep("a" * 40)) + 16, 1 << 61)
    for bits in (0, 0x7, 0x1C, 0x20, 0xE0, 0xFFFFFFFF):
        ctypes.c_uint32.from_address(id(keep("b" * 40 + str(bits))) + 32).value = bits
    name = "T" * 60
    one = keep(type(name, (), {}))
    keep(one())
    poke(id(one.__qualname__) + 16, 1 << 61)


def names_with_commands():
    commands = ("\x1b]0;pwned\a", "\x1b[2J", "a\r\nb", "\x9b31m", "\u202eevil", "x" + "\u0301" * 10000, "\ud800", "\0")
    for name in commands:
        try:
            keep(type(name, (), {})())
        except (UnicodeEncodeError, ValueError):
            keep(type("Odd", (), {"__qualname__": name})())
    threading.Thread(target=threading.Event().wait, name="\x1b]52;c;x\a", daemon=True).start()


# --- depth, frames -----------------------------------------------------------------------------------


def lists_in_lists():
    inner = []
    for _ in range(300000):
        inner = [inner]
    keep(inner)


def exceptions_in_exceptions():
    error = None
    for _ in range(20000):
        new = ValueError()
        new.__context__ = error
        error = new
    keep(error)


def thousands_of_frames():
    sys.setrecursionlimit(100000)
    deep(20000)


def deep(depth):
    return deep(depth - 1) if depth else rest()


def threads_share_a_stack():
    """Thousands of thread states, all of them with the stack of the one that there is."""
    sys.setrecursionlimit(100000)
    deep_and_share(20000)


def deep_and_share(depth):
    if depth:
        return deep_and_share(depth - 1)
    ctypes.pythonapi.PyThreadState_Get.restype = ctypes.c_void_p
    real, size, count = ctypes.pythonapi.PyThreadState_Get(), 400, 5000
    LIBC.mmap.restype = ctypes.c_void_p
    start = LIBC.mmap(None, ctypes.c_size_t(count * size), 3, 0x22, -1, 0)
    for number in range(count):
        ctypes.memmove(start + number * size, real, size)
        poke(start + number * size, start + (number - 1) * size, start + (number + 1) * size)
    poke(start, real)
    poke(start + (count - 1) * size + 8, 0)
    poke(real + 8, start)
    rest()


def frames_in_a_circle():
    deep_and_poke(6)


def deep_and_poke(depth):
    if depth:
        return deep_and_poke(depth - 1)
    frame = peek(id(sys._getframe(3)) + 24)
    poke(frame + 48, frame)
    rest()


def frames_lead_astray():
    frame = peek(id(keep(sys._getframe(1))) + 24)
    poke(frame + 48, 0x123456789000)


def code_is_none():
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()
    frame = sys._current_frames()[thread.ident]
    poke(peek(id(keep(frame)) + 24) + 32, id(keep([1])))


def line_table_without_end():
    table = id(main.__code__.co_linetable)
    for offset in range(0, main.__code__.co_linetable.__sizeof__() - 40, 8):
        poke(table + 32 + offset, 0x7F7F7F7F7F7F7F7F)


# --- the address space ----------------------------------------------------------------------------


def tens_of_thousands_of_mappings():
    for number in range(10000):
        LIBC.mmap.restype = ctypes.c_void_p
        LIBC.mmap(None, ctypes.c_size_t(4096), 1 + 2 * (number % 2), 0x22, -1, 0)


def file_with_a_newline():
    name = "/tmp/line\nfeed (deleted) \x1b[31m"
    with open(name, "wb+") as file:
        file.truncate(4096)
        keep(mmap.mmap(file.fileno(), 4096))
    os.unlink(name)


def mappings_with_names():
    memory = keep(mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    LIBC.prctl(0x53564D41, 0, ctypes.c_ulong(start), ctypes.c_ulong(1 << 20), b"heap] rw-p 00:00 0 ")
    LIBC.prctl(15, b"a) R 1 \x1b[m")


def first_thread_ends():
    threading.Thread(target=rest).start()
    LIBC.syscall(60, 0)  # exit: of this thread alone, with the GIL given back while it waits


def rest():
    os.write(1, b"ready\n")
    os.read(0, 1)
    os._exit(0)


def main():
    globals()[sys.argv[1]]()
    rest()


main()
