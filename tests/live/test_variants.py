# SPDX-License-Identifier: MIT
"""The same promise for Pythons that run in an unusual way: other allocators, users, files, hosts, interpreters."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator

import catalogue
import pytest
import targets

NOBODY = 65534


def assert_dump_agrees(heapspy, oracle: targets.Oracle, *arguments: object) -> dict:
    dump = heapspy.json("dump", oracle.pid, "--limit", 0, *arguments)
    targets.assert_agrees(oracle, dump)
    return dump


# --- allocators, options of the collector --------------------------------------------------------


@pytest.mark.parametrize("allocator", ["malloc", "malloc_debug", "debug"])
def test_allocators(heapspy, workplace: targets.Workplace, allocator: str) -> None:
    with workplace.oracle(env={**os.environ, "PYTHONMALLOC": allocator}) as oracle:
        dump = assert_dump_agrees(heapspy, oracle)
    assert dump["python"]["allocator"] == {"debug": "pymalloc_debug"}.get(allocator, allocator)


@pytest.mark.ten
def test_frozen_objects(heapspy, workplace: targets.Workplace) -> None:
    with workplace.oracle("--freeze") as oracle:
        assert oracle.report["frozen"] > 1000
        assert_dump_agrees(heapspy, oracle)


@pytest.mark.ten
def test_enabled_collector(heapspy, workplace: targets.Workplace) -> None:
    with workplace.oracle("--small", "--enabled") as oracle:
        assert oracle.report["enabled"]
        assert_dump_agrees(heapspy, oracle)


@pytest.mark.ten
def test_many_threads(heapspy, workplace: targets.Workplace) -> None:
    with workplace.oracle("--threads", "200") as oracle:
        assert_dump_agrees(heapspy, oracle)


@pytest.mark.ten
def test_a_million_objects(heapspy, workplace: targets.Workplace) -> None:
    with workplace.oracle("--scale", "1000000") as oracle:
        # An untracked dict is none of the collector's: two of three are left before 3.14.
        assert oracle.report["objects"] > 600000
        assert_dump_agrees(heapspy, oracle)


def test_trace_refs(heapspy) -> None:
    """Up to 3.12 this option moves everything in an object by two words: read right, or refused, but not read wrong."""
    builds = [one for one in catalogue.interpreters() if targets.TRACE_REFS.fullmatch(one.name)]
    if not builds:
        pytest.skip("there is no build --with-trace-refs here: tests/interpreters/install built-3.12.3dr")
    for build in builds:
        with targets.workplace_for(build) as workplace, workplace.oracle() as oracle:
            if heapspy.run("dump", oracle.pid).returncode != 5:
                assert_dump_agrees(heapspy, oracle)


# --- interpreters and processes ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["shared", "isolated"])
def test_subinterpreter(heapspy, workplace: targets.Workplace, kind: str) -> None:
    with workplace.oracle("--subinterpreter", kind) as oracle:
        assert len(oracle.reports) == 2
        assert_dump_agrees(heapspy, oracle)


@pytest.mark.ten
def test_forked_child(heapspy, workplace: targets.Workplace) -> None:
    with workplace.oracle("--fork") as oracle:
        assert oracle.pid != oracle.target.pid
        assert_dump_agrees(heapspy, oracle)


# --- the files it was started from ---------------------------------------------------------------


@contextlib.contextmanager
def own_files(workplace: targets.Workplace) -> Iterator[tuple[list[str], dict[str, str], list[pathlib.Path]]]:
    """A copy of the interpreter's own files: its command and environment, and the files, to be meddled with."""
    interpreter = workplace.interpreter
    directory = workplace.directory / "own"
    directory.mkdir()
    copies = [pathlib.Path(shutil.copy(interpreter.executable.resolve(), directory / "python-of-its-own"))]
    if interpreter.libpython:
        copies.append(pathlib.Path(shutil.copy(interpreter.libpython.resolve(), directory / interpreter.libpython.name)))
    argv = [*interpreter.argv[:-1], workplace.as_target_sees(copies[0])]
    home = workplace.as_target_sees(interpreter.executable.parent.parent)
    environment = {**os.environ, "PYTHONHOME": home, "LD_LIBRARY_PATH": workplace.as_target_sees(directory)}
    try:
        yield argv, environment, copies
    finally:
        shutil.rmtree(directory)


@pytest.mark.ten
def test_deleted_files(heapspy, workplace: targets.Workplace) -> None:
    with own_files(workplace) as (argv, environment, files):
        with workplace.oracle(argv=argv, env=environment) as oracle:
            for file in files:
                file.unlink()
            assert " (deleted)" in pathlib.Path(f"/proc/{oracle.pid}/maps").read_text()
            assert_dump_agrees(heapspy, oracle)


@pytest.mark.ten
@pytest.mark.parametrize("other", ["another Python", "no ELF file"])
def test_replaced_files(heapspy, workplace: targets.Workplace, other: str) -> None:
    """By now another file has the name that the maps print."""
    with own_files(workplace) as (argv, environment, files):
        with workplace.oracle(argv=argv, env=environment) as oracle:
            for file in files:
                file.unlink()
                if other == "another Python":
                    shutil.copy(another_python(workplace.interpreter), file)
                else:
                    file.write_bytes(b"#!/bin/false\n" * 1000)
            assert_dump_agrees(heapspy, oracle)


def another_python(interpreter: catalogue.Interpreter) -> pathlib.Path:
    """The file with the code of an interpreter of another version."""
    for one in catalogue.interpreters():
        if one.version_info[:2] != interpreter.version_info[:2]:
            return one.libpython or one.executable
    pytest.skip("there is but one version of Python here")


# --- other users ---------------------------------------------------------------------------------


@pytest.mark.ten
@pytest.mark.needs_root
def test_other_user(heapspy, workplace: targets.Workplace) -> None:
    """Root reads a process that changed its user, which makes the kernel guard it."""
    with workplace.oracle("--setuid", str(NOBODY)) as oracle:
        assert os.stat(f"/proc/{oracle.pid}/environ").st_uid == 0, "it is not guarded, this test shows nothing"
        assert_dump_agrees(heapspy, oracle)


@pytest.mark.needs_root
@pytest.mark.only("debian-3.11", "sid-3.15")
def test_started_by_other_user(heapspy, workplace: targets.Workplace) -> None:
    interpreter = workplace.interpreter
    if interpreter.in_chroot:
        argv = ["chroot", f"--userspec={NOBODY}:{NOBODY}", *interpreter.argv[1:]]
    else:
        argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *interpreter.argv]
    with workplace.oracle(argv=argv) as oracle:
        assert os.stat(f"/proc/{oracle.pid}").st_uid == NOBODY
        assert_dump_agrees(heapspy, oracle)


@pytest.mark.needs_root
@pytest.mark.only("debian-3.11")
def test_read_by_its_own_user(heapspy, workplace: targets.Workplace) -> None:
    """No privilege is needed to read a process of one's own where Yama does not forbid it."""
    if yama_scope() > 0:
        pytest.skip("Yama forbids it: kernel.yama.ptrace_scope")
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    program = shutil.copy(heapspy.path, workplace.shared)
    with workplace.oracle(argv=[*user, *workplace.interpreter.argv]) as oracle:
        ours = type(heapspy)(pathlib.Path(user[0]))
        dump = ours.json(*user[1:], program, "dump", oracle.pid, "--limit", 0)
        targets.assert_agrees(oracle, dump)


def yama_scope() -> int:
    try:
        return int(pathlib.Path("/proc/sys/kernel/yama/ptrace_scope").read_text())
    except FileNotFoundError:
        return 0


# --- Pythons inside of something else ------------------------------------------------------------


@pytest.fixture(scope="session")
def embedder(interpreter: catalogue.Interpreter, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A program that is linked with the interpreter's libpython: programs/embed.c."""
    if not interpreter.libpython or interpreter.in_chroot:
        pytest.skip(f"{interpreter.name} has no libpython to link with")
    program = tmp_path_factory.mktemp("embed") / "embed"
    include = interpreter.executable.parent.parent / "include"
    headers = next(path.parent for path in include.glob("python*/Python.h"))
    library = interpreter.libpython
    subprocess.run(
        ["cc", "-o", program, targets.PROGRAMS / "embed.c", f"-I{headers}", library, f"-Wl,-rpath,{library.parent}", "-pthread"],
        check=True,
    )
    return program


def embedded(embedder: pathlib.Path, interpreter: catalogue.Interpreter) -> dict:
    home = str(interpreter.executable.parent.parent)
    return {"argv": [str(embedder), "run"], "env": {**os.environ, "PYTHONHOME": home}}


@pytest.mark.ten
def test_embedded(heapspy, embedder: pathlib.Path, workplace: targets.Workplace) -> None:
    """In a program of another name, and in a thread that is not the first of its process."""
    with workplace.oracle(**embedded(embedder, workplace.interpreter)) as oracle:
        assert_dump_agrees(heapspy, oracle)


@pytest.mark.ten
def test_two_libpythons(heapspy, workplace: targets.Workplace) -> None:
    """Another libpython is mapped, too, which nobody ever initialised."""
    interpreter = workplace.interpreter
    others = [one.libpython for one in catalogue.interpreters() if one.libpython and one.version != interpreter.version]
    if not others or interpreter.in_chroot:
        pytest.skip("there is no other libpython that it could load")
    arguments = [argument for other in others[:3] for argument in ("--load", str(other))]
    with workplace.oracle(*arguments) as oracle:
        maps = pathlib.Path(f"/proc/{oracle.pid}/maps").read_text()
        assert all(str(other.resolve()) in maps for other in others[:3])
        assert_dump_agrees(heapspy, oracle)
