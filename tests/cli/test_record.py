# SPDX-License-Identifier: MIT
"""`heapspy record`: its lines, its file, its end; over a recording that is made up."""

from __future__ import annotations

import json
import signal

import conftest as cli
import pytest

REMARK = "recorded 5.0 s (duration): 2 growth events, 2 lost, 1 samples, 1 censuses"


def recorded(heapspy, text: str) -> list[dict]:
    """Each line held against the schema."""
    return [heapspy.parse_as("heapspy.record/1", line) for line in text.splitlines()]


def test_lines(fake, heapspy, tmp_path):
    path = tmp_path / "grown.ndjson"
    done = fake.run("record", 1, "-d", "5s", "-o", path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"heapspy: {REMARK}\n")
    lines = recorded(heapspy, path.read_text())
    assert [line["type"] for line in lines] == [
        "recording", "frame", "stack", "growth", "growth", "sample", "census", "timeline", "end"
    ]
    assert lines[0]["options"] == {"rate": 0.0, "census": 0.0, "native": False, "duration": 5.0}
    assert lines[1] == {"type": "frame", "id": 0, "function": "app.load", "file": "app.py", "line": 12}
    assert lines[2] == {"type": "stack", "id": 0, "frames": [0]}
    assert (lines[3]["bytes"], lines[3]["thread"], "of" in lines[3]) == (1 << 20, "MainThread", False)
    assert (lines[4]["bytes"], "thread" in lines[4], lines[4]["of"]) == (-4096, False, 0)
    assert lines[-1] == {"type": "end", "time": 5.0, "reason": "duration", "lost": 2}


def test_options_reach_the_library(fake, heapspy):
    out = fake.run("record", 1, "-d", "5", "--rate", "250", "--census", "2s", "-o", "-", "-q")
    assert recorded(heapspy, out.stdout)[0]["options"] == {"rate": 250.0, "census": 2.0, "native": False, "duration": 5.0}
    assert out.stderr == ""


def test_native(fake, heapspy):
    """A frame of C without a symbol has its place in its file; a stack that is cut says so."""
    lines = recorded(heapspy, fake.run("record", 1, "-d", "5", "--native", "-o", "-", "-q").stdout)
    assert lines[0]["options"]["native"] is True
    assert lines[3] == {"type": "frame", "id": 1, "native": True, "module": "/lib/app.so", "offset": 0x1234}
    assert lines[4] == {"type": "stack", "id": 1, "frames": [1, 0], "cut": True}


def test_subprocesses(fake, heapspy):
    done = fake.run("record", 1, "-d", "5", "--subprocesses", "-o", "-")
    assert done.stderr == f"heapspy: {REMARK.replace('2 growth', '3 growth')}, 1 subprocesses (1 skipped)\n"
    lines = recorded(heapspy, done.stdout)
    begun, grown, skipped, ended = lines[8:12]
    assert (begun["type"], begun["pid"], begun["parent"], len(begun["sources"])) == ("process", 8, 7, 4)
    assert (grown["pid"], grown["bytes"], grown["stack"]) == (8, 4096, 0)
    assert skipped == {
        "type": "event", "time": 1.7, "pid": 9, "event": "skipped", "command": "sh", "why": "it is no Python"
    }  # fmt: skip
    assert ended == {"type": "process_end", "time": 1.8, "pid": 8, "reason": "target exited", "lost": 3}
    assert not any("pid" in line for line in [*lines[:8], lines[-1]] if line["type"] != "recording")
    fake.run("record", 3, "-d", "5", "-s", "-o", "-", "-q")


def test_hostile_names(fake, heapspy):
    out = fake.run("record", 3, "-d", "5", "-o", "-", "-q").stdout
    assert len(recorded(heapspy, out)) == 9
    assert not any(ord(letter) < 0x20 and letter != "\n" for letter in out)


def test_what_is_missing_is_said(fake, heapspy):
    done = fake.run("record", 2, "-d", "5", "-o", "-")
    assert done.stderr == f"heapspy: {REMARK} (no growth: the kernel refuses)\n"
    assert recorded(heapspy, done.stdout)[0]["sources"][0] == {
        "source": "growth", "available": False, "why": "the kernel refuses"
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(fake, heapspy, tmp_path, number):
    """All that was recorded is there before the end, and it is a good end."""
    path = tmp_path / "grown.ndjson"
    process = fake.start("record", 8, "-o", path)
    cli.wait_for(lambda: path.exists() and path.read_text().count("\n") == 8)
    process.send_signal(number)
    assert process.wait(60) == 0, process.stderr.read()
    assert recorded(heapspy, path.read_text())[-1]["reason"] == "interrupted"
    process.stdout.close()
    process.stderr.close()


def test_file_is_needed(fake):
    assert "record needs a file to write to" in fake.fails(2, "record", 1)


def test_existing_file(fake, tmp_path):
    path = tmp_path / "grown.ndjson"
    path.write_text("mine")
    assert "it exists" in fake.fails(8, "record", 1, "-d", "1", "-o", path)
    assert path.read_text() == "mine"
    fake.run("record", 1, "-d", "1", "-o", path, "--force")
    assert path.read_text().startswith('{"type":"recording"')
    link = tmp_path / "link"
    link.symlink_to(path)
    assert "symbolic link" in fake.fails(8, "record", 1, "-d", "1", "-o", link, "--force")


@pytest.mark.parametrize("rate", ["-1", "10001", "x"])
def test_rate(fake, rate):
    assert "0 to 10000" in fake.fails(2, "record", 1, "-o", "-", "--rate", rate)
