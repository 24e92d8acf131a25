# SPDX-License-Identifier: MIT
"""A heap with something of everything that CPython 3.8 to 3.15 has.

Each part is a generator of objects to keep. What an interpreter lacks (a module, a class, a piece
of syntax) ends its part early and is noted; it is never fatal. Parts are spread over three stages,
so that the caller can move the collector on between them.
"""

import importlib

NAMES = ("containers", "classes", "functions", "iterators", "streams", "extensions", "library", "newer")
STAGES = 3

parts = []


def part(function):
    """Decorator: a generator function whose objects are to be kept."""
    parts.append(function)
    return function


def load(names=NAMES):
    """Imports the modules that hold the parts; call it once."""
    for name in names:
        importlib.import_module("." + name, __name__)


def build(stage, skipped):
    """The objects of one stage, in a list of lists; what could not be made goes to `skipped`, as text."""
    kept = []
    for function in parts[stage::STAGES]:
        things = []
        try:
            for thing in function():
                things.append(thing)
        except Exception as error:
            skipped.append("%s.%s: %r" % (function.__module__, function.__name__, error))
        kept.append(things)
    return kept
