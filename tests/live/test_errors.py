# SPDX-License-Identifier: MIT
"""Every failure that can be brought about here: one message of three parts, the right code, nothing on stdout."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

import catalogue
import pytest
import targets
from test_variants import NOBODY, embedded, embedder, yama_scope  # noqa: F401 (a fixture)

ROOT = os.geteuid() == 0
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def fail(heapspy, status: int, code: str, *arguments: object, remedy: bool = True, **options) -> dict:
    """Run it twice, for people and for programs; the failure as programs see it.

    `remedy`: there is a command that helps. Nothing helps against an old Python or a full disk.
    """
    told = heapspy.run(*arguments, **options)
    assert told.returncode == status, told.stderr
    assert told.stdout in ("", None)
    what, *rest = told.stderr.splitlines()
    assert what.startswith("heapspy: ")
    assert rest and rest[0].startswith("  why: "), told.stderr
    assert not remedy or (len(rest) > 1 and rest[1].startswith("  try: ")), told.stderr
    assert all(line.startswith("       ") for line in rest[2:]), told.stderr
    assert told.stderr.isprintable() or all(line.isprintable() for line in told.stderr.splitlines())

    done = heapspy.run(*arguments, "--json", **options)
    assert done.returncode == status
    assert done.stdout in ("", None)
    error = heapspy.parse(done.stderr[done.stderr.index("\n{") :])
    assert (error["code"], error["exit_status"]) == (code, status)
    assert error["what"] == what.removeprefix("heapspy: ")
    assert error["why"] == rest[0].removeprefix("  why: ")
    return error


@pytest.fixture(scope="module")
def sleeper() -> Iterator[targets.Target]:
    """Some Python at rest."""
    with targets.plain([sys.executable, str(targets.PROGRAMS / "sleeper.py")]) as target:
        target.wait_until_ready()
        yield target


@contextlib.contextmanager
def zombie() -> Iterator[int]:
    """The PID of a child that ended and that nobody waited for."""
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    try:
        yield process.pid
    finally:
        process.wait()


# --- processes -----------------------------------------------------------------------------------


def test_no_such_process(heapspy) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    fail(heapspy, 3, "no-process", "dump", process.pid)


def test_zombie(heapspy) -> None:
    with zombie() as pid:
        error = fail(heapspy, 3, "no-process", "dump", pid, remedy=False)
    assert re.search("zombie|dead|ended", error["what"] + error["why"])


def test_kernel_thread(heapspy) -> None:
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[6]) & 0x00200000:  # PF_KTHREAD
                error = fail(heapspy, 5, "not-python", "dump", path.parent.name)
                assert "kernel" in error["what"] + error["why"]
                return
    pytest.skip("no kernel thread can be seen from here")


def test_not_python(heapspy) -> None:
    with targets.plain(["cat"]) as target:
        fail(heapspy, 5, "not-python", "dump", target.pid)


def test_not_python_by_name(heapspy, tmp_path: pathlib.Path) -> None:
    """A program of that name is none for its name."""
    program = shutil.copy(shutil.which("cat"), tmp_path / "python3.11")
    with targets.plain([str(program)]) as target:
        fail(heapspy, 5, "not-python", "dump", target.pid)


def test_ends_while_it_is_read(heapspy, tmp_path: pathlib.Path) -> None:
    """Killed at some moment of the reading, it is either dumped whole or gone, and nothing else."""
    python = catalogue.interpreter("debian-3.11") or catalogue.interpreters()[0]
    statuses = set()
    with targets.workplace_for(python) as workplace:
        for _ in range(8):
            with workplace.oracle("--small", "--scale", "300000") as oracle:
                reader = subprocess.Popen(
                    [heapspy.path, "dump", str(oracle.pid), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
                )
                # It has begun when it has opened the memory of the target.
                while reader.poll() is None and not has_open(reader.pid, f"/proc/{oracle.pid}/mem"):
                    pass
                os.kill(oracle.pid, signal.SIGKILL)
                output, errors = reader.communicate(timeout=60)
            statuses.add(reader.returncode)
            assert reader.returncode in (0, 3, 7), errors
            assert (reader.returncode == 3) == (output == b"")
            if output:
                assert json.loads(output)["complete"] == (reader.returncode == 0)
    assert statuses


def has_open(pid: int, path: str) -> bool:
    with contextlib.suppress(OSError):
        return any(os.readlink(link.path) == path for link in os.scandir(f"/proc/{pid}/fd"))
    return False


# --- permission ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unprivileged(heapspy, tmp_path_factory: pytest.TempPathFactory):
    """heapspy run as nobody."""
    if not ROOT:
        pytest.skip("needs root")
    directory = pathlib.Path("/tmp") / tmp_path_factory.mktemp("nobody").name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o755)
    try:
        yield Unprivileged(heapspy, pathlib.Path(shutil.copy(heapspy.path, directory)))
    finally:
        shutil.rmtree(directory)


class Unprivileged:
    def __init__(self, heapspy, program: pathlib.Path) -> None:
        self._runner = type(heapspy)(pathlib.Path(AS_NOBODY[0]))
        self.parse = heapspy.parse
        self._program = program

    def run(self, *arguments: object, **options) -> subprocess.CompletedProcess:
        return self._runner.run(*AS_NOBODY[1:], self._program, *arguments, **options)


def test_other_users_process(unprivileged, sleeper: targets.Target) -> None:
    error = fail(unprivileged, 4, "permission", "dump", sleeper.pid)
    assert "root" in error["why"] or "user" in error["why"]
    assert any("sudo" in line for line in error["try"])


def test_undumpable_process(unprivileged) -> None:
    program = pathlib.Path("/usr/bin/python3")
    source = (targets.PROGRAMS / "sleeper.py").read_text()
    with targets.plain([*AS_NOBODY, str(program), "-c", source, "--undumpable"]) as target:
        target.wait_until_ready()
        error = fail(unprivileged, 4, "permission", "dump", target.pid)
    assert "dumpable" in error["why"] or "guard" in error["why"]


def test_yama(unprivileged) -> None:
    if yama_scope() == 0:
        pytest.skip("Yama forbids nothing here")
    with targets.plain([*AS_NOBODY, "/usr/bin/python3", "-c", (targets.PROGRAMS / "sleeper.py").read_text()]) as target:
        target.wait_until_ready()
        error = fail(unprivileged, 4, "permission", "dump", target.pid)
    assert "ptrace_scope" in error["why"] + " ".join(error["try"])


# --- Pythons that are not read -------------------------------------------------------------------


@pytest.mark.parametrize("minor", catalogue.TOO_OLD)
def test_too_old(heapspy, minor: str) -> None:
    old = next((one for one in catalogue.too_old() if one.version.startswith(minor)), None)
    if old is None:
        pytest.skip(f"there is no Python {minor} here")
    source = "import os; os.write(1, b'ready\\n'); os.read(0, 1)"
    with targets.plain([*old.argv, "-c", source]) as target:
        target.wait_until_ready()
        error = fail(heapspy, 5, "refused-build", "dump", target.pid, remedy=False)
    assert minor in error["what"] + error["why"]


def test_free_threaded(heapspy) -> None:
    found = [one for one in catalogue.interpreters() if one.free_threaded]
    if not found:
        pytest.skip("there is no free-threaded build here: tests/interpreters/install --more")
    for one in found:
        with targets.workplace_for(one) as workplace, workplace.start("sleeper.py") as target:
            error = fail(heapspy, 5, "refused-build", "dump", target.pid, remedy=False)
        assert "free-threaded" in error["what"] + error["why"]


@pytest.mark.ten
@pytest.mark.parametrize("when", ["before", "after"])
def test_outside_of_its_life(heapspy, embedder: pathlib.Path, workplace: targets.Workplace, when: str) -> None:  # noqa: F811
    """Before Py_Initialize and after Py_Finalize there is a Python, and no heap."""
    options = embedded(embedder, workplace.interpreter)
    with targets.plain([str(embedder), when], env=options["env"]) as target:
        target.wait_until_ready()
        fail(heapspy, 5, "not-ready", "dump", target.pid, remedy=False)


@pytest.mark.ten
def test_finalising(heapspy, workplace: targets.Workplace) -> None:
    with workplace.start("finalising.py") as target:
        fail(heapspy, 5, "not-ready", "dump", target.pid, remedy=False)


# --- output --------------------------------------------------------------------------------------


def test_output_exists(heapspy, sleeper: targets.Target, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "dump.json"
    path.write_text("precious")
    error = fail(heapspy, 8, "output", "dump", sleeper.pid, "-o", path)
    assert path.read_text() == "precious"
    assert any("--force" in line for line in error["try"])
    assert os.listdir(tmp_path) == ["dump.json"]
    assert heapspy.run("dump", sleeper.pid, "--json", "-o", path, "--force").returncode == 0
    assert json.loads(path.read_text())["target"]["pid"] == sleeper.pid


def test_output_is_a_dangling_link(heapspy, sleeper: targets.Target, tmp_path: pathlib.Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    fail(heapspy, 8, "output", "dump", sleeper.pid, "-o", tmp_path / "link", remedy=False)
    assert not (tmp_path / "elsewhere").exists()


def test_disk_full(heapspy, sleeper: targets.Target) -> None:
    with open("/dev/full", "w") as full:
        fail(heapspy, 8, "output", "dump", sleeper.pid, remedy=False, stdout=full)


def test_output_directory_missing(heapspy, sleeper: targets.Target, tmp_path: pathlib.Path) -> None:
    fail(heapspy, 8, "output", "dump", sleeper.pid, "-o", tmp_path / "missing" / "dump.json", remedy=False)


def test_closed_stdout(heapspy, sleeper: targets.Target) -> None:
    done = heapspy.run("dump", sleeper.pid, stdout=None, preexec_fn=lambda: os.close(1))
    assert done.returncode == 8, done.stderr


def test_broken_pipe(heapspy, sleeper: targets.Target) -> None:
    """`heapspy dump | head -1`: whoever reads had enough, which is no news."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run([heapspy.path, "dump", str(sleeper.pid)], stdout=writing, stderr=subprocess.PIPE)
    finally:
        os.close(writing)
    assert done.returncode in (0, 8, -signal.SIGPIPE), done.stderr
    assert done.returncode == 8 or not done.stderr


# --- usage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [["dump"], ["dump", "nonsense"], ["dump", "0"], ["dump", "-1"], ["dump", "1", "2"], ["dump", "--nonsense", "1"],
     ["dump", "99999999999999999999"], ["nonsense"], ["dump", "1", "--limit", "x"], ["dump", "1", "--layout", "x"]],
)  # fmt: skip
def test_usage(heapspy, arguments: list[str]) -> None:
    done = heapspy.run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("heapspy: ")
