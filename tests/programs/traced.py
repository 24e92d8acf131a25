# SPDX-License-Identifier: MIT
"""A target that has tracemalloc on, and that says what it knows.

    traced.py REPORT

What it holds was allocated by code of many files, with names of many kinds, and lines; also in domains of their
own. Writes what take_snapshot().statistics("lineno") lists to REPORT, as JSON, once it was the same five times:
what the measuring itself allocates, here and in tracemalloc.py and json/encoder.py, is left out. Then says "ready"
and rests until its stdin ends.
"""

import gc
import os
import sys
import tracemalloc
import warnings

tracemalloc.start(5)

import ctypes  # noqa: E402
import decimal  # noqa: E402, F401
import json  # noqa: E402
import re  # noqa: E402

LIMIT = 5
FILES = ["made.py", "/some/where/else.py", "n\u00e4\u00efve \U0001f40d.py", "\u4e2d\u6587.py", "with\x1b[31mcontrol\n.py", ""]
OWN = (__file__, tracemalloc.__file__, json.encoder.__file__)
held = []


def code_of(number):
    """Many lines that allocate: small objects, large ones, what grows later."""
    lines = ["def make(held):", "    kept = {}"]
    for line in range(40 + number):
        lines.append("    held.append(bytes(%d))" % (line * 37 + number))
        lines.append("    held.append([object() for _ in range(%d)])" % (line % 7))
        lines.append("    kept[%d] = 'x' * %d" % (line, 100 * line))
    return "\n".join(lines + ["    held.append(kept)"])


for number, file in enumerate(FILES):
    names = {}
    exec(compile(code_of(number), file, "exec"), names)
    names["make"](held)

# A place that much is allocated at, and freed; tables that grew and shrank.
churn = compile("held.append([str(i) * 3 for i in range(50000)]); held[-1] = held[-1][::100]", "churn.py", "exec")
exec(churn)

track = ctypes.pythonapi.PyTraceMalloc_Track
track.argtypes = [ctypes.c_uint, ctypes.c_size_t, ctypes.c_size_t]
tracking = compile("for i in range(300): track(7 + i % 3, 4096 * (i + 1), 1000 + i)", "domains.py", "exec")
exec(tracking)


def measure():
    lines = []
    for one in tracemalloc.take_snapshot().statistics("lineno"):
        frame = one.traceback[0]
        if frame.filename not in OWN:
            lines.append([frame.filename, frame.lineno, one.size, one.count])
    return lines


def write(path, text):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def report(path):
    """It is written each time: what the first times leave behind is in the next one."""
    last, same = None, 0
    while same < 5:
        text = json.dumps({"limit": LIMIT, "lines": measure()})
        write(path, text)
        same = same + 1 if text == last else 1
        last = text


def rest():
    os.write(1, b"ready\n")
    os.read(0, 1)


re.compile("a|b").sub("", "ab")
warnings.simplefilter("ignore")
if hasattr(sys, "_clear_type_cache"):
    sys._clear_type_cache()  # it keeps names that nobody has any more, until others take their places
gc.collect()
gc.disable()
report(sys.argv[1])
rest()
