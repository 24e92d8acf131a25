# SPDX-License-Identifier: MIT
"""A target to be scribbled on: says where what matters lies, then all its threads wait in the kernel.

    scribbled.py FILE      addresses in hex, a line each
"""

import gc
import os
import sys
import threading


class Entry:
    __slots__ = ("key", "next")


class Node(dict):
    def __init__(self, depth):
        super().__init__(depth=depth)
        self.next = Node(depth - 1) if depth else None


class Meta(type):
    pass


class Odd(Node, metaclass=Meta):
    pass


def generate():
    for number in range(10):
        yield number


def wait(depth, lock):
    if depth:
        wait(depth - 1, lock)
    else:
        lock.acquire()


def runtime():
    """Where the interpreter keeps its own state, as far as ctypes can tell."""
    try:
        import ctypes
    except ImportError:
        return []
    api = ctypes.pythonapi
    found = [ctypes.addressof(ctypes.c_char.in_dll(api, "_PyRuntime"))]
    for name in ("PyThreadState_Get", "PyInterpreterState_Get"):
        if hasattr(api, name):
            function = getattr(api, name)
            function.restype = ctypes.c_void_p
            found.append(function())
    return [start + offset for start in found for offset in range(0, 2048, 64)]


def main():
    lock = threading.Lock()
    lock.acquire()
    for number in range(3):
        threading.Thread(target=wait, args=(number * 5, lock), name="waiting %d" % number, daemon=True).start()
    running = generate()
    next(running)
    kept = [Odd(20), [Entry() for _ in range(200)], {1, 2}, {n: str(n) * n for n in range(100)}, running, b"x" * 5000]
    kept.append(kept)
    objects = gc.get_objects()
    frames = list(sys._current_frames().values())
    codes = [frame.f_code for frame in frames]
    names = [text for one in objects[:400] if isinstance(one, type) for text in (one.__name__, one.__module__)]
    tables = [one for code in codes for one in (code.co_name, code.co_filename, code.co_consts)]
    addresses = runtime()
    for one in objects:
        addresses.append(id(one) - 16)
    for one in frames + codes + names + tables + [list, dict, type, object, str, int, Entry, Node, Meta, Odd]:
        addresses.append(id(one))
    with open(sys.argv[1], "w") as file:
        file.writelines("%x\n" % address for address in addresses)
    gc.collect()
    os.write(1, b"ready\n")
    os.read(0, 1)
    os._exit(0)


main()
