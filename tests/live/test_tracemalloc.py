# SPDX-License-Identifier: MIT
"""What tracemalloc knows: to the byte what it lists itself."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import time
from collections.abc import Iterator

import catalogue
import pytest
import targets

PATIENCE = 60  # seconds for something to be seen


@pytest.fixture(scope="module")
def traced(workplace: targets.Workplace) -> Iterator[tuple[targets.Target, dict]]:
    path = workplace.shared / "traced"
    with workplace.start("traced.py", workplace.as_target_sees(path)) as target:
        wait_for_rest(target.pid)
        yield target, json.loads(path.read_text())


def wait_for_rest(pid: int) -> None:
    """It allocates what it is to read into after it said that it is ready."""
    deadline = time.monotonic() + PATIENCE
    while not pathlib.Path(f"/proc/{pid}/syscall").read_text().startswith("0 0x0 "):
        assert time.monotonic() < deadline
        time.sleep(0.001)


def clean(text: str) -> str:
    """As heapspy shows what cannot be shown."""
    return "".join(f"\\x{ord(one):02x}" if ord(one) < 0x20 else one for one in text)


def assert_same(report: dict, section: dict) -> None:
    """Line for line, in the same order. What the measuring allocates is left out."""
    ours = [(line["file"], line["line"], line["bytes"], line["blocks"]) for line in section["lines"]]
    ours = [line for line in ours if not line[0].endswith(("/traced.py", "/tracemalloc.py", "/json/encoder.py"))]
    theirs = [(clean(file), line, size, count) for file, line, size, count in report["lines"]]
    assert len(theirs) > 300 and any(file == "domains.py" for file, *_ in theirs)
    wrong = [f"{one} / {other}" for one, other in zip(theirs, ours) if one != other]
    assert not wrong and len(ours) == len(theirs), "\n".join([f"{len(theirs)} lines / {len(ours)}", *wrong[:10]])
    assert section["whole"] and section["frame_limit"] == report["limit"]
    assert section["bytes"] == sum(line["bytes"] for line in section["lines"])
    assert section["blocks"] == sum(line["blocks"] for line in section["lines"])
    assert section["omitted"] == {"lines": 0, "bytes": 0, "blocks": 0}
    for line in section["lines"]:
        assert line["average"] == line["bytes"] // line["blocks"]


def test_running(heapspy, interpreter: catalogue.Interpreter, traced) -> None:
    target, report = traced
    section = heapspy.json("stack", target.pid, "--tracemalloc")["tracemalloc"]
    assert_same(report, section)
    if interpreter.name != "debian-3.11":  # stripped, and not in the runtime yet
        # In a domain there may be an address that is no memory: only blocks of domain 0 are traced memory.
        domains = sum(line["bytes"] for line in section["lines"] if line["file"] == "domains.py")
        assert domains > 0 and section["traced"] in (section["bytes"], section["bytes"] - domains)
        assert section["peak"] >= section["traced"]


def test_one_instant(heapspy, traced) -> None:
    target, report = traced
    assert_same(report, heapspy.json("dump", target.pid, "--tracemalloc", "--stop", "--max-pause", "10s")["tracemalloc"])


def test_snapshot(heapspy, traced, tmp_path: pathlib.Path) -> None:
    target, report = traced
    path = tmp_path / "snapshot"
    assert heapspy.run("snapshot", target.pid, "-q", "-o", path).returncode == 0
    assert_same(report, heapspy.json("dump", path, "--tracemalloc")["tracemalloc"])


@pytest.mark.skipif(not shutil.which("gcore"), reason="no gcore here")
def test_core(heapspy, traced, tmp_path: pathlib.Path) -> None:
    target, report = traced
    command = ["gcore", "-o", tmp_path / "core", str(target.pid)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    path = tmp_path / f"core.{target.pid}"
    assert_same(report, heapspy.json("stack", path, "--tracemalloc")["tracemalloc"])
    path.unlink()


def test_table(heapspy, traced) -> None:
    target, report = traced
    shown = heapspy.run("dump", target.pid, "--tracemalloc", "--limit", 5).stdout
    assert "tracemalloc   size " in shown and "not shown  lines " in shown
    assert "\x1b" not in shown
    section = heapspy.json("dump", target.pid, "--tracemalloc", "--limit", 5)["tracemalloc"]
    assert len(section["lines"]) == 5 and section["omitted"]["lines"] > 100
    assert section["bytes"] == section["omitted"]["bytes"] + sum(line["bytes"] for line in section["lines"])


@pytest.mark.parametrize("command", ["stack", "dump"])
def test_off(heapspy, oracle: targets.Oracle, command: str) -> None:
    done = heapspy.run(command, oracle.pid, "--tracemalloc")
    assert done.returncode == 7 and done.stdout == ""
    assert "tracemalloc is not on" in done.stderr and "PYTHONTRACEMALLOC=1" in done.stderr
