# SPDX-License-Identifier: MIT
"""Cores and snapshots: the same numbers as from the process itself, and what is said of damaged ones.

The kernel writes cores where /proc/sys/kernel/core_pattern says: if that is a program or another directory,
what needs them is skipped.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import catalogue
import pytest
import targets

CORE_PATTERN = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
KERNEL_CORES = CORE_PATTERN.split("%")[0] == "core" and "/" not in CORE_PATTERN

needs_kernel_cores = pytest.mark.skipif(not KERNEL_CORES, reason=f"core_pattern is {CORE_PATTERN!r}")
needs_gdb = pytest.mark.skipif(not shutil.which("gcore"), reason="gdb is not here")


def allow_cores() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def gcore(pid: int, directory: pathlib.Path) -> pathlib.Path:
    command = ["gcore", "-o", directory / "gcore", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    path = directory / f"gcore.{pid}"
    # gdb gives up a mapping at the first page that it cannot read, such as those that guard the stacks of
    # threads since glibc 2.42. [vsyscall] can never be read.
    failed = [line for line in done.stderr.splitlines() if "Memory read failed" in line and "0xffffffff" not in line]
    return path.rename(directory / "gcore-with-gaps") if failed else path


def abort(target: targets.Target, pid: int, workplace: targets.Workplace, directory: pathlib.Path) -> pathlib.Path:
    """Have the kernel write a core. A chroot's process has its root for a current directory."""
    os.kill(pid, signal.SIGABRT)
    target.process.wait()
    here = workplace.interpreter.root if workplace.interpreter.in_chroot else workplace.directory
    for path in (here / "core", here / f"core.{pid}"):
        if path.exists() and path.stat().st_mode & stat.S_IFREG:
            return pathlib.Path(shutil.move(path, directory / "kernel"))
    pytest.fail(f"the kernel wrote no core to {here}")


def essence(dump: dict) -> dict:
    """What must not depend on how the memory was read. The kernel knows more of threads that live."""
    outside = ("captured_at", "target", "capture", "memory", "mappings", "threads")
    inside = {name: value for name, value in dump.items() if name not in outside}
    return {**inside, "frames": {thread["tid"]: thread["frames"] for thread in dump["threads"]}}


@dataclasses.dataclass
class Files:
    """An oracle that was, as it was, and the files that hold it."""

    oracle: targets.Oracle
    live: dict
    gcore: pathlib.Path | None
    kernel: pathlib.Path | None
    snapshot: pathlib.Path


@pytest.fixture(scope="session")
def files(heapspy, workplace: targets.Workplace) -> Iterator[Files]:
    with tempfile.TemporaryDirectory(prefix="heapspy-", dir="/tmp") as name:
        directory = pathlib.Path(name)
        with workplace.oracle(preexec_fn=allow_cores) as oracle:
            live = heapspy.json("dump", oracle.pid)
            done = heapspy.run("snapshot", oracle.pid, "-o", directory / "snapshot")
            assert done.returncode == 0, done.stderr
            # Last: it reads memory that the process never touched, which then is resident.
            core = gcore(oracle.pid, directory) if shutil.which("gcore") else None
            kernel = abort(oracle.target, oracle.pid, workplace, directory) if KERNEL_CORES else None
        yield Files(oracle, live, core, kernel, directory / "snapshot")


def assert_same(heapspy, files: Files, path: pathlib.Path, kind: str) -> dict:
    dump = heapspy.json("dump", path)
    targets.assert_agrees(files.oracle, dump)
    live = files.live
    if files.gcore and files.gcore.name.endswith("gaps") and path != files.kernel and path != files.snapshot:
        live, dump = {**live, "threads": []}, {**dump, "threads": []}
    assert essence(dump) == essence(live)
    assert dump["capture"]["mode"] == "file" and dump["capture"]["coverage"] == 1.0
    target = dump["target"]
    assert (target["kind"], target["path"], target["pid"]) == (kind, str(path), files.oracle.pid)
    assert target["command"] == files.live["target"]["command"]
    reading = heapspy.json("gc", path)
    assert not targets.collector_differences(files.oracle.reports, reading["interpreters"])
    return dump


# --- the same numbers ----------------------------------------------------------------------------


@pytest.mark.ten
@needs_gdb
def test_gcore(heapspy, files: Files) -> None:
    dump = assert_same(heapspy, files, files.gcore, "core")
    assert dump["memory"] == {}
    assert "uptime" not in dump["target"]


@pytest.mark.ten
@needs_kernel_cores
def test_kernel(heapspy, files: Files, interpreter: catalogue.Interpreter) -> None:
    if not interpreter.in_chroot:
        assert_same(heapspy, files, files.kernel, "core")
        return
    # It leaves out the pages of the program, which has another name out here.
    done = heapspy.run("dump", files.kernel)
    assert done.returncode == 7 and "it leaves out the pages of /usr/bin/python" in done.stderr


@pytest.mark.ten
def test_snapshot(heapspy, files: Files) -> None:
    dump = assert_same(heapspy, files, files.snapshot, "snapshot")
    assert dump["memory"].keys() == files.live["memory"].keys()
    assert abs(dump["memory"]["rss"] - files.live["memory"]["rss"]) < 1 << 20
    assert dump["target"]["executable"] == files.live["target"]["executable"]
    assert dump["target"]["uptime"] >= files.live["target"]["uptime"]
    assert dump["captured_at"] >= files.live["captured_at"]
    assert stat.S_IMODE(files.snapshot.stat().st_mode) == 0o600


@pytest.mark.only("pyenv-3.8", "sid-3.15")
def test_snapshots_of_a_busy_target(heapspy, workplace: targets.Workplace, tmp_path: pathlib.Path) -> None:
    """What ran while it was read is of no one instant: its snapshot opens all the same."""
    with workplace.start("churn.py") as target:
        for _ in range(4):
            assert heapspy.run("snapshot", target.pid, "--force", "-q", "-o", tmp_path / "snapshot").returncode in (0, 7)
            done = heapspy.run("dump", tmp_path / "snapshot", "--json")
            assert done.returncode in (0, 7), done.stderr
            assert heapspy.parse(done.stdout)["heap"]["objects"] > 1000


@pytest.mark.ten
def test_snapshot_of_one_instant(heapspy, oracle: targets.Oracle, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "snapshot"
    done = heapspy.run("snapshot", oracle.pid, "--stop", "--max-pause", "10s", "-o", path)
    assert done.returncode == 0, done.stderr
    dump = heapspy.json("dump", path)
    targets.assert_agrees(oracle, dump)
    assert dump["heap"] == heapspy.json("dump", oracle.pid)["heap"]
    assert dump["memory"]["rss"] > 0


@pytest.mark.ten
def test_snapshot_without_text(heapspy, oracle: targets.Oracle, tmp_path: pathlib.Path) -> None:
    """All objects and sizes are there, and the names of types."""
    path = tmp_path / "snapshot"
    done = heapspy.run("snapshot", oracle.pid, "--strings", "none", "-o", path)
    assert done.returncode == 0, done.stderr
    dump = heapspy.json("dump", path)
    targets.assert_agrees(oracle, dump)
    assert essence(dump) == essence(heapspy.json("dump", oracle.pid))
    assert len(dump["target"]["command"]) == 1


def places(path: pathlib.Path, word: str) -> int:
    """How often a word is in a file, in one of the forms that Python keeps text in."""
    content = path.read_bytes()
    return sum(content.count(word.encode(encoding)) for encoding in ("ascii", "utf-16-le", "utf-32-le"))


@pytest.mark.ten
@pytest.mark.parametrize("variant", ["pymalloc", "malloc", "debug"])
def test_text_is_left_out(heapspy, workplace: targets.Workplace, tmp_path: pathlib.Path, variant: str) -> None:
    word = "Xyzzy-plugh"
    environment = {**os.environ, "PYTHONMALLOC": variant}
    with workplace.start("texts.py", ready=False, env=environment) as target:
        target.process.stdin.write(word.encode() + b"\n")
        target.process.stdin.flush()
        target.wait_until_ready()
        for name, strings in [("with", "all"), ("without", "none")]:
            done = heapspy.run("snapshot", target.pid, "--strings", strings, "-o", tmp_path / name)
            assert done.returncode == 0, done.stderr
    assert places(tmp_path / "with", word) > 1000
    assert places(tmp_path / "without", word) == 0
    whole, part = heapspy.json("dump", tmp_path / "with"), heapspy.json("dump", tmp_path / "without")
    assert essence(whole) == essence(part)


@pytest.mark.ten
def test_snapshot_is_small(files: Files) -> None:
    on_disk = files.snapshot.stat().st_blocks * 512
    assert on_disk < 1.25 * files.live["memory"]["rss"]
    if files.kernel:
        assert on_disk < files.kernel.stat().st_blocks * 512


@pytest.mark.ten
@needs_gdb
def test_snapshot_of_a_core(heapspy, files: Files, tmp_path: pathlib.Path) -> None:
    small = tmp_path / "small"
    done = heapspy.run("snapshot", files.gcore, "-o", small)
    assert done.returncode == 0, done.stderr
    dump = assert_same(heapspy, files, small, "snapshot")
    assert dump["target"]["executable"] == files.live["target"]["executable"]


@pytest.mark.ten
@needs_gdb
def test_gdb_opens_a_snapshot(files: Files) -> None:
    command = ["gdb", "-nx", "-batch", "-c", files.snapshot, "-ex", "info files", "-ex", "info threads"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "is load1" in done.stdout
    assert f"LWP {files.oracle.pid}" in done.stdout
    assert "Core was generated by" in done.stdout
    assert "not in executable format" not in done.stderr and "truncated" not in done.stderr


@pytest.mark.parametrize("how", [[], ["--stop"]])
def test_large_buffers_are_left_out(heapspy, tmp_path: pathlib.Path, how: list[str]) -> None:
    """They are counted, though: their sizes stand in front of them."""
    program = "import sys; a = bytearray(b'x') * (300 << 20); print('ready', flush=True); sys.stdin.read()"
    with running([sys.executable, "-c", program], tmp_path) as target:
        live = heapspy.json("dump", target.pid)
        assert heapspy.run("snapshot", target.pid, *how, "-o", tmp_path / "snapshot").returncode == 0
    assert (tmp_path / "snapshot").stat().st_blocks * 512 < 40 << 20
    dump = heapspy.json("dump", tmp_path / "snapshot")
    assert essence(dump) == essence(live)
    assert sum(row["bytes"] for row in dump["heap"]["types"] if row["type"] == "bytearray") > 300 << 20


# --- files that are gone -------------------------------------------------------------------------


@contextlib.contextmanager
def running(command: list[str], directory: pathlib.Path) -> Iterator[targets.Target]:
    target = targets.Target(command, directory, preexec_fn=allow_cores)
    try:
        target.wait_until_ready()
        yield target
    finally:
        target.end()


@contextlib.contextmanager
def copied_python(directory: pathlib.Path) -> Iterator[targets.Target]:
    """The machine's own Python, static, from a copy that can be deleted."""
    python = catalogue.interpreter("debian-3.11")
    if python is None:
        pytest.skip("debian-3.11 is not here: tests/interpreters/install")
    copy = pathlib.Path(shutil.copy(python.executable, directory / "python3.11"))
    with running([str(copy), str(targets.PROGRAMS / "sleeper.py")], directory) as target:
        yield target


def test_snapshot_needs_no_files(heapspy, tmp_path: pathlib.Path) -> None:
    """What it needs of the program is in it."""
    with copied_python(tmp_path) as target:
        live = heapspy.json("dump", target.pid)
        assert heapspy.run("snapshot", target.pid, "-o", tmp_path / "snapshot").returncode == 0
    (tmp_path / "python3.11").unlink()
    assert essence(heapspy.json("dump", tmp_path / "snapshot")) == essence(live)


@needs_kernel_cores
@pytest.mark.parametrize("replaced", [False, True])
def test_core_without_its_program(heapspy, tmp_path: pathlib.Path, replaced: bool) -> None:
    with copied_python(tmp_path) as target:
        live = heapspy.json("dump", target.pid)
        os.kill(target.pid, signal.SIGABRT)
        target.process.wait()
    core = next(tmp_path.glob("core*"))
    assert essence(heapspy.json("dump", core)) == essence(live)
    program = tmp_path / "python3.11"
    program.unlink()
    if replaced:
        shutil.copy("/bin/true", program)
    done = heapspy.run("dump", core)
    why = "another build" if replaced else "not here"
    assert done.returncode == 7 and done.stdout == ""
    assert f"it leaves out the pages of {program}: the file" in done.stderr and why in done.stderr


@needs_kernel_cores
def test_program_was_deleted_before(heapspy, tmp_path: pathlib.Path) -> None:
    """While it ran; and then the same was installed again."""
    with copied_python(tmp_path) as target:
        live = heapspy.json("dump", target.pid)
        program = tmp_path / "python3.11"
        shutil.copy(program, tmp_path / "new")
        (tmp_path / "new").rename(program)
        assert os.readlink(f"/proc/{target.pid}/exe").endswith(" (deleted)")
        os.kill(target.pid, signal.SIGABRT)
        target.process.wait()
    core = next(tmp_path.glob("core*"))
    assert essence(heapspy.json("dump", core)) == essence(live)


# --- damaged ones --------------------------------------------------------------------------------


def cut(path: pathlib.Path, length: int, directory: pathlib.Path) -> pathlib.Path:
    """The first bytes of a file, with its holes."""
    copy = directory / "cut"
    subprocess.run(["cp", "--sparse=always", path, copy], check=True)
    os.truncate(copy, length)
    return copy


def assert_partial(heapspy, path: pathlib.Path) -> dict | None:
    """A part of the answer, marked as such, or none: never a crash, never the whole."""
    done = heapspy.run("dump", path, "--json")
    assert done.returncode in (7, 9), done.stderr
    assert "  why: " in done.stderr
    if not done.stdout:
        return None
    dump = heapspy.parse(done.stdout)
    assert not dump["complete"] and dump["incomplete"]
    return dump


CUTS = [0.001, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999]


@pytest.mark.only("pyenv-3.8", "pyenv-3.12", "debian-3.11", "sid-3.15")
@pytest.mark.parametrize("kind", ["gcore", "kernel", "snapshot"])
@pytest.mark.parametrize("share", CUTS)
def test_truncated(heapspy, files: Files, tmp_path: pathlib.Path, kind: str, share: float) -> None:
    path = getattr(files, kind)
    if path is None:
        pytest.skip(f"no core of {kind}")
    assert_partial(heapspy, cut(path, int(path.stat().st_size * share), tmp_path))


@pytest.mark.only("pyenv-3.12", "debian-3.11")
@pytest.mark.parametrize("kind", ["kernel", "snapshot"])
def test_little_is_cut_off(heapspy, files: Files, tmp_path: pathlib.Path, kind: str) -> None:
    """Nearly all is still counted."""
    path = getattr(files, kind)
    if path is None:
        pytest.skip(f"no core of {kind}")
    dump = assert_partial(heapspy, cut(path, path.stat().st_size - 4096, tmp_path))
    assert dump["heap"]["objects"] > 0.9 * files.live["heap"]["objects"]
    assert dump["incomplete"] == ["the file is cut off: a part of the memory is missing"]


def test_empty_file(heapspy, tmp_path: pathlib.Path) -> None:
    (tmp_path / "core").touch()
    done = heapspy.run("dump", tmp_path / "core")
    assert done.returncode == 9 and "it is empty" in done.stderr


@needs_gdb
def test_core_of_another_program(heapspy, tmp_path: pathlib.Path) -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            path = gcore(process.pid, tmp_path)
        finally:
            process.kill()
    done = heapspy.run("dump", path)
    assert done.returncode == 5, done.stderr
    assert f"the process of {path} is not a Python process" in done.stderr
    assert "try:" not in done.stderr


@needs_gdb
def test_core_of_an_old_python(heapspy, tmp_path: pathlib.Path) -> None:
    if not catalogue.too_old():
        pytest.skip("no Python that is too old is here")
    old = catalogue.too_old()[0]
    with running([*old.argv, str(targets.PROGRAMS / "sleeper.py")], tmp_path) as target:
        path = gcore(target.pid, tmp_path)
    done = heapspy.run("dump", path)
    assert done.returncode == 5 and "it runs Python" in done.stderr
