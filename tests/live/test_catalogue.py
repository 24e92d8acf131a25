# SPDX-License-Identifier: MIT
"""The catalogue of faults: whatever is wrong with a target, a file, a terminal or this machine, heapspy ends with the
status and the message that it documents, and leaves the target as it was.

T: what targets do. P: what they run. H: what their memory holds. E: their programs. C: cores. O: output. R: what
heapspy itself is denied. A row is a function: what comes before its `yield` brings the fault about. What other tests
have is in ELSEWHERE.
"""

from __future__ import annotations

import contextlib
import ctypes
import gzip
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable

import pytest
import targets
from faults import PYTHON, TABLE, Bench, Case, assert_unharmed, assert_well_told, case, state_of

ROOT = os.geteuid() == 0

# --- T: what targets do -------------------------------------------------------------------------------------


@case("T01", "a PID that nobody has", 3, "no process")
def nobody(bench: Bench):
    process = subprocess.Popen(["true"])
    process.wait()
    yield None, bench.run("dump", process.pid)


@case("T01", "PIDs that cannot be", 2)
def no_pid(bench: Bench):
    yield None, [bench.run("dump", text) for text in ("0", "-1", "x1", "1x", "", "99999999999999999999", "0x10")]


@case("T01", "a PID beyond the highest", {2, 3})
def beyond_the_highest(bench: Bench):
    yield None, [bench.run("dump", 4194305), bench.run("dump", 2147483647)]


@case("T02", "it is killed at some moment of reading", {0, 3, 7}, dead=True)
def killed_while_read(bench: Bench):
    outcomes = []
    for number in range(6):
        with bench.sleeper() as target:
            threading.Timer(number * 0.004, target.process.kill).start()
            outcomes.append(bench.run("dump", target.pid))
            target.process.wait()
    yield None, outcomes


@case("T04", "it becomes another program all the time", {0, 3, 5, 7})
def becomes_another(bench: Bench):
    source = (
        "import os, sys\nn = int(sys.argv[2])\nif n == 0: os.write(1, b'ready\\n')\n"
        "if n < 200: os.execv(sys.executable, [sys.executable, '-S', '-c', sys.argv[1], sys.argv[1], str(n + 1)])\n"
        "os.read(0, 1)"
    )
    with bench.python(source, source, "0") as target:
        yield target.pid, [bench.run("dump", target.pid) for _ in range(15)]


@case("T06", "it starts children all the time, and is read at one instant", {0, 3, 6, 7}, states="SRDt")
def starts_children(bench: Bench):
    source = (
        "import os, subprocess, threading\ndef work():\n  while True: subprocess.call(['true'])\n"
        "threading.Thread(target=work, daemon=True).start()\nos.write(1, b'ready\\n')\nos.read(0, 1)\nos._exit(0)"
    )
    with bench.python(source) as target:
        yield None, [bench.run("dump", target.pid, "--stop", "--max-pause", "1s") for _ in range(8)]
        assert target.alive()


@case("T07", "threads come and go all the time", {0, 6, 7})
def threads_come_and_go(bench: Bench):
    source = (
        "import os, threading\ndef work():\n  while True:\n    t = threading.Thread(target=int); t.start(); t.join()\n"
        "for _ in range(3): threading.Thread(target=work, daemon=True).start()\n"
        "os.write(1, b'ready\\n')\nos.read(0, 1)\nos._exit(0)"
    )
    with bench.python(source) as target:
        yield target.pid, [bench.run(way, target.pid, "--stop") for way in ("dump", "stack") for _ in range(4)]


def many_threads(bench: Bench, *arguments: object):
    source = (
        "import os, threading\nthreading.stack_size(65536)\ngone = threading.Event()\n"
        "for _ in range(1000): threading.Thread(target=gone.wait, daemon=True).start()\n"
        "os.write(1, b'ready\\n')\nos.read(0, 1)\nos._exit(0)"
    )
    with bench.python(source) as target:
        yield target.pid, bench.run("stack", target.pid, *arguments)


@case("T08", "a thousand threads", 0)
def a_thousand_threads(bench: Bench):
    yield from many_threads(bench)


@case("T09", "a zombie", 3, "dead|ended|zombie")
def zombie(bench: Bench):
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    yield None, bench.run("dump", process.pid)
    process.wait()


@case("T10", "its first thread ended, the others live on", 0, states="SRDZ")
def first_thread_ended(bench: Bench):
    with bench.program("hostile.py", "first_thread_ends") as target:
        ways = (("dump",), ("dump", "--stop"), ("stack",))
        yield target.pid, [bench.run(way[0], target.pid, *way[1:]) for way in ways]


@case("T11", "it is stopped, and stays so", 0, states="T")
def stopped(bench: Bench):
    with bench.sleeper() as target:
        target.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, target.pid, os.WSTOPPED | os.WNOWAIT)
        yield target.pid, [bench.run("dump", target.pid), bench.run("dump", target.pid, "--stop")]
        target.process.send_signal(signal.SIGCONT)


@case("T12", "another traces it: it is read all the same", 0, states="SRDt", tracer=True)
def traced(bench: Bench):
    with bench.sleeper() as target, seized(target.pid):
        yield target.pid, [bench.run("dump", target.pid), bench.run("stack", target.pid)]


@case("T12", "another traces it: it is not stopped", {0, 6}, states="SRDt", tracer=True)
def traced_and_to_be_stopped(bench: Bench):
    source = (
        "import os, threading\ndef spin():\n  while True: pass\n"
        "threading.Thread(target=spin, daemon=True).start()\nos.write(1, b'ready\\n')\nos.read(0, 1)\nos._exit(0)"
    )
    with bench.python(source) as target, seized(target.pid):
        done = bench.run("dump", target.pid, "--stop")
        assert done.returncode == 6 and str(os.getpid()) in done.stderr
        yield target.pid, done


@contextlib.contextmanager
def seized(pid: int):
    """PTRACE_SEIZE by this process, all threads."""
    libc = ctypes.CDLL(None, use_errno=True)
    tasks = [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    for task in tasks:
        assert libc.ptrace(0x4206, task, 0, 0) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        for task in tasks:
            libc.ptrace(0x4207, task, 0, 0)
            os.waitpid(task, 0x40000000)
            libc.ptrace(17, task, 0, 0)


@case("T15", "memory that is never delivered by who should do that", 0)
def undelivered_memory(bench: Bench):
    source = (
        "import ctypes, os, struct\nlibc = ctypes.CDLL(None)\nlibc.mmap.restype = ctypes.c_void_p\n"
        "fault = libc.syscall(323, os.O_CLOEXEC)\nassert fault >= 0\n"  # userfaultfd(), UFFDIO_API
        "assert libc.ioctl(fault, ctypes.c_ulong(0xc018aa3f), struct.pack('3Q', 0xaa, 0, 0)) == 0\n"
        "start = libc.mmap(None, ctypes.c_size_t(1 << 20), 3, 0x22, -1, 0)\n"  # UFFDIO_REGISTER
        "assert libc.ioctl(fault, ctypes.c_ulong(0xc020aa00), struct.pack('4Q', start, 1 << 20, 1, 0)) == 0\n"
        "os.write(1, b'ready\\n')\nos.read(0, 1)"
    )
    needs_root()
    with bench.python(source) as target:
        snapshot = ("snapshot", "--stop", "-o", bench.directory / "heap.core")
        ways = (("dump",), ("dump", "--stop"), ("stack", "--stop"), ("stack", "--native"), snapshot)
        yield target.pid, [bench.run(way[0], target.pid, *way[1:]) for way in ways]


@case("T20", "there is no /proc", {3, 4}, "proc")
def no_proc(bench: Bench):
    needs_root()
    with bench.sleeper() as target:
        shell = ["unshare", "--mount", "sh", "-c", 'umount -l /proc && exec "$@"', "sh"]
        yield target.pid, bench.run_under(shell, "dump", target.pid)


@case("T20", "/proc is of another PID namespace", {3, 4, 5})
def other_proc(bench: Bench):
    needs_root()
    with bench.sleeper() as target:
        shell = ["unshare", "--pid", "--fork", "sh", "-c", '"$@"', "sh"]
        yield target.pid, bench.run_under(shell, "dump", target.pid)


def needs_root() -> None:
    if not ROOT:
        pytest.skip("needs root")


@case("T21", "PID 1, which is no Python", {0, 4, 5})
def first_process(bench: Bench):
    yield None, bench.run("dump", 1)


@case("T21", "heapspy itself", 2, "itself")
def itself(bench: Bench):
    yield None, bench.run_under(["sh", "-c", 'program=$1; shift; exec "$program" dump $$ "$@"', "sh"])


@case("T21", "the shell that started it", 5, "not a Python")
def its_parent(bench: Bench):
    yield None, bench.run_under(["sh", "-c", '"$1" dump $$; exit $?', "sh"])


@case("T24", "it dumps core while it is read", {0, 3, 7}, dead=True)
def dumps_core(bench: Bench):
    source = (
        "import os, resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        "kept = [bytes(4096) for _ in range(9999)]\nos.write(1, b'ready\\n')\nos.read(0, 1)"
    )
    outcomes = []
    for _ in range(3):
        with bench.python(source) as target:
            target.process.send_signal(signal.SIGABRT)
            outcomes.append(bench.run("dump", target.pid))
            target.process.wait()
    yield None, outcomes


# --- P: what they run -----------------------------------------------------------------------------------------


@case("P01", "a program that is no Python", 5, "not a Python")
def no_python(bench: Bench):
    with targets.plain(["cat"]) as target:
        yield target.pid, [bench.run(way, target.pid) for way in ("dump", "stack", "gc")]


@case("P01", "a static program", 5, "not a Python")
def static_program(bench: Bench):
    path = bench.directory / "static"
    source = b"#include <unistd.h>\nint main(void){char c; return (int)read(0,&c,1);}\n"
    subprocess.run(["cc", "-x", "c", "-static", "-o", path, "-"], input=source, check=True)
    with targets.plain([str(path)]) as target:
        yield target.pid, bench.run("dump", target.pid)


@case("P02", "a program that calls itself Python", 5)
def called_python(bench: Bench):
    path = shutil.copy(shutil.which("cat"), bench.directory / "libpython3.12.so.1.0")
    with targets.plain([str(path)]) as target:
        yield target.pid, bench.run("dump", target.pid)


# --- H: what their memory holds -------------------------------------------------------------------------------


WAYS = (("dump", "--json"), ("dump",), ("stack", "--json"))


def hostile(fault: str, kind: str, what: str, status: set[int] = frozenset({0, 7}), ways=WAYS, **more) -> None:
    """A row of programs/hostile.py: the summary and the stacks of it."""

    def make(bench: Bench):
        with bench.program("hostile.py", kind) as target:
            before = cpu_of_children()
            outcomes = [bench.run(way[0], target.pid, *way[1:]) for way in ways]
            assert cpu_of_children() - before < (100 if bench.sanitized else 10), "seconds of a CPU for three readings"
            for way, done in zip(ways, outcomes):
                if done.stdout and "--json" in way:
                    bench.heapspy.parse(done.stdout)
            yield target.pid, outcomes

    make.__name__ = kind
    case(fault, what, set(status), **more)(make)


def cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


hostile("H01", "list_leads_to_itself", "an object of the collector's list is its own neighbour")
hostile("H01", "list_is_rho_shaped", "a list of the collector's leads back into itself")
hostile("H01", "list_ends_in_nothing", "a list of the collector's ends in NULL")
hostile("H01", "list_leads_astray", "a list of the collector's leads where nothing is mapped")
hostile("H01", "list_is_misaligned", "a list of the collector's leads between two words")
hostile("H01", "list_crosses_generations", "a generation leads into another")
hostile("H02", "list_disagrees", "two neighbours on a list disagree")
hostile("H03", "negative_size", "a tuple of less than nothing")
hostile("H03", "size_beyond_all_bounds", "a tuple, a list, an int and bytes as large as the address space")
hostile("H04", "no_type", "an object without a type")
hostile("H04", "type_nowhere", "an object whose type is nowhere")
hostile("H04", "type_of_itself", "an object that is its own type")
hostile("H04", "types_in_a_circle", "types and bases in a circle")
hostile("H05", "sizes_of_a_type", "types of objects of no, negative and absurd size")
hostile("H06", "name_of_a_type_is_nowhere", "a type whose name is nowhere")
hostile("H07", "names_with_commands", "names of types and threads that would command a terminal")
hostile("H08", "strings", "strings whose header contradicts itself, or that claim more than there is")
hostile("H10", "tables_of_dicts", "dicts whose tables have absurd sizes, or are nowhere")
hostile("H10", "types_share_a_dict", "5,000 types that share a dict of 90,000 entries")
hostile("H10", "namespace_of_modules", "sys.modules with an absurd table", {0, 5, 7})
hostile("H11", "items_of_a_list_are_nowhere", "a list whose items are nowhere")
hostile("H12", "lists_in_lists", "a list in a list in a list, 300,000 times")
hostile("H12", "exceptions_in_exceptions", "a chain of 20,000 exceptions")
hostile("H12", "thousands_of_frames", "a stack of 20,000 frames")
# Not as JSON, which would be as long as the bound on frames allows: a hundred megabytes.
hostile("H12", "threads_share_a_stack", "5,000 threads that seem to share a stack of 20,000 frames", ways=[("dump",)])
hostile("H13", "frames_in_a_circle", "a frame that was called by itself")
hostile("H13", "frames_lead_astray", "a frame called from where nothing is mapped")
hostile("H13", "code_is_none", "a frame whose code is a list")
hostile("H13", "line_table_without_end", "a line table whose numbers have no end")
hostile("H14", "dead_and_immortal", "objects with counts of references that cannot be")
hostile("H18", "tens_of_thousands_of_mappings", "10,000 mappings")
hostile("H18", "file_with_a_newline", "a mapped file with a line feed and an escape in its name, deleted")
hostile("H19", "mappings_with_names", "mappings and a thread whose names look like lines of maps and stat")


# --- C: cores ----------------------------------------------------------------------------------------------------


@case("C01", "files that are no core", 9)
def no_cores(bench: Bench):
    outcomes = []
    for content in (b"", b"x", b"\x7fELF", b"\x7fELF\2\1\1" + bytes(57), b"#!/bin/sh\n", bytes(5000), b"MDMP" * 99):
        path = bench.directory / "core"
        path.write_bytes(content)
        outcomes += [bench.run("dump", path), bench.run("stack", path)]
    yield None, outcomes


@case("C01", "a snapshot cut off anywhere", {5, 7, 9})
def cut_off(bench: Bench):
    path = bench.directory / "snapshot"
    with bench.sleeper() as target:
        assert bench.run("snapshot", target.pid, "-o", path).returncode == 0
        whole, outcomes = path.read_bytes(), []
        for length in (1, 63, 64, 100, 1000, 5000, len(whole) // 3, len(whole) - 4096):
            path.write_bytes(whole[:length])
            outcomes.append(bench.run("dump", path, "--json"))
        yield target.pid, outcomes


@case("C02", "a packed core", 9, "packed")
def packed(bench: Bench):
    path = bench.directory / "core.gz"
    path.write_bytes(gzip.compress(b"\x7fELF" + bytes(1 << 20)))
    yield None, bench.run("dump", path)


@case("C02", "what is no file: a pipe, a folder, a device, a socket", 9)
def no_files(bench: Bench):
    os.mkfifo(bench.directory / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(bench.directory / "socket"))
        paths = (bench.directory / "pipe", bench.directory, "/dev/zero", bench.directory / "socket", "/nowhere/core")
        yield None, [bench.run("dump", path) for path in paths]


@case("C03", "a core of no Python, and a program in place of one", {5, 7, 9})
def other_files(bench: Bench):
    yield None, [bench.run("dump", path) for path in ("/bin/true", "/etc/passwd", PYTHON)]


@case("C03", "JSON that is no dump", 9)
def other_json(bench: Bench):
    outcomes = []
    wrong = ("{}", '{"schema": "heapspy.gc/1"}', '{"schema": "heapspy.dump/1", "heap": 1}', "[" * 99999, '{"a":' * 9999)
    for text in wrong:
        path = bench.directory / "dump.json"
        path.write_text(text)
        outcomes.append(bench.run("diff", path, path))
    yield None, outcomes


# --- O: output ---------------------------------------------------------------------------------------------------


@case("O01", "files may have no more than a few bytes", 8)
def small_files(bench: Bench):
    with bench.sleeper() as target:
        path = bench.directory / "dump.json"
        done = bench.run_under(["prlimit", "--fsize=512"], "dump", target.pid, "--json", "-o", path)
        assert not path.exists() and not list(bench.directory.iterdir())
        yield target.pid, done


@case("O01", "the disk is full", 8)
def disk_full(bench: Bench):
    with bench.sleeper() as target, open("/dev/full", "w") as full:
        yield target.pid, [bench.run(way, target.pid, stdout=full) for way in ("dump", "stack", "gc")]


def writers(bench: Bench, pid: int) -> list[tuple]:
    """All that writes a file, with what comes before its name."""
    recording = bench.directory.parent / f"{bench.directory.name}-recording"
    if not recording.exists():
        assert bench.run("record", pid, "-d", "100ms", "-o", recording).returncode == 0
    return [
        ("record", pid, "-d", "300ms", "--census", "100ms", "-o"),
        ("top", pid, "--plain", "-n", "3", "-i", "50ms", "--census", "100ms", "--record"),
        ("snapshot", pid, "-o"),
        ("dump", pid, "--json", "--limit", 0, "-o"),
        ("report", recording, "--json", "--limit", 0, "-o"),
    ]


@case("O01", "files may have no more than a page, whoever writes them", 8)
def small_files_of_all(bench: Bench):
    with bench.sleeper() as target:
        outcomes, kept = [], []
        for way in writers(bench, target.pid):
            path = bench.directory / way[0]
            outcomes.append(bench.run_under(["prlimit", "--fsize=512"], *way, path))
            kept += [path] if path.exists() else []
        # A recording is kept as far as it goes, and does not pass for a whole one.
        assert [path.name for path in kept] == ["record", "top"]
        assert bench.run("report", kept[0]).returncode in (7, 9)
        assert bench.run("top", "--replay", kept[1], "--plain").returncode in (0, 9)
        yield target.pid, outcomes


@case("O02", "output of any kind goes where something is", 8)
def taken_for_all(bench: Bench):
    with bench.sleeper() as target:
        ways = writers(bench, target.pid)
        (bench.directory / "file").write_text("precious")
        (bench.directory / "link").symlink_to("file")
        (bench.directory / "dangling").symlink_to("elsewhere")
        (bench.directory / "folder").mkdir()
        before = sorted(os.listdir(bench.directory))
        names = [("file",), ("link",), ("dangling",), ("folder",), ("link", "--force"), ("dangling", "--force")]
        yield target.pid, [bench.run(*way, bench.directory / name, *force) for way in ways for name, *force in names]
        assert (bench.directory / "file").read_text() == "precious"
        assert sorted(os.listdir(bench.directory)) == before


@case("O02", "what is replaced is never opened: others have it open, or a name for it", 0)
def replaced(bench: Bench):
    with bench.sleeper() as target:
        outcomes = []
        for way in writers(bench, target.pid):
            path, other = bench.directory / way[0], bench.directory / f"{way[0]}-other"
            path.write_text("precious")
            other.hardlink_to(path)
            outcomes.append(bench.run(*way, path, "--force"))
            assert other.read_text() == "precious" and path.stat().st_size > 0 and not path.samefile(other)
        assert len(os.listdir(bench.directory)) == 2 * len(outcomes)
        yield target.pid, outcomes


@case("O02", "what holds what a process kept in its memory is for nobody else", 0)
def private_files(bench: Bench):
    with bench.sleeper() as target:
        instances = ("dump", target.pid, "--instances", "dict")
        private = [("snapshot", target.pid), instances, (*instances, "--json")]
        public = [("dump", target.pid), (*instances, "--strings", "none")]
        outcomes = []
        for mode, ways in ((0o600, private), (0o666, public)):
            for way in ways:
                path = bench.directory / str(len(outcomes))
                outcomes.append(bench.run(*way, "-o", path, preexec_fn=lambda: os.umask(0)))
                assert stat.S_IMODE(path.stat().st_mode) == mode, way
        yield target.pid, outcomes


@case("O02", "output goes where something is, or nothing can be", 8)
def taken(bench: Bench):
    with bench.sleeper() as target:
        (bench.directory / "file").write_text("precious")
        (bench.directory / "link").symlink_to("elsewhere")
        (bench.directory / "folder").mkdir()
        names = ("file", "link", "folder", "missing/file", "file/file", "x" * 300)
        yield target.pid, [bench.run("dump", target.pid, "-o", bench.directory / name) for name in names]
        assert (bench.directory / "file").read_text() == "precious"
        assert sorted(os.listdir(bench.directory)) == ["file", "folder", "link"]


@case("O03", "terminals that are none", {0, 2})
def odd_terminals(bench: Bench):
    with bench.sleeper() as target:
        odd = [{"TERM": "nonsense"}, {"TERM": ""}, {"COLUMNS": "-5"}, {"COLUMNS": "1", "LINES": "0"}, {"LC_ALL": "x.y"}]
        arguments = ("dump", target.pid, "--color", "always")
        yield target.pid, [bench.run(*arguments, env={**os.environ, **one}) for one in odd]


@case("O04", "Ctrl-C while it reads", {0, 130})
def interrupted(bench: Bench):
    with bench.sleeper() as target:
        outcomes = []
        for number in range(5):
            command = [str(bench.heapspy.path), "dump", str(target.pid), "--stop"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            threading.Timer(number * 0.01, process.send_signal, [signal.SIGINT]).start()
            out, errors = process.communicate(timeout=60)
            status = process.returncode if process.returncode >= 0 else 128 - process.returncode
            outcomes.append(subprocess.CompletedProcess(command, status, out if status == 0 else "", errors))
        for done in outcomes:
            done.stderr = done.stderr or "heapspy: ended by a signal\n  why: Ctrl-C"
        yield target.pid, outcomes


@case("O05", "nobody reads what it writes: nothing is held meanwhile", 0)
def blocked_output(bench: Bench):
    with bench.sleeper() as target:
        reading, writing = os.pipe()
        import fcntl

        fcntl.fcntl(writing, 1031, 4096)  # F_SETPIPE_SZ
        command = [str(bench.heapspy.path), "dump", str(target.pid), "--stop", "--json"]
        process = subprocess.Popen(command, stdout=writing, stderr=subprocess.PIPE, text=True)
        os.close(writing)
        deadline = time.monotonic() + 60
        while "pipe_write" not in wait_channel(process.pid) and time.monotonic() < deadline:
            pass
        assert all(letter not in "tT" and not tracer for letter, tracer in state_of(target.pid).values())
        with os.fdopen(reading) as pipe:
            text = pipe.read()
        process.wait()
        bench.heapspy.parse(text)
        yield target.pid, subprocess.CompletedProcess(command, process.returncode, text, process.stderr.read())
        process.stderr.close()


def wait_channel(pid: int) -> str:
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/wchan").read_text()
    return ""


# --- R: what heapspy itself is denied ------------------------------------------------------------------------------


def limited(bench: Bench, *limits: str):
    if bench.sanitized:
        pytest.skip("a sanitized program needs more")
    with bench.sleeper() as target:
        ways = (("dump",), ("dump", "--stop"), ("stack",), ("gc",), ("top", "--plain", "-n", "1"))
        outcomes = [bench.run_under(["prlimit", one], way[0], target.pid, *way[1:]) for one in limits for way in ways]
        # 127: the loader could not even begin.
        yield target.pid, [done for done in outcomes if done.returncode != 127]


@case("R01", "little address space", {0, 7, 10})
def little_memory(bench: Bench):
    yield from limited(bench, *(f"--as={mebibytes << 20}" for mebibytes in (14, 16, 18, 20, 24, 32)))


@case("R01", "few descriptors", {0, 7, 10})
def few_descriptors(bench: Bench):
    yield from limited(bench, *(f"--nofile={count}" for count in (4, 5, 6, 8, 10, 12)))


@case("R01", "a small stack", {0, 7})
def small_stack(bench: Bench):
    yield from limited(bench, "--stack=131072")


@case("R01", "no process of its own", {0, 6, 7, 10})
def no_processes(bench: Bench):
    if not ROOT:
        pytest.skip("needs root, to be somebody else")
    path = shutil.copy(bench.heapspy.path, "/tmp/heapspy-of-nobody")
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    source = (targets.PROGRAMS / "sleeper.py").read_text()
    runner = type(bench.heapspy)(pathlib.Path("prlimit"))
    with targets.plain([*nobody, PYTHON, "-S", "-c", source]) as target:
        target.wait_until_ready()
        done = runner.run("--nproc=1", *nobody, path, "dump", target.pid, "--stop")
        os.unlink(path)
        yield target.pid, done


# 5: libelf does not tell what it has no memory for from what is not there.
@case("R02", "one allocation fails, whichever", {0, 5, 7, 8, 10})
def allocation_fails(bench: Bench):
    yield from failing_allocations(bench, {})


@case("R02", "from one allocation on all fail", {0, 5, 7, 8, 10})
def allocations_fail(bench: Bench):
    yield from failing_allocations(bench, {"FAIL_ALL": "1"})


def failing_allocations(bench: Bench, more: dict[str, str]):
    if bench.sanitized:
        pytest.skip("sanitizers have allocators of their own")
    library = bench.compiled("failing_malloc", "-shared", "-fPIC")
    with bench.sleeper() as target:
        outcomes, path = [], bench.directory / "out"
        files = [way[:1] + way[2:] for way in writers(bench, target.pid) if way[1] == target.pid]
        # Where there never is any again the dashboard goes on to wait for some.
        files = [way for way in files if way[0] != "top" or not more]
        report = [way for way in writers(bench, target.pid) if way[1] != target.pid]
        for way in (("dump", "--json"), ("dump", "--stop"), ("stack",), ("gc", "--json"),
                    ("dump", "--instances", "dict"), *files, *report):  # fmt: skip
            number = 1
            while number < 20000:
                env = {**os.environ, **more, "LD_PRELOAD": str(library), "FAIL_AT": str(number)}
                what = way[1:] if way in report else (target.pid, *way[1:])
                done = bench.run(way[0], *what, *([path] if way[-1] in ("-o", "--record") else []), env=env)
                outcomes.append(done)
                if done.stdout and "--json" in way and done.returncode == 0:
                    bench.heapspy.parse(done.stdout)
                # What is whole, or goes on until it is ended, is there; of all else nothing.
                assert path.exists() <= (done.returncode in (0, 7) or way[0] in ("record", "top")), way
                path.unlink(missing_ok=True)
                number += max(1, number // 2 if len(way) < 3 else number * 2)
        assert not list(bench.directory.iterdir())
        yield target.pid, outcomes


# libdw of elfutils, which reads what tells where frames of C are, looks at memory that it did not get. That is the
# end of heapspy, and must not be that of the process whose threads it holds.
@case("R02", "allocations fail while threads are held for their frames of C", {0, 5, 7, 8, 10, 134, 139}, mute=True)
def allocations_of_libdw_fail(bench: Bench):
    if bench.sanitized:
        pytest.skip("sanitizers have allocators of their own")
    library = bench.compiled("failing_malloc", "-shared", "-fPIC")
    with bench.program("spinner.py") as target:
        outcomes, before = [], cpu_of(target.pid)
        for number in (50, 61, 200, 325, 330, 335, 500, 800, 1200, 2000, 3100, 5000):
            env = {**os.environ, "LD_PRELOAD": str(library), "FAIL_AT": str(number)}
            done = bench.run_under(["sh", "-c", '"$@"; exit $?', "sh"], "stack", target.pid, "--native", env=env)
            done.stdout = done.stdout if done.returncode in (0, 7) else ""
            outcomes.append(done)
            assert target.alive()
        wait_until(lambda: cpu_of(target.pid) > before)
        yield target.pid, outcomes


def cpu_of(pid: int) -> int:
    return sum(map(int, pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# What the kernel may refuse, and how. Not what the loader needs before there is a heapspy.
REFUSALS = [
    ("openat", "EMFILE"), ("openat", "ENOENT"), ("openat", "EACCES"), ("openat", "EINTR"), ("read", "EIO"),
    ("read", "EINTR"), ("pread64", "EIO"),
    ("pread64", "ESRCH"), ("process_vm_readv", "EPERM"), ("process_vm_readv", "ENOSYS"),
    ("process_vm_readv", "EFAULT"), ("process_vm_readv", "ESRCH"),
    ("pidfd_open", "ENOSYS"), ("pidfd_open", "EPERM"),
    ("ioctl", "ENOTTY"), ("newfstatat", "EACCES"), ("getdents64", "EIO"), ("readlink", "EACCES"), ("write", "ENOSPC"),
    ("write", "EINTR"), ("mmap", "ENOMEM"), ("munmap", "EINVAL"), ("clone", "EAGAIN"), ("poll", "EINTR"),
    ("ptrace", "EPERM"),
    ("waitid", "ECHILD"), ("timer_create", "EAGAIN"), ("socketpair", "EMFILE"), ("prctl", "EPERM"), ("lseek", "ESPIPE"),
]  # fmt: skip


def refused(syscall: str, error: str) -> None:
    def make(bench: Bench):
        if bench.sanitized or not shutil.which("strace"):
            pytest.skip("needs strace, and a program without sanitizers")
        with bench.sleeper() as target:
            outcomes = []
            # The loader itself does not survive it if its first mappings fail.
            for when in ("30", "31", "40") if syscall == "mmap" else ("1", "5..60", "7", "20", "40"):
                trace = ["strace", "-qq", "-o", "/dev/null", "-e", f"inject={syscall}:error={error}:when={when}"]
                done = bench.run_under(trace, "dump", target.pid, "--stop" if when == "7" else "--json")
                # 127: the loader could not even begin.
                if done.returncode != 127:
                    outcomes.append(done)
            yield target.pid, outcomes

    make.__name__ = f"{syscall}_{error}"
    case("R02", f"{syscall}() fails with {error}", {0, 3, 4, 5, 6, 7, 8, 10}, mute=syscall == "write")(make)


for one in REFUSALS:
    refused(*one)


@case("R03", "its first descriptors are closed", {0, 8})
def closed_descriptors(bench: Bench):
    with bench.sleeper() as target:
        outcomes = []
        for number, closed in enumerate(["<&-", ">&-", "<&- >&-", "<&- 2>&-"]):
            path = bench.directory / str(number)
            shell = ["sh", "-c", f'exec {closed}; exec "$@"', "sh"]
            outcomes.append(bench.run_under(shell, "dump", target.pid, "-o", path))
            assert outcomes[-1].returncode or "dict" in path.read_text()
        yield target.pid, outcomes


@case("R04", "the wall clock jumps by an hour, to and fro", 0)
def jumping_clock(bench: Bench):
    library = bench.compiled("jumping_clock", "-shared", "-fPIC")
    env = {**os.environ, "LD_PRELOAD": str(library)}
    ways = (("gc", "20ms", "5", "--json"), ("dump", "--json"), ("stack", "--stop", "--json"),
            ("top", "--plain", "-n", "3", "-i", "20ms"), ("record", "-d", "300ms", "-o", bench.directory / "recording"))  # fmt: skip
    if bench.sanitized:
        pytest.skip("a sanitized program wants its own library first")
    with bench.sleeper() as target:
        begin = time.monotonic()
        outcomes = [bench.run(way[0], target.pid, *way[1:], env=env) for way in ways]
        assert time.monotonic() - begin < 60
        for done in outcomes[:3]:
            for line in done.stdout.splitlines() if done is outcomes[0] else [done.stdout]:
                answer = bench.heapspy.parse(line)
                capture = answer.get("capture", answer)
                assert 0 <= capture.get("duration", 0) < 60 and 0 <= answer["target"]["uptime"] < 100_000
        times = [json.loads(line).get("time", 0) for line in (bench.directory / "recording").read_text().splitlines()]
        assert 0 <= min(times) and max(times) < 60
        yield target.pid, outcomes


@case("R06", "two of it read one process at one instant", {0, 6})
def two_at_once(bench: Bench):
    source = (targets.PROGRAMS / "spinner.py").read_text()
    with bench.python(source) as target:
        command = [str(bench.heapspy.path), "dump", str(target.pid), "--stop"]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
        outcomes = []
        for process in both:
            out, errors = process.communicate(timeout=120)
            outcomes.append(subprocess.CompletedProcess(command, process.returncode, out, errors))
        yield target.pid, outcomes


@case("R07", "an environment that means no good", 0)
def hostile_environment(bench: Bench):
    odd = [
        {"LD_PRELOAD": "/nowhere.so"}, {"DEBUGINFOD_URLS": "http://127.0.0.1:9/"}, {"TERMINFO": "/nowhere"},
        {"TMPDIR": "/nowhere"},
        {"LOCPATH": "/nowhere"}, {"LANG": "C"}, {"MALLOC_PERTURB_": "165"}, {"GLIBC_TUNABLES": "glibc.malloc.check=3"},
        {"TZ": ":/etc/passwd"}, {"PYTHONHOME": "/nowhere"}, {"NO_COLOR": "1"}, {"COLUMNS": "99999999999"},
    ]  # fmt: skip
    with bench.sleeper() as target:
        outcomes = [bench.run("dump", target.pid, env={**os.environ, **one}) for one in odd]
        outcomes.append(bench.run("dump", target.pid, env={}))
        yield target.pid, outcomes


@case("R07", "it has no name", {0, 2})
def no_name(bench: Bench):
    with bench.sleeper() as target:
        arguments = [["", "dump", str(target.pid)], ["\x1b[31m", "dump", str(target.pid)]]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        outcomes = [subprocess.run(one, executable=str(bench.heapspy.path), **options) for one in arguments]
        yield target.pid, outcomes


# --- what other tests have -------------------------------------------------------------------------------------------

ELSEWHERE = {
    "T02": ["live/test_errors.py test_ends_while_it_is_read", "unit/test_target_open.c ends_while_it_is_opened"],
    "T03": ["unit/test_target_stop.c target_is_killed"],
    "T04": ["unit/test_target_open.c becomes_another_while_it_is_opened", "unit/test_target_process.c exec_is_noticed"],
    "T05": ["unit/test_target_stop.c becomes_another"],
    "T06": ["unit/test_target_stop.c parent_in_vfork"],
    "T07": ["unit/test_target_stop.c threads_come_and_go"],
    "T08": ["unit/test_target_stop.c takes_too_long"],
    "T11": ["unit/test_target_stop.c stopped_job", "unit/test_target_stop.c job_is_stopped_meanwhile"],
    "T13": ["unit/test_target_stop.c parent_in_vfork"],
    "T14": ["unit/test_target_stop.c is_frozen", "unit/test_target_stop.c is_frozen_and_stopped"],
    "T15": ["unit/test_target_process.c every_state"],
    "T16": ["unit/test_target_open.c pid_of_a_stranger"],
    "T17": ["live/test_stack.py test_stacks_in_a_namespace", "unit/test_target_open.c user_namespace"],
    "T18": ["live/test_errors.py test_undumpable_process", "unit/test_target_open.c more_capabilities"],
    "T19": ["unit/test_target_open.c contained"],
    "T20": ["unit/test_target_open.c hidden"],
    "T21": ["live/test_errors.py test_kernel_thread"],
    "T22": ["live/test_kills.py test_killed", "unit/test_target_stop.c tracer_is_killed"],
    "T23": ["unit/test_target_stop.c no_signal_is_lost"],
    "P02": ["live/test_errors.py test_too_old", "live/test_errors.py test_free_threaded"],
    "P03": ["live/test_errors.py test_outside_of_its_life", "live/test_variants.py test_embedded"],
    "P04": ["live/test_variants.py test_subinterpreter"],
    "H09": ["fuzz/fuzz_text.c read_object"],
    "H15": ["fuzz/fuzz_heap.c LLVMFuzzerTestOneInput"],
    "H16": ["live/test_busy.py test_busy", "live/test_scribble.py test_scribbled"],
    "H17": ["unit/test_target_process.c changes_after_the_refresh"],
    "H18": ["unit/test_target_process.c many_mappings", "unit/test_target_maps.c long_paths_and_newlines"],
    "E01": ["unit/test_elf_damaged.c changed_bytes", "fuzz/fuzz_elf.c LLVMFuzzerTestOneInput"],
    "E02": ["unit/test_elf_damaged.c cut_off", "fuzz/fuzz_dwarf.c LLVMFuzzerTestOneInput"],
    "E03": ["live/test_variants.py test_replaced_files", "live/test_variants.py test_deleted_files"],
    "E04": ["unit/test_unwind.c test_cut", "fuzz/fuzz_cfi.c LLVMFuzzerTestOneInput"],
    "E05": ["fuzz/fuzz_core.c LLVMFuzzerTestOneInput"],
    "C01": ["unit/test_core.c any_byte_wrong", "live/test_core.py test_truncated"],
    "C02": ["unit/test_core.c packed_files_have_a_remedy"],
    "C03": ["live/test_core.py test_core_of_another_program", "live/test_core.py test_core_without_its_program"],
    "O01": ["cli/test_output.py test_full_file_system", "cli/test_output.py test_reader_that_has_enough"],
    "O02": ["cli/test_output.py test_not_followed_or_replaced", "cli/test_output.py test_read_only_directory"],
    "O03": ["tui/test_tmux.py test_resize", "tui/test_tmux.py test_stopped_and_continued"],
    "O04": ["cli/test_output.py test_interrupted_series_is_published", "tui/test_tmux.py test_ended_by_signal"],
    "R01": ["unit/test_target_open.c our_own_limits"],
    "R03": ["cli/test_output.py test_all_closed"],
    "R05": ["unit/test_target_stop.c tracer_is_stopped", "live/test_kills.py test_suspended"],
}  # fmt: skip


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("programs")


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_fault(heapspy, row: Case, tmp_path: pathlib.Path, programs: pathlib.Path) -> None:
    with contextlib.contextmanager(row.make)(Bench(heapspy, tmp_path, programs)) as (pid, outcomes):
        for done in outcomes if isinstance(outcomes, list) else [outcomes]:
            assert_well_told(row, done)
            assert done.returncode == 0 or re.search(row.says, done.stderr), done.stderr
        assert_unharmed(row, pid)


def test_elsewhere() -> None:
    """What is said to be tested there is."""
    for references in ELSEWHERE.values():
        for reference in references:
            path, name = reference.split()
            assert re.search(rf"\b{name}\(", (targets.PROGRAMS.parent / path).read_text()), reference


def test_the_table_is_long_enough() -> None:
    assert len(TABLE) >= 40
    assert len({row.name for row in TABLE}) == len(TABLE)
