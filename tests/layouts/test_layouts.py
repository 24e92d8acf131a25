# SPDX-License-Identifier: MIT
"""The three sources of offsets agree: the built-in tables, DWARF, and from 3.13 on _Py_DebugOffsets.

No process is needed: all of it is in the files of an interpreter. Runs for each interpreter whose debug
information is on this machine; needs a directory that meson has set up, $HEAPSPY_BUILD or build/.
"""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import os
import pathlib
import subprocess
import sys
import types

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
LAYOUTS = CHECKOUT / "src/python/layouts"

# An older patch release than the one the row was made from, with a size that nothing reads.
ACCEPTED = {("bullseye-3.9", "PyInterpreterState.sizeof")}


@functools.lru_cache(maxsize=None)
def generator() -> types.ModuleType:
    """layouts/generate, which knows the builds of the rows and the files of an interpreter."""
    loader = importlib.machinery.SourceFileLoader("generate", str(LAYOUTS / "generate"))
    spec = importlib.util.spec_from_loader("generate", loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate"] = module
    loader.exec_module(module)
    return module


@functools.lru_cache(maxsize=None)
def compare_program() -> pathlib.Path:
    build = pathlib.Path(os.environ.get("HEAPSPY_BUILD", CHECKOUT / "build")).resolve()
    if not (build / "build.ninja").is_file():
        pytest.fail(f"{build} is not set up: meson setup {build}, or name another in $HEAPSPY_BUILD")
    program = build / "src/python/layouts/compare"
    subprocess.run(["ninja", "-C", build, program.relative_to(build)], check=True, stdout=subprocess.DEVNULL)
    return program


def names() -> list[str]:
    """Those with DWARF, but for builds that heapspy refuses: free-threaded, --with-trace-refs."""
    return [
        one.name
        for one in generator().catalogue.interpreters()
        if one.dwarf and not one.free_threaded and not (one.name.startswith("built-") and "r" in one.name.split(".")[-1])
    ]


def compare(name: str) -> tuple[str, bool, list[list[str]]]:
    """The row that fits best, whether there are debug offsets, and what differs."""
    interpreter = generator().catalogue.interpreter(name)
    major, minor, micro = interpreter.version_info
    command = [
        compare_program(),
        f"{major << 24 | minor << 16 | micro << 8 | 0xF0:#x}",
        "pydebug" if interpreter.pydebug else "release",
        interpreter.dwarf[0],
        interpreter.libpython or interpreter.executable,
        *generator().extension_modules(interpreter),
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    first, *rest = [line.split() for line in done.stdout.splitlines()]
    return first[1], rest[:1] == [["debug-offsets", "yes"]], rest[1:]


@pytest.mark.parametrize("name", names())
def test_sources_agree(name: str) -> None:
    row, has_debug_offsets, differences = compare(name)
    if row == "-":
        pytest.skip("no row of this flavour: its layout comes from debug information")
    interpreter = generator().catalogue.interpreter(name)
    assert has_debug_offsets == (interpreter.version_info >= (3, 13))
    found = [(field, table, overlaid, dwarf) for field, table, overlaid, dwarf in differences]
    assert [one for one in found if (name, one[0]) not in ACCEPTED] == []


@pytest.mark.parametrize("name", sorted({row.build for row in generator().ROWS}))
def test_rows_are_for_their_builds(name: str) -> None:
    """A build finds the very row that was made from it."""
    if name not in names():
        pytest.skip(f"{name} is not here, or its debug information is not: tests/interpreters/install")
    row, _, _ = compare(name)
    assert row in [row.id for row in generator().ROWS if row.build == name]
