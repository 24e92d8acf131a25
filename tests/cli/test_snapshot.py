# SPDX-License-Identifier: MIT
"""Files as targets, and the command that writes them."""

from __future__ import annotations

import json
import stat

import pytest


def test_file_as_target(fake, tmp_path):
    path = tmp_path / "heap.core"
    path.touch()
    target = json.loads("\n".join(fake.lines("dump", path, "--json")))["target"]
    assert (target["kind"], target["path"]) == ("snapshot", str(path))
    process = json.loads("\n".join(fake.lines("dump", 1, "--json")))["target"]
    assert process["kind"] == "process" and "path" not in process
    assert any(f"snapshot   {path}" in line for line in fake.lines("gc", path))


def test_number_is_a_pid(fake, tmp_path):
    """A file with a number for a name needs a slash."""
    (tmp_path / "1").touch()
    for name, kind in [("1", "process"), ("./1", "snapshot")]:
        assert json.loads("\n".join(fake.lines("dump", name, "--json", cwd=tmp_path)))["target"]["kind"] == kind


def test_neither_pid_nor_file(fake, tmp_path):
    assert "there is no file of this name" in fake.fails(2, "dump", "heap.core", cwd=tmp_path)
    (tmp_path / "heap.core").touch()
    fake.lines("dump", "heap.core", cwd=tmp_path)
    fake.fails(2, "dump", "--pid", "heap.core", cwd=tmp_path)


def test_damaged_file(fake):
    assert "cannot read ./damaged\n" in fake.fails(9, "dump", "./damaged")


@pytest.mark.parametrize("more", [["1"], ["1", "2"], ["-n", "2"]])
def test_file_is_read_once(fake, more):
    assert "a file cannot be read again" in fake.fails(2, "gc", "./heap.core", *more)


def test_snapshot(fake, tmp_path):
    path = tmp_path / "heap.core"
    done = fake.run("snapshot", 1, "-o", path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "heapspy: 3.0M of memory, 2.0M on disk, in 250 ms\n"
    assert path.read_text() == "a snapshot\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_snapshot_is_private(fake, tmp_path):
    """Whatever was there before, and whatever the umask."""
    path = tmp_path / "heap.core"
    path.touch(0o666)
    path.chmod(0o666)
    assert "--force" in fake.fails(8, "snapshot", 1, "-o", path)
    assert fake.lines("snapshot", 1, "-o", path, "--force", "--quiet") == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_snapshot_incomplete(fake, tmp_path):
    """It is there, but it is said what it lacks."""
    path = tmp_path / "heap.core"
    message = fake.fails(7, "snapshot", 5, "-o", path, "-q")
    assert "the snapshot of process 5 is not complete" in message and "4.0K are swapped out" in message
    assert path.exists()


def test_no_half_snapshot(fake, tmp_path):
    fake.fails(3, "snapshot", 6, "-o", tmp_path / "heap.core")
    fake.fails(4, "snapshot", 4, "-o", tmp_path / "heap.core")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", [[], ["-o", "-"], ["-o", "/dev/null"]])
def test_snapshot_needs_a_file(fake, where):
    assert "  why: " in fake.fails(2, "snapshot", 1, *where)
