# SPDX-License-Identifier: MIT
"""The whole heap: objects that no list names, the allocators, and where every byte of RSS went."""

from __future__ import annotations

import json
import os
import re

import catalogue
import pytest
import targets

# What the target does between the two dumps besides what it says: a few objects of these types.
BUSTLE = {"int": 12, "str": 12, "list": 3, "dict": 3, "tuple": 3, "bytes": 3, "float": 3, "frame": 3}
BUSTLE_BYTES = 4096


def totals(dump: dict) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for row in dump["heap"]["types"]:
        objects, size = found.get(row["type"], (0, 0))
        found[row["type"]] = (objects + row["objects"], size + row["bytes"])
    return found


def count_kinds(heapspy, workplace: targets.Workplace, *options: str, moved: float = 0, **environment) -> None:
    with workplace.start("kinds.py", **environment) as target:
        before = totals(heapspy.json("dump", target.pid, "--limit", 0, *options))
        target.process.stdin.write(b"\n")
        target.process.stdin.flush()
        made = json.loads(target.read_line())
        target.wait_until_ready()
        after = totals(heapspy.json("dump", target.pid, "--limit", 0, *options))
    wrong = []
    for name, (objects, size) in made.items():
        more_objects = after[name][0] - before.get(name, (0, 0))[0]
        more_bytes = after[name][1] - before.get(name, (0, 0))[1]
        slack = BUSTLE.get(name, 0) + moved * objects
        if abs(more_objects - objects) > slack or abs(more_bytes - size) > (BUSTLE_BYTES if slack else 0) + moved * size:
            wrong.append(f"{name}: {objects} objects of {size} bytes / {more_objects} of {more_bytes}")
    assert not wrong, "\n".join(["differs (the target / heapspy):", *wrong])


@pytest.mark.parametrize("mode", [(), ("--stop",)], ids=["running", "stopped"])
def test_kinds(heapspy, workplace: targets.Workplace, mode: tuple[str, ...]) -> None:
    count_kinds(heapspy, workplace, *mode)


@pytest.mark.ten
@pytest.mark.parametrize("allocator", ["debug", "malloc", "malloc_debug"])
def test_kinds_of_allocators(heapspy, workplace: targets.Workplace, allocator: str) -> None:
    count_kinds(heapspy, workplace, env={**os.environ, "PYTHONMALLOC": allocator})


# What a realloc() left behind where it was counts once more: nothing says that it is free.
MOVED = 0.01


@pytest.mark.only("debian-3.11", "pyenv-3.8", "pyenv-3.12", "pyenv-3.13")
@pytest.mark.parametrize("library", ["libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2.0"])
@pytest.mark.parametrize("mode", [(), ("--stop",)], ids=["running", "stopped"])
def test_kinds_of_other_mallocs(heapspy, workplace: targets.Workplace, library: str, mode: tuple[str, ...]) -> None:
    """Of what they hold nothing is known but the looks of the objects."""
    environment = {**os.environ, "LD_PRELOAD": library}
    count_kinds(heapspy, workplace, *mode, moved=MOVED, env=environment)
    with workplace.start("sleeper.py", env=environment) as target:
        dump = heapspy.json("dump", target.pid, "--limit", 0, *mode)
        assert dump["malloc"] == {"name": library[3:].split("_")[0].split(".")[0]}
        account = {row["kind"]: row["rss"] for row in dump["memory"]["account"]}
        assert sum(account.values()) == dump["memory"]["rss"]
        assert account["malloc"] > 100_000 and account["malloc-free"] == 0


# --- the allocators ------------------------------------------------------------------------------


def numbers_after(text: str, pattern: str) -> list[int]:
    found = re.search(pattern, text)
    assert found, f"no line like {pattern} in\n{text}"
    return [int(number.replace(",", "")) for number in found.groups()]


def test_pymalloc(heapspy, interpreter: catalogue.Interpreter, workplace: targets.Workplace) -> None:
    """Number for number what sys._debugmallocstats() says."""
    with workplace.start("pools.py", ready=False) as target:
        blocks, uordblks, fordblks, hblkhd = map(int, target.read_line().split())
        target.wait_until_ready()
        dump = heapspy.json("dump", target.pid)
        stats = target.error_text().split("----\n")[1]
    ours = dump["allocator"]

    rows = re.findall(r"^ +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)$", stats, re.MULTILINE)
    theirs = {int(size): (int(pools), int(used), int(free)) for _, size, pools, used, free in rows}
    assert theirs == {
        row["block"]: (row["pools"], row["blocks_in_use"], row["blocks_free"])
        for row in ours["size_classes"]
        if row["pools"]
    }
    number = r" *= *([\d,]+)"
    lines = {
        "arenas": "# arenas allocated current" + number,
        "bytes_in_use": "# bytes in allocated blocks" + number,
        "bytes_free": "# bytes in available blocks" + number,
        "bytes_pool_headers": "# bytes lost to pool headers" + number,
        "bytes_quantization": "# bytes lost to quantization" + number,
        "bytes_alignment": "# bytes lost to arena alignment" + number,
    }
    if "arenas_allocated" in ours:
        lines["arenas_allocated"] = "# arenas allocated total" + number
        lines["arenas_highwater"] = "# arenas highwater mark" + number
    assert {key: numbers_after(stats, line)[0] for key, line in lines.items()} == {key: ours[key] for key in lines}
    assert numbers_after(stats, r"([\d,]+) unused pools \* ([\d,]+) bytes") == [ours["pools_free"], ours["pool_size"]]
    assert ours["blocks_raw"] < ours["blocks_in_use"]
    if "blocks_large" in ours and not interpreter.pydebug:
        # Between the count and the rest a few objects came and went.
        assert abs(ours["blocks_in_use"] + ours["blocks_large"] - blocks) <= 8
    kinds = {"PyFloat": "float", "PyTuple": "tuple", "PyList": "list", "PyDict": "dict", "PyDictKeys": "dict keys"}
    free = dict.fromkeys(kinds.values(), 0)
    for objects, kind in re.findall(r"^ *(\d+) free (?:\d+-sized )?(\w+)Objects \*", stats, re.MULTILINE):
        if kind in kinds:
            free[kinds[kind]] += int(objects)
    if interpreter.version_info >= (3, 10):
        ours_free = {row["kind"]: row["objects"] for row in ours["free_lists"]}
        # What prints the numbers takes from these lists itself.
        assert all(abs(ours_free[kind] - free[kind]) <= 4 for kind in ours_free if kind != "dict keys" or free[kind])
    assert ours["pinned"]["arenas"] > 5 and {"tuple", "str"} <= {row["type"] for row in ours["pinned"]["types"]}

    if uordblks:
        malloc = dump["malloc"]
        assert malloc["bytes_in_use"] == pytest.approx(uordblks, rel=0.01)
        assert malloc["bytes_free"] == pytest.approx(fordblks, rel=0.01, abs=16384)
        assert malloc["mmapped"] == pytest.approx(hblkhd, rel=0.01)


def assert_mappings(pid: int, mappings: list[dict], rss: int) -> None:
    """By name, what the kernel says of each file, and all of what has none."""
    keys = {"Rss": "rss", "Pss": "pss", "Private_Clean": "private", "Private_Dirty": "private", "Swap": "swap"}
    kernel: dict[str, dict[str, int]] = {}
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as file:
        for line in file:
            if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \d+ *(.*)", line):
                one = kernel.setdefault(match[3], dict.fromkeys([*keys.values(), "size", "mappings"], 0))
                one["size"] += int(match[2], 16) - int(match[1], 16)
                one["mappings"] += 1
            elif (name := line.split(":")[0]) in keys:
                one[keys[name]] += 1024 * int(line.split()[1])
    ours = {row.pop("name"): row for row in mappings}
    assert [row["rss"] for row in ours.values()] == sorted((row["rss"] for row in ours.values()), reverse=True)
    assert sum(row["rss"] for row in ours.values()) == rss
    nameless = kernel.pop("", dict.fromkeys([*keys.values(), "size", "mappings"], 0))
    for name, row in ours.items():
        # Pages of files that others use come and go with them: shares of them are not looked at.
        if name in kernel:
            assert {key: row[key] for key in ("rss", "size", "mappings", "swap")} == {
                key: kernel[name][key] for key in ("rss", "size", "mappings", "swap")
            }, name
        else:
            nameless = {key: nameless[key] - row[key] for key in nameless}
    assert {nameless[key] for key in ("rss", "size", "mappings")} == {0}
    assert ours["[pymalloc arenas]"]["rss"] > 10_000_000


def test_account_sums_to_rss(heapspy, oracle: targets.Oracle) -> None:
    dump = heapspy.json("dump", oracle.pid)
    memory = dump["memory"]
    assert_mappings(oracle.pid, dump["mappings"], memory["rss"])
    account = {row["kind"]: row["rss"] for row in memory["account"]}
    assert sum(account.values()) == memory["rss"]
    resident = 0
    for line in open(f"/proc/{oracle.pid}/smaps", encoding="utf-8", errors="replace"):
        if line.startswith("Rss:"):
            resident += int(line.split()[1]) * 1024
    assert memory["rss"] == resident
    assert account["python-objects"] > 10_000_000 and account["file"] > 1_000_000 and account["malloc"] > 1_000_000


@pytest.mark.ten
def test_running_is_about_right(heapspy, workplace: targets.Workplace) -> None:
    """Against a target that allocates and frees flat out: within one percent, and what was torn is said."""
    with workplace.start("churn.py") as target:
        kept, passing = map(int, target.read_line().split())
        base = None
        for _ in range(10):
            dump = heapspy.json("dump", target.pid, "--limit", 0)
            found = totals(dump)
            assert found["__main__.Kept"][0] == pytest.approx(kept, rel=0.01)
            # One may be met where it lies, and again what came in its place elsewhere.
            assert found.get("__main__.Passing", (0, 0))[0] <= passing + 0.01 * kept
            assert dump["heap"]["objects"] >= kept * 4 * 0.99
            objects = dump["heap"]["objects"] - sum(found.get("__main__.Passing", (0, 0))[:1]) * 5
            base = base or objects
            assert objects == pytest.approx(base, rel=0.01)
            assert dump["capture"]["coverage"] > 0.99
        stopped = heapspy.json("dump", target.pid, "--limit", 0, "--stop", "--max-pause", "5s")
        assert stopped["capture"]["mode"] == "stopped" and stopped["capture"]["pause"] > 0
        assert totals(stopped)["__main__.Kept"][0] == kept
        assert dump["heap"]["bytes"] == pytest.approx(stopped["heap"]["bytes"], rel=0.01)
