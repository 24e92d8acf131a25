# SPDX-License-Identifier: MIT
"""Objects of one type: what dump --instances says of each, against what the target itself says."""

from __future__ import annotations

import contextlib
import json
import pathlib
import random
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator

import catalogue
import pytest
import targets

# What a preview begins with, for those that are not shown as repr() shows them.
ATTRIBUTES = {
    "__main__.Plain": r"number=(\d+) name='n\1' items=(list\(\d+\)|\[\])",
    "__main__.Slotted": r"first=(\d+) second='s\1'",
    "__main__.Derived": r"third=b'3' first=(\d+) second='s\1'",
    "__main__.Late": r"number=\d+ other=2",
    "__main__.Failure": r"Failure\('why', 5\)",
    "array.array": r"array\('(d', 300|u', 2|b', 0) items\)",
    "memoryview": r"<memory of (3 bytes of b'abcdef'|7 bytes of bytearray\(b'(\\x00){7}'\))>",
    "function": r"<function (function|generate) at instances\.py:\d+>",
    "generator": r"<generator object generate at instances\.py:\d+>",
    "module": r"<module '(json|types)'>",
    "type": r"<class '__main__\.(Plain|Slotted)'>",
    "method": r"<bound method <function Holder\.method at instances\.py:\d+> of <__main__\.Holder>>",
    "code": r"<code object function at instances\.py:\d+>",
}
COUNTED = ("list", "dict", "set", "float", "complex", "bytearray", "collections.deque", "generator", "method")


class Things:
    """programs/instances.py at rest, and what it says of its objects."""

    def __init__(self, target: targets.Target, report: dict) -> None:
        self.target = target
        self.pid = report["pid"]
        self.types: dict[str, list[dict]] = {}
        for entry in report["objects"]:
            self.types.setdefault(entry["type"], []).append(entry)


@contextlib.contextmanager
def standing(workplace: targets.Workplace) -> Iterator[Things]:
    path = workplace.shared / "instances"
    with workplace.start("instances.py", workplace.as_target_sees(path)) as target:
        yield Things(target, json.loads(path.read_text()))


@pytest.fixture(scope="module")
def things(workplace: targets.Workplace) -> Iterator[Things]:
    with standing(workplace) as running:
        yield running


def clean(text: str) -> str:
    """As heapspy shows what repr() shows, but a terminal must not get."""
    return "".join(f"\\x{ord(point):02x}" if 0x7F <= ord(point) < 0xA0 else point for point in text)


def shown_as_repr(entry: dict, preview: str) -> str | None:
    """What is wrong with it."""
    text = clean(entry["repr"])
    cut = re.split(r"(?:, |\[|\(|\{)?\.\.\. \d+ more|\.\.\.\)?$|(?:list|dict|tuple|set)\(\d+\)|<int of", preview)[0]
    if cut == preview and text != preview:
        return f"{text[:100]} / {preview[:100]}"
    if not text.startswith(cut):
        return f"{text[:100]} / {preview[:100]}, cut"
    return None


def differences(name: str, theirs: list[dict], ours: list[dict]) -> list[str]:
    found = {int(one["address"], 16): one for one in ours}
    lines = []
    for entry in theirs:
        one = found.get(entry["id"])
        if one is None:
            # Those of a constant lie in the program from 3.12 on: empty tuples, and others.
            if entry["repr"] not in ("()", "''", "b''", "frozenset()"):
                lines.append(f"{name}: {entry['repr'][:60]} is not there")
            continue
        age = "untracked" if not entry["tracked"] else "frozen"
        if entry["generation"] is not None:
            age = f"generation-{entry['generation']}"
        pairs = [("size", entry["size"], one["bytes"]), ("age", age, one["age"])]
        # Small constants are referred to from everywhere, and that changes.
        if not one["immortal"] and (name.startswith("__main__") or name in COUNTED):
            pairs.append(("references", entry["references"], one["references"]))
        lines += [f"{name} {entry['repr'][:60]}: {what} {a} / {b}" for what, a, b in pairs if a != b]
        preview = one.get("preview", "-")
        if pattern := ATTRIBUTES.get(name):
            if not re.fullmatch(pattern, preview):
                lines.append(f"{name}: {preview}")
        elif wrong := shown_as_repr(entry, preview):
            lines.append(f"{name}: {wrong}")
    return lines


def assert_same(heapspy, source, things: Things, *arguments: str, names: list[str] | None = None) -> None:
    lines = []
    for name, entries in things.types.items():
        if names and name not in names:
            continue
        document = heapspy.json("dump", source, "--instances", name, "--limit", 0, *arguments)
        assert document["complete"] and not document["sample"]
        assert len(document["largest"]) == document["type"]["objects"]
        sizes = [one["bytes"] for one in document["largest"]]
        assert sizes == sorted(sizes, reverse=True) and sum(sizes) == document["type"]["bytes"]
        if name.startswith("__main__"):
            assert len(sizes) == len(entries)
        lines += differences(name, entries, document["largest"])
    assert not lines, "\n".join(["differs (the target / heapspy):", *lines])


def test_every_instance(heapspy, things: Things) -> None:
    assert_same(heapspy, things.pid, things)


SOME = ["__main__.Plain", "__main__.Slotted", "str", "dict", "list"]


def test_of_one_instant(heapspy, things: Things) -> None:
    assert_same(heapspy, things.pid, things, "--stop", "--max-pause", "5s", names=SOME)


def test_of_a_snapshot(heapspy, things: Things, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "instances.core"
    assert heapspy.run("snapshot", things.pid, "-o", path, "-q").returncode == 0
    assert_same(heapspy, path, things, names=SOME)


@pytest.mark.only("pyenv-3.9", "pyenv-3.12", "debian-3.11")
@pytest.mark.skipif(not shutil.which("gcore"), reason="no gcore here")
def test_of_a_core(heapspy, things: Things, tmp_path: pathlib.Path) -> None:
    command = ["gcore", "-o", tmp_path / "core", str(things.pid)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    path = tmp_path / f"core.{things.pid}"
    assert_same(heapspy, path, things, names=SOME)
    path.unlink()


def test_some_of_many(heapspy, things: Things) -> None:
    """The largest are the largest, and the sample is of all."""
    every = heapspy.json("dump", things.pid, "--instances", "str", "--limit", 0)["largest"]
    some = heapspy.json("dump", things.pid, "--instances", "str", "--limit", 25)
    assert [one["bytes"] for one in some["largest"]] == [one["bytes"] for one in every[:25]]
    addresses = {one["address"] for one in every}
    sample = {one["address"] for one in some["sample"]}
    assert len(sample) == 25 and sample <= addresses
    again = heapspy.json("dump", things.pid, "--instances", "str", "--limit", 25)
    assert {one["address"] for one in again["sample"]} != sample


def test_by_address(heapspy, things: Things) -> None:
    by_name = heapspy.json("dump", things.pid, "--instances", "__main__.Plain")
    address = by_name["largest"][0]["type_address"]
    by_address = heapspy.json("dump", things.pid, "--instances", address)
    assert by_address["type"] == by_name["type"]


def test_without_text(heapspy, things: Things) -> None:
    for name, pattern in {"str": r"str\(\d+\)", "bytes": r"bytes\(\d+\)", "bytearray": r"bytearray\(\d+\)"}.items():
        document = heapspy.json("dump", things.pid, "--instances", name, "--strings", "none", "--limit", 0)
        assert all(re.fullmatch(pattern, one["preview"]) for one in document["largest"])
    document = heapspy.json("dump", things.pid, "--instances", "__main__.Plain", "--strings", "none")
    assert all(re.search(r"\bname=str\(\d+\)", one["preview"]) for one in document["sample"])


@pytest.mark.ten
def test_busy(heapspy, workplace: targets.Workplace) -> None:
    """Whatever happens meanwhile, what is shown is text that a terminal may get."""
    with workplace.start("busy.py") as target:
        for name in ("dict", "list", "str", "tuple", "int"):
            done = heapspy.run("dump", target.pid, "--instances", name, "--limit", 200, "--json")
            assert done.returncode in (0, 7), done.stderr
            document = heapspy.parse(done.stdout)
            for one in document["largest"] + document["sample"]:
                assert not re.search("[\x00-\x1f\x7f-\x9f]", one.get("preview", ""))


@pytest.mark.only("pyenv-3.10", "pyenv-3.13")
def test_damaged(heapspy, things: Things, tmp_path: pathlib.Path) -> None:
    """Words of the heap are overwritten, by chance and by addresses of other objects: previews end all the same."""
    path = tmp_path / "whole.core"
    assert heapspy.run("snapshot", things.pid, "-o", path, "-q").returncode == 0
    whole = path.read_bytes()
    objects = [entry["id"] for entries in things.types.values() for entry in entries]
    known = set(objects)
    length = len(whole) // 8
    words = [(8 * number, word) for number, word in enumerate(struct.unpack(f"<{length}Q", whole[: 8 * length])) if word in known]
    references = [offset for offset, _ in words]
    random.seed(4)
    shown = 0
    for _ in range(4):
        damaged = bytearray(whole)
        for offset in random.sample(references, len(references) // 3):
            value = random.choice([random.choice(objects), random.choice(objects) + 8, random.getrandbits(64), 8, 2**47])
            damaged[offset : offset + 8] = value.to_bytes(8, "little")
        for offset in random.sample(references, len(references) // 20):
            # What lies beside them: lengths, tables and items of other objects.
            damaged[offset + 8 : offset + 16] = random.getrandbits(64).to_bytes(8, "little")
        path.write_bytes(damaged)
        for name in ("list", "dict", "__main__.Plain", "set", "collections.deque"):
            done = heapspy.run("dump", path, "--instances", name, "--limit", "50", "--json")
            assert done.returncode in (0, 2, 5, 7, 9), done.stderr
            shown += done.returncode in (0, 7)
    assert shown > 3


def test_no_such_type(heapspy, things: Things) -> None:
    done = heapspy.run("dump", things.pid, "--instances", "__main__.Plian")
    assert done.returncode == 2 and "has no objects of type '__main__.Plian'" in done.stderr
