# SPDX-License-Identifier: MIT
"""Recordings of real targets, and what report says of them: against the target's own word, and against the sums
of the recording's lines."""

from __future__ import annotations

import json
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import targets
from test_diff import leaking

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))

from recordings import Truth, own_line

PATIENCE = 60  # seconds for something to be seen
MADE = 150_000  # objects of each class


def lines_of(path: pathlib.Path) -> list[dict]:
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def wait_for_censuses(path: pathlib.Path) -> None:
    """Until two more have been taken: one of them began after this was called."""

    def taken() -> int:
        return sum(line["type"] == "census" for line in lines_of(path))

    first, deadline = taken(), time.monotonic() + PATIENCE
    while taken() < first + 2:
        assert time.monotonic() < deadline, "no census was taken"
        time.sleep(0.05)  # nothing tells of it


@pytest.fixture(scope="module")
def recorded(heapspy, workplace: targets.Workplace, tmp_path_factory) -> Iterator[tuple]:
    """A target that makes objects while it is recorded: the file, and what it says it made."""
    path = tmp_path_factory.mktemp("recording") / "leak.ndjson"
    with leaking(workplace) as leak:
        command = [heapspy.path, "record", str(leak.pid), "--census", "100ms", "-o", str(path)]
        with open(path.with_suffix(".err"), "w+") as errors, open(path, "w") as output:
            command[-1] = "-"  # seen as it is written
            recorder = subprocess.Popen(command, stdout=output, stderr=errors)
            try:
                wait_for_censuses(path)
                made = leak.make(MADE)
                wait_for_censuses(path)
            finally:
                recorder.send_signal(signal.SIGINT)
                status = recorder.wait(PATIENCE)
            errors.seek(0)
            assert status == 0, errors.read()
    return path, made


def test_types_are_what_the_target_made(heapspy, recorded):
    path, made = recorded
    report = heapspy.json("report", path)
    types = {row["type"]: row for row in report["types"]}
    assert {name: [types[name]["objects_change"], types[name]["bytes_change"]] for name in made} == made
    assert sum(row["objects_change"] for row in report["intervals"]) == sum(
        row["objects_change"] for row in report["types"]
    )


def test_numbers_are_those_of_the_recording(heapspy, recorded):
    path, _ = recorded
    lines, report = lines_of(path), heapspy.json("report", path)
    stacks, own, whole = Truth(lines), Truth(lines, own_line), Truth(lines, lambda frames: "all")
    assert report["recording"]["ended"] == "interrupted"
    assert report["growth"]["kept"] == whole.kept["all"] and report["growth"]["peak"] == whole.peak["all"]

    def key(frame):
        return frame["function"], frame.get("file"), frame.get("line"), frame.get("module")

    assert {tuple(map(key, row["frames"])): row["kept"] for row in report["stacks"] if row["total"]} == {
        stack: stacks.kept[stack] for stack in stacks.total
    }
    assert {key(row): (row["kept"], row["peak"]) for row in report["lines"] if row["total"]} == {
        line: (own.kept[line], own.peak[line]) for line in own.total if line
    }


def test_growth_is_found_where_it_was_made(heapspy, recorded):
    """What grew while the target did nothing else, in the function that did it, with the text of its lines."""
    path, _ = recorded
    report = heapspy.json("report", path)
    found = sum(
        stack["kept"] for stack in report["stacks"] if any(frame["function"] == "change" for frame in stack["frames"])
    )
    assert found > 0.9 * report["growth"]["kept"] > 0
    program = (targets.PROGRAMS / "leaking.py").read_text().splitlines()
    shown = {row["line"]: row["source"] for row in report["lines"] if "source" in row and row["file"].endswith("leaking.py")}
    assert all(program[line - 1].strip() == text for line, text in shown.items())


@pytest.mark.parametrize("form", ["table", "csv", "folded", "speedscope", "pprof", "svg", "svg-timeline", "ndjson"])
def test_every_format(heapspy, recorded, tmp_path, form):
    path, _ = recorded
    done = heapspy.run("report", path, "--format", form, "-o", tmp_path / "file", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "file").stat().st_size > 100
