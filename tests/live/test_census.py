# SPDX-License-Identifier: MIT
"""The main promise: what heapspy counts is what gc and sys.getsizeof() say, exactly, from every layout source."""

from __future__ import annotations

import catalogue
import pytest
import targets


def has_dwarf(interpreter: catalogue.Interpreter) -> bool:
    """Where heapspy can find it: in the files themselves, or detached under the root that the target has."""
    return any(interpreter.root in path.parents for path in interpreter.dwarf)


def skip_without_source(interpreter: catalogue.Interpreter, source: str) -> None:
    if source == "dwarf" and not has_dwarf(interpreter):
        pytest.skip(f"{interpreter.name} has no DWARF")
    if source == "debug-offsets" and interpreter.version_info < (3, 13):
        pytest.skip(f"{interpreter.version} has no _Py_DebugOffsets")


@pytest.mark.parametrize("source", ["auto", "table", "dwarf", "debug-offsets"])
def test_census(heapspy, interpreter: catalogue.Interpreter, oracle: targets.Oracle, source: str) -> None:
    skip_without_source(interpreter, source)
    dump = heapspy.json("dump", oracle.pid, "--limit", 0, "--layout", source)
    targets.assert_agrees(oracle, dump)
    if source != "auto":
        assert dump["python"]["layout"]["source"].split("+")[0] == source
    assert dump["python"]["allocator"] == ("pymalloc_debug" if interpreter.pydebug else "pymalloc")
    assert dump["capture"]["pause"] == 0


def test_collector_reading(heapspy, oracle: targets.Oracle) -> None:
    """`heapspy gc` reads the same numbers without walking anything."""
    reading = heapspy.json("gc", oracle.pid)
    assert not targets.collector_differences(oracle.reports, reading["interpreters"])


def test_asks_nothing_of_the_target(heapspy, oracle: targets.Oracle) -> None:
    """After all those dumps the target finds its heap as it was."""
    before = oracle.report_path.read_bytes()
    heapspy.json("dump", oracle.pid)
    oracle.measure_again()
    assert oracle.report_path.read_bytes() == before


def test_memory_account(heapspy, oracle: targets.Oracle) -> None:
    memory = heapspy.json("dump", oracle.pid)["memory"]
    status = dict(
        line.split(":", 1) for line in open(f"/proc/{oracle.pid}/status", encoding="utf-8").read().splitlines()
    )
    peak, virtual = (int(status[name].split()[0]) * 1024 for name in ("VmHWM", "VmSize"))
    assert memory["virtual"] == virtual
    assert memory["rss_peak"] == peak
    assert 0 < memory["uss"] <= memory["pss"] <= memory["rss"] <= memory["rss_peak"]
    assert sum(row["rss"] for row in memory.get("account", [])) in (0, memory["rss"])
