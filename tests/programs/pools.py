# SPDX-License-Identifier: MIT
"""A target that says how its allocator stands, and then allocates nothing more.

    pools.py

Fills pymalloc with holes, prints what sys._debugmallocstats() says to stderr and the number of allocated
blocks to stdout, then "ready", and rests until stdin ends.
"""

import ctypes
import gc
import os
import select
import sys


class Mallinfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]


def fill():
    """Objects of all sizes, every third of which goes again; large ones for malloc and for mmap."""
    kept = [bytes(size % 500) + b"%d" % size for size in range(60000)]
    del kept[::3]
    kept.append([float(number) for number in range(30000)])
    kept.append([bytearray(size * 700) for size in range(200)])
    kept.append(bytearray(5_000_000))
    # Whole arenas but for a few survivors, which keep them.
    crowd = [(number, str(number)) for number in range(200000)]
    kept.append(crowd[::5000])
    return kept


def main():
    kept = fill()
    gc.collect()
    gc.disable()
    libc = ctypes.CDLL(None)
    try:
        mallinfo2 = libc.mallinfo2
        mallinfo2.restype = Mallinfo2
        info = mallinfo2()
        malloc = (info.uordblks, info.fordblks, info.hblkhd)
    except AttributeError:
        malloc = (0, 0, 0)
    waiting = select.poll()
    waiting.register(0, select.POLLIN | select.POLLHUP)
    waiting.poll(0)
    blocks = sys.getallocatedblocks()
    os.write(1, b"%d %d %d %d\n" % ((blocks,) + malloc))
    # Twice: what the first call itself took is there before the second.
    sys._debugmallocstats()
    os.write(2, b"----\n")
    sys._debugmallocstats()
    os.write(1, b"ready\n")
    waiting.poll()
    return kept


main()
