# SPDX-License-Identifier: MIT
"""Stacks: line for line what sys._current_frames() and traceback say inside."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
from collections.abc import Iterator

import catalogue
import pytest
import targets

PATIENCE = 60  # seconds for something to be seen


class Stacks:
    """programs/stacks.py at rest, and what it says of itself."""

    def __init__(self, target: targets.Target, report: dict) -> None:
        self.target = target
        self.report = report
        self.pid = report["pid"]


@contextlib.contextmanager
def standing(workplace: targets.Workplace, *arguments: str, **options) -> Iterator[Stacks]:
    path = workplace.shared / "-".join(["stacks", *arguments])
    with workplace.start("stacks.py", workplace.as_target_sees(path), *arguments, **options) as target:
        yield Stacks(target, json.loads(path.read_text()))


@pytest.fixture(scope="session")
def stacks(workplace: targets.Workplace) -> Iterator[Stacks]:
    with standing(workplace) as running:
        yield running


def clean(text: str) -> str:
    """As heapspy shows what cannot be shown, of what programs/stacks.py has in its names."""
    shown = []
    for point in map(ord, text):
        if point < 0x20:
            shown.append(f"\\x{point:02x}")
        elif 0xD800 <= point <= 0xDFFF or point == 0x202E:
            shown.append(f"\\u{point:04x}")
        else:
            shown.append(chr(point))
    return "".join(shown)


def assert_same(stacks: Stacks, document: dict) -> None:
    ours = {thread.get("tid"): thread for thread in document["threads"]}
    lines = []
    for theirs in stacks.report["threads"]:
        mine = ours.get(theirs["tid"])
        if mine is None:
            lines.append(f"no thread {theirs['tid']} ({theirs['name']})")
            continue
        if mine["torn"] or mine["cut"] or mine["holds_gil"]:
            lines.append(f"{theirs['name']}: torn, cut or with the GIL")
        if theirs["name"] != mine.get("name"):
            lines.append(f"name: {theirs['name']} / {mine.get('name')}")
        expected = [(clean(name), clean(file), line) for name, file, line in theirs["frames"]]
        found = [(frame["function"], frame["file"], frame.get("line")) for frame in mine["frames"]]
        if expected != found:
            lines.append(f"--- {theirs['name']}: {len(expected)} frames / {len(found)}")
            lines += [f"{one} / {other}" for one, other in zip(expected, found) if one != other][:8]
    assert not lines, "\n".join(["differs (the target / heapspy):", *lines])


def test_stacks(heapspy, stacks: Stacks) -> None:
    document = heapspy.json("stack", stacks.pid)
    assert_same(stacks, document)
    assert document["capture"]["mode"] == "running" and document["capture"]["pause"] == 0
    assert [one["gc"]["collecting"] for one in document["interpreters"]] == [False]
    assert document["threads"][0]["name"] == "MainThread" and document["threads"][0]["tid"] == stacks.pid
    # The thread that said so may still be about to end.
    resting = {thread["tid"] for thread in stacks.report["threads"]}
    assert {one["state"] for one in document["threads"] if one["tid"] in resting} == {"sleeping"}


def test_stacks_of_one_instant(heapspy, stacks: Stacks) -> None:
    document = heapspy.json("stack", stacks.pid, "--stop", "--max-pause", "5s")
    assert_same(stacks, document)
    assert document["capture"]["mode"] in ("stopped", "quiet") and document["capture"]["one_instant"]


def test_stacks_of_a_snapshot(heapspy, stacks: Stacks, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "stacks.core"
    assert heapspy.run("snapshot", stacks.pid, "-o", path, "-q").returncode == 0
    document = heapspy.json("stack", path)
    assert_same(stacks, document)
    assert document["capture"]["mode"] == "file"


# Not sid's: there gdb 13 leaves out what lies behind the guards that its C library puts into stacks.
@pytest.mark.only(*(f"pyenv-{minor}" for minor in catalogue.PYENV_MINORS), "debian-3.11")
@pytest.mark.skipif(not shutil.which("gcore"), reason="no gcore here")
def test_stacks_of_a_core(heapspy, workplace: targets.Workplace, tmp_path: pathlib.Path) -> None:
    with standing(workplace, "--few") as stacks:
        command = ["gcore", "-o", tmp_path / "core", str(stacks.pid)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        path = tmp_path / f"core.{stacks.pid}"
        assert_same(stacks, heapspy.json("stack", path))
    path.unlink()


@pytest.mark.needs_root
@pytest.mark.only("pyenv-3.9", "debian-3.11", "pyenv-3.13")
def test_stacks_in_a_namespace(heapspy, interpreter: catalogue.Interpreter, workplace: targets.Workplace) -> None:
    """There its threads have other numbers; ours are those of this machine."""
    argv = ["unshare", "--pid", "--fork", "--kill-child", *interpreter.argv]
    with standing(workplace, "--few", argv=argv) as stacks:
        children = pathlib.Path(f"/proc/{stacks.target.pid}/task/{stacks.target.pid}/children").read_text()
        pid = int(children.split()[0])
        assert stacks.pid == 1
        document = heapspy.json("stack", pid)
        tids = {int(tid) for tid in os.listdir(f"/proc/{pid}/task")}
        # The thread that said that all rest may be about to end: it has neither number nor frames then.
        document["threads"] = [thread for thread in document["threads"] if thread["frames"] or thread.get("tid") in tids]
        assert {thread["tid"] for thread in document["threads"]} <= tids
        inner = {int(tid): inner_number(pid, tid) for tid in os.listdir(f"/proc/{pid}/task")}
        for thread in document["threads"]:
            thread["tid"] = inner[thread["tid"]]
        assert_same(stacks, document)


def inner_number(pid: int, tid: str) -> int:
    status = pathlib.Path(f"/proc/{pid}/task/{tid}/status").read_text()
    return int(re.search(r"^NSpid:.*\t(\d+)$", status, re.MULTILINE)[1])


def test_subinterpreter(heapspy, workplace: targets.Workplace) -> None:
    with workplace.start("inner.py") as target:
        document = heapspy.json("stack", target.pid)
    assert [one["id"] for one in document["interpreters"]][0] == 0 and len(document["interpreters"]) == 2
    found = {(thread["interpreter"] != 0, thread["tid"]): thread["frames"] for thread in document["threads"]}
    outer = [tid for is_inner, tid in found if not is_inner and tid != target.pid]
    frames = found[True, outer[0]]
    assert [(frame["function"], frame["file"], frame["line"]) for frame in frames] == [
        ("inside", frames[0]["file"], 3),
        ("<module>", frames[0]["file"], 4),
    ]


def test_stacks_of_a_forked_child(heapspy, workplace: targets.Workplace) -> None:
    with standing(workplace, "--fork") as stacks:
        assert_same(stacks, heapspy.json("stack", stacks.pid))


@pytest.mark.ten
def test_busy(heapspy, workplace: targets.Workplace) -> None:
    """Whatever is read of a thread at work, it is made of frames that the program has."""
    with workplace.start("spinner.py") as target:
        held = whole = mixed = 0
        deadline = time.monotonic() + PATIENCE
        while (held < 5 or whole < 5) and time.monotonic() < deadline:
            document = heapspy.json("stack", target.pid)
            for thread in document["threads"]:
                held += thread["holds_gil"]
                if thread["torn"] or not thread["name"].startswith("spin"):
                    continue
                whole += 1
                names = [frame["function"].rpartition(".")[2] for frame in thread["frames"]]
                depth = names.index("spin")
                assert set(names[:depth]) <= {"down", "bottom"}, names
                mixed += "bottom" in names[1:depth]
                assert names[depth + 1 :] == ["run", "_bootstrap_inner", "_bootstrap"], names
        # A frame that ended and another that began at its place, between two reads, look like one.
        assert held >= 5 and whole >= 5 and mixed <= 1


def test_threads_of_a_dump(heapspy, stacks: Stacks) -> None:
    document = heapspy.json("dump", stacks.pid, "--limit", 1)
    assert_same(stacks, document)
    shown = heapspy.run("dump", stacks.pid, "--limit", 1).stdout
    assert "in plain_functions" in shown and "park" in shown


def test_table(heapspy, stacks: Stacks) -> None:
    shown = heapspy.run("stack", stacks.pid).stdout
    assert f"thread     {stacks.pid}   MainThread   sleeping" in shown
    assert "\x1b" not in shown
