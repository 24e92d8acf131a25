# SPDX-License-Identifier: MIT
"""Says what this interpreter's heap holds, then rests with the heap exactly as it said.

The heap is what gc.get_objects() lists. Everything the measuring makes is made after that list was
taken and is gone before the rest begins, and the frame that measures is the frame that rests. So
nothing has to be allowed for: the numbers are those of the heap at rest. The proof is that each
measuring begins where the one before came to rest, and that a report is given out only when it
equals the one before, byte for byte.
"""

import gc
import json
import os
import sys


# In 3.8 all interpreters of a process have one collector, and gc.get_objects() lists the objects of all.
COLLECTOR_IS_SHARED = sys.version_info < (3, 9)


def about(identity):
    """What of a report is the same at any time: JSON without its closing brace."""
    fields = {
        "interpreter": identity,
        "pid": os.getpid(),
        "version": sys.version.split()[0],
        "hexversion": sys.hexversion,
        "pydebug": hasattr(sys, "gettotalrefcount"),
        "shared_collector": COLLECTOR_IS_SHARED,
    }
    return json.dumps(fields)[:-1]


def text_of(head, numbers, types):
    rows = ['"0x%x": [%s, %d, %d]' % (address, json.dumps(row[0]), row[1], row[2]) for address, row in types.items()]
    fields = ", ".join('"%s": %s' % (name, json.dumps(value)) for name, value in numbers)
    return ("%s, %s, \"types\": {\n%s\n}}\n" % (head, fields, ",\n".join(rows))).encode()


def write(path, text):
    descriptor = os.open(path + ".partial", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    while text:
        text = text[os.write(descriptor, text) :]
    os.close(descriptor)
    os.rename(path + ".partial", path)


def rest(path, identity, wake, tell, before=None):
    """Write the report to `path`, say "ready" on the descriptor `tell` and wait for `wake`.

    Each byte that comes from `wake` makes a new report; its end makes this return. `before` is called
    before each round.
    """
    head = about(identity)
    name_of = type.__repr__
    size_of = sys.getsizeof
    told = b""
    rounds = 0
    while True:
        if before and not told:
            before()
        count0, count1, count2 = gc.get_count()
        objects0 = len(gc.get_objects(generation=0))
        objects1 = len(gc.get_objects(generation=1))
        objects2 = len(gc.get_objects(generation=2))
        # 3.9 gives later interpreters the list of the first one under this name.
        garbage = len(gc.garbage) if identity == 0 or sys.version_info >= (3, 10) else None
        objects = gc.get_objects()

        # From here on nothing lives longer than the round.
        types = {}
        for thing in objects:
            kind = type(thing)
            row = types.get(id(kind))
            if row is None:
                row = types[id(kind)] = [name_of(kind)[8:-2], 0, 0]
            row[1] += 1
            row[2] += size_of(thing)
        numbers = [
            ("objects", len(objects)),
            ("enabled", gc.isenabled()),
            ("debug", gc.get_debug()),
            ("garbage", garbage),
            ("frozen", gc.get_freeze_count()),
            ("thresholds", gc.get_threshold()),
            ("counts", [count0, count1, count2]),
            ("generations", [objects0, objects1, objects2]),
            ("stats", gc.get_stats()),
        ]
        thing = kind = row = objects = None
        text = text_of(head, numbers, types)
        types = numbers = None
        write(path, text)
        rounds += 1
        if text != told and rounds < 20:
            told = text
            continue
        settled = text == told
        told = text = b""
        rounds = 0
        os.write(tell, b"ready\n" if settled else b"unsettled\n")
        if not os.read(wake, 1):
            return
