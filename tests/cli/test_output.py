# SPDX-License-Identifier: MIT
"""Where output goes: files that are whole or not there, standard output that is full, closed or a pipe."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile

import pytest

from conftest import ENVIRONMENT, wait_for


def entries(directory: pathlib.Path) -> list[str]:
    return sorted(os.listdir(directory))


def last_dump(path: pathlib.Path) -> dict:
    return json.loads(path.read_text())


def test_new_file(fake, tmp_path):
    out = tmp_path / "out.json"
    assert fake.lines("dump", 1, "--json", "-o", out) == []
    assert last_dump(out)["target"]["pid"] == 1
    assert entries(tmp_path) == ["out.json"]
    # As any new file: what the umask leaves.
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(out.stat().st_mode) == 0o666 & ~umask


def test_relative_and_dash(fake, tmp_path):
    assert fake.lines("ps", "-o", "here", cwd=tmp_path) == []
    assert entries(tmp_path) == ["here"]
    assert fake.lines("ps", "-o", "-", cwd=tmp_path) == fake.lines("ps")
    assert fake.lines("ps", "-o", "./-", cwd=tmp_path) == []
    assert entries(tmp_path) == ["-", "here"]


def test_existing_file(fake, tmp_path):
    out = tmp_path / "it's out"
    out.write_text("precious")
    message = fake.fails(8, "dump", 1, "-o", out)
    assert "why: it exists\n" in message and out.read_text() == "precious"
    # The remedy runs as it is printed.
    remedy = message.split("  try: ")[1].replace("heapspy", f"'{fake.path}'", 1)
    subprocess.run(["sh", "-c", remedy], check=True)
    assert "app.cache.Entry" in out.read_text()
    assert entries(tmp_path) == ["it's out"]


def test_forced(fake, tmp_path):
    out, other = tmp_path / "out", tmp_path / "other"
    out.write_text("old")
    out.chmod(0o600)
    other.hardlink_to(out)
    assert fake.lines("dump", 1, "-j", "-o", out, "--force") == []
    assert last_dump(out)["complete"] and other.read_text() == "old"  # renamed over, not written into
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert fake.lines("dump", 1, "-o", tmp_path / "new", "--force") == []
    assert entries(tmp_path) == ["new", "other", "out"]


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_not_followed_or_replaced(fake, tmp_path, force):
    (tmp_path / "file").write_text("precious")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("elsewhere")
    (tmp_path / "directory").mkdir()
    before = entries(tmp_path)
    for name in ["link", "dangling", "directory", "directory/", "directory/.", "missing/out", "file/out", "new/"]:
        message = fake.fails(8, "dump", 1, "-o", f"{tmp_path}/{name}", *force)
        assert message.startswith("heapspy: cannot write to ") and "\n  why: " in message
    assert entries(tmp_path) == before and (tmp_path / "file").read_text() == "precious"


def test_nothing_is_left_of_a_failure(fake, tmp_path):
    out = tmp_path / "out"
    fake.fails(4, "dump", 4, "-o", out)
    assert entries(tmp_path) == []
    out.write_text("old")
    fake.fails(4, "dump", 4, "-o", out, "--force")
    assert (entries(tmp_path), out.read_text()) == (["out"], "old")


def test_what_is_incomplete_is_written(fake, tmp_path):
    out = tmp_path / "out"
    message = fake.fails(7, "dump", 5, "-j", "-o", out)
    assert "why: 512K are swapped out; a list is damaged\n" in message
    dump = last_dump(out)
    assert (dump["complete"], dump["incomplete"]) == (False, ["512K are swapped out", "a list is damaged"])


def test_killed_in_between(fake, tmp_path):
    for kill in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM):
        process = fake.start("dump", 8, "-o", tmp_path / "out")
        wait_for(lambda: output_size(process.pid, tmp_path) >= 0)
        process.send_signal(kill)
        assert process.wait(20) == -kill
        assert entries(tmp_path) == []


def output_size(pid: int, directory: pathlib.Path) -> int:
    """Bytes in the nameless file that a process writes in a directory; -1: there is none."""
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(f"/proc/{pid}/fd/{fd}").startswith(f"{directory}/#"):
                return os.stat(f"/proc/{pid}/fd/{fd}").st_size
    return -1


def test_taken_meanwhile(fake, tmp_path):
    out = tmp_path / "out"
    process = fake.start("dump", 8, "-o", out)
    wait_for(lambda: output_size(process.pid, tmp_path) >= 0)
    out.write_text("first")
    assert process.wait(20) == 8
    assert "it exists" in process.communicate()[1]
    assert (out.read_text(), entries(tmp_path)) == ("first", ["out"])


def test_read_only_directory(fake):
    """As a user whom permissions bind: not root, and where root's own folders need not be passed."""
    options = {"env": ENVIRONMENT, "capture_output": True, "text": True}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        program = shutil.copy(fake.path, place)
        os.chmod(place, 0o555)
        done = subprocess.run([program, "dump", "1", "-o", f"{place}/out"], check=False, **options)
        assert (done.returncode, done.stdout) == (8, "")
        assert "why: Permission denied\n" in done.stderr
        assert entries(pathlib.Path(place)) == ["heapspy-fake"]
        os.chmod(place, 0o755)


def test_devices_are_written(fake, tmp_path):
    assert fake.lines("dump", 1, "-o", "/dev/null") == []
    assert fake.lines("dump", 1, "-o", "/dev/null", "--force") == []
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert fake.lines("ps", "-o", "/dev/stdout") == fake.lines("ps")  # a pipe here
    os.mkfifo(tmp_path / "fifo")
    process = fake.start("ps", "-o", tmp_path / "fifo")
    assert (tmp_path / "fifo").read_text().splitlines() == fake.lines("ps")
    assert process.wait(20) == 0


def test_standard_output_as_a_file_is_kept(fake, tmp_path):
    with open(tmp_path / "out", "w", encoding="utf-8") as out:
        fake.fails(8, "ps", "-o", "/dev/stdout", "--force", stdout=out)
    assert os.path.islink("/dev/stdout")


@pytest.mark.parametrize("line", ["dump 1", "dump 7 -j", "gc 1", "gc 1 1ms 3", "ps", "doctor", "--help", "dump -h", "-V"])
def test_full(fake, line):
    with open("/dev/full", "w", encoding="utf-8") as full:
        message = fake.fails(8, *line.split(), stdout=full)
    assert message.startswith("heapspy: cannot write to standard output\n  why: No space left on device\n")
    if "dump 1" == line:
        assert "No space left" in fake.fails(8, *line.split(), "-o", "/dev/full")


def test_full_file_system(fake, tmp_path):
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", tmp_path], check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        assert "No space left" in fake.fails(8, "dump", 7, "-j", "-o", tmp_path / "out")
        assert entries(tmp_path) == []
        assert fake.lines("dump", 1, "-o", tmp_path / "out") == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.parametrize("line", ["dump 1", "gc 1 1ms 3", "ps --json", "--help", "--version"])
def test_closed(fake, line):
    command = ["sh", "-c", f"exec '{fake.path}' {line} >&-"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, done.stdout) == (8, "")
    assert "why: it is closed, or not open for writing\n" in done.stderr
    done = subprocess.run(["sh", "-c", f"'{fake.path}' {line} >/dev/null 2>&-"], check=False, timeout=20)
    assert done.returncode == 0


def test_all_closed(fake, tmp_path):
    """No file of ours takes the place of a standard descriptor: nothing else is written into it."""
    subprocess.run(["sh", "-c", f"'{fake.path}' dump 5 -o '{tmp_path}/out' <&- >&- 2>&-"], check=False, timeout=20)
    assert (tmp_path / "out").read_text() == fake.run("dump", 5).stdout


@pytest.mark.parametrize("line", ["dump 7 --json", "gc 1 1ms"])
def test_reader_that_has_enough(fake, line):
    script = f"'{fake.path}' {line} | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=20)
    assert done.stderr == "" and done.stdout.splitlines()[-1] == "141"
    # Also where the parent ignores SIGPIPE.
    done = subprocess.run(["bash", "-c", "trap '' PIPE; " + script], capture_output=True, text=True, check=True, timeout=20)
    assert "heapspy" not in done.stderr and done.stdout.splitlines()[-1] == "141"


def test_series_is_seen_as_it_comes(fake):
    process = fake.start("gc", 1, "1h", "--json")
    assert json.loads(process.stdout.readline())["schema"] == "heapspy.gc/1"
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == -signal.SIGINT
    assert process.communicate() == ("", "")


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_series_is_published(fake, tmp_path, kill):
    out = tmp_path / "out"
    process = fake.start("gc", 1, "1ms", "--json", "-o", out)
    wait_for(lambda: output_size(process.pid, tmp_path) > 4096)
    assert entries(tmp_path) == []
    process.send_signal(kill)
    assert process.wait(20) == -kill
    assert all(json.loads(line)["schema"] == "heapspy.gc/1" for line in out.read_text().splitlines())
    assert entries(tmp_path) == ["out"]


def test_ignored_signals_stay_ignored(fake, tmp_path):
    """As under nohup."""
    process = subprocess.Popen(
        ["sh", "-c", f"trap '' HUP; exec '{fake.path}' gc 1 1ms --json -o '{tmp_path}/out'"], env=ENVIRONMENT
    )
    wait_for(lambda: output_size(process.pid, tmp_path) > 0)
    process.send_signal(signal.SIGHUP)
    size = output_size(process.pid, tmp_path)
    wait_for(lambda: output_size(process.pid, tmp_path) > size + 4096)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == -signal.SIGTERM
    assert entries(tmp_path) == ["out"]


def test_series_whose_process_goes_away(fake, tmp_path):
    done = fake.run("gc", 6, "1ms", "--json")
    assert (done.returncode, len(done.stdout.splitlines())) == (3, 3)
    assert done.stderr.startswith("heapspy: process 6 is gone\n  why: ")
    assert fake.run("gc", 6, "1ms", 3).returncode == 0
    fake.fails(3, "gc", 6, "1ms", "--json", "-o", tmp_path / "out")
    assert len((tmp_path / "out").read_text().splitlines()) == 3


def test_series_keeps_time(fake):
    """Missed readings are not made up for in a burst."""
    process = fake.start("gc", 1, "20ms", "--json", "-n", 5)
    process.stdout.readline()
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    process.send_signal(signal.SIGCONT)
    assert len(process.communicate(timeout=20)[0].splitlines()) == 4
    assert process.returncode == 0
