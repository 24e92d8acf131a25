# SPDX-License-Identifier: MIT
"""Frames of C: what gdb says of the same stack, and where those of Python are in it."""

from __future__ import annotations

import difflib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator

import catalogue
import pytest
import targets

PATIENCE = 60  # seconds for something to be seen
EVALUATOR = "_PyEval_EvalFrameDefault"

pytestmark = pytest.mark.skipif(not shutil.which("gdb"), reason="no gdb here")


# --- what gdb says ---------------------------------------------------------------------------------

# What `backtrace` prints of each thread, one frame a line.
BACKTRACES = """python
for thread in gdb.selected_inferior().threads():
    thread.switch()
    print("thread", thread.ptid[1] or thread.ptid[0])
    frame = gdb.newest_frame()
    while frame is not None:
        signal = frame.type() == gdb.SIGTRAMP_FRAME
        print("frame", "<signal handler called>" if signal else frame.name() or "??")
        frame = frame.older()
print("all threads")
end"""


def gdb(interpreter: catalogue.Interpreter, *commands: str, arguments: list[str]) -> str:
    """Its output; that of the target is not asked for debug files over the network."""
    settings = ["set debuginfod enabled off", "set pagination off", "set print frame-arguments none", "set width 0"]
    settings += ["set backtrace limit 5000"]
    if interpreter.in_chroot:
        settings += [f"set sysroot {interpreter.root}", f"file {interpreter.executable}"]
    line = ["gdb", "-nx", "-batch"]
    for command in settings:
        line += ["-iex", command]
    with tempfile.NamedTemporaryFile("w", suffix=".gdb") as script:
        script.write("\n".join([*commands, ""]))
        script.flush()
        line += ["-x", script.name, *arguments]
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert "all threads" in done.stdout, done.stdout + done.stderr
    return done.stdout


def stacks_of_gdb(text: str) -> dict[int, list[str]]:
    """By tid: names of functions, newest first."""
    stacks: dict[int, list[str]] = {}
    frames: list[str] = []
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "thread":
            frames = stacks.setdefault(int(rest), [])
        elif word == "frame":
            frames.append(rest)
    return stacks


# --- what heapspy says ------------------------------------------------------------------------------


def stacks_of(document: dict) -> dict[int, list[dict]]:
    return {thread["tid"]: thread["frames"] for thread in document["threads"] if "tid" in thread}


def plain(name: str) -> str:
    """Of the names that a C library has for one function, the one that all have in common."""
    name = name.partition("@")[0]
    if name in ("<signal handler called>", "__restore_rt"):
        return "signal"
    if name in ("??", "?"):
        return "unknown"
    return re.sub(r"^(_|GI_|libc_|pthread_(?=cond|mutex|create))*", "", name)


def of_gdb(names: list[str]) -> list[str]:
    """Where the interpreter executes, "python"."""
    return collapsed(["python" if name.startswith(EVALUATOR) else plain(name) for name in names])


def of_heapspy(frames: list[dict]) -> list[str]:
    return collapsed([plain(frame["function"]) if frame.get("native") else "python" for frame in frames])


def collapsed(names: list[str]) -> list[str]:
    """One of each run of "python": those of 3.11 and later execute many frames."""
    return [name for number, name in enumerate(names) if name != "python" or names[number - 1 : number] != ["python"]]


class Agreement:
    """Frames on which the two agree, of all. Of an interpreter that link-time optimisation cut into pieces without
    names gdb does not know which of them execute Python."""

    def __init__(self, interpreter: catalogue.Interpreter) -> None:
        self.in_pieces = interpreter.in_chroot
        self.agreed = self.frames = self.stacks = 0
        self.differences: list[str] = []

    def compare(self, document: dict, text: str, tids: set[int] | None = None) -> None:
        ours = {thread["tid"]: thread for thread in document["threads"] if "tid" in thread}
        for tid, names in stacks_of_gdb(text).items():
            if tid not in ours or (tids is not None and tid not in tids):
                continue
            theirs, mine = of_gdb(names), of_heapspy(ours[tid]["frames"])
            if self.in_pieces:
                theirs, mine = ([name.replace("python", "unknown") for name in one] for one in (theirs, mine))
            blocks = difflib.SequenceMatcher(None, theirs, mine, autojunk=False).get_matching_blocks()
            same = sum(block.size for block in blocks)
            self.agreed += same
            self.frames += max(len(theirs), len(mine))
            self.stacks += 1
            if same != max(len(theirs), len(mine)):
                lines = difflib.unified_diff(theirs, mine, "gdb", "heapspy", lineterm="", n=1)
                self.differences.append("\n".join([f"{ours[tid].get('name')}", *lines]))

    def assert_good(self, stacks: int) -> None:
        share = self.agreed / max(self.frames, 1)
        print(f"{self.stacks} stacks, {self.frames} frames, {100 * share:.2f} percent of them equal")
        assert self.stacks >= stacks, f"only {self.stacks} stacks were compared"
        assert share >= 0.95, "\n".join([f"{self.agreed} of {self.frames} frames agree", *self.differences[:8]])


# --- a target at rest -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def resting(workplace: targets.Workplace) -> Iterator[targets.Target]:
    with workplace.start("native.py") as target:
        yield target


def frames_of(document: dict) -> dict[str, list[tuple]]:
    """By name of the thread."""
    return {
        thread.get("name"): [(frame["function"], frame.get("line"), frame.get("native")) for frame in thread["frames"]]
        for thread in document["threads"]
    }


def test_resting(heapspy, interpreter: catalogue.Interpreter, resting: targets.Target) -> None:
    """Nothing is held; gdb agrees; frames of Python stand as without those of C."""
    document = heapspy.json("stack", resting.pid, "--native")
    assert document["capture"]["mode"] == "running" and document["capture"]["torn"] == 0
    stopped = heapspy.json("stack", resting.pid, "--native", "--stop", "--max-pause", "10s")
    without = frames_of(heapspy.json("stack", resting.pid))
    text = gdb(interpreter, BACKTRACES, arguments=["-p", str(resting.pid)])
    for ours in (document, stopped):
        agreement = Agreement(interpreter)
        agreement.compare(ours, text)
        agreement.assert_good(15)
        both = frames_of(ours)
        for name, frames in without.items():
            assert [frame for frame in both[name] if not frame[2]] == frames
        others = [thread for thread in ours["threads"] if "interpreter" not in thread]
        assert len(others) == 1 and "pause" in [plain(frame["function"]) for frame in others[0]["frames"]]


def test_where_python_is(heapspy, resting: targets.Target) -> None:
    """Each frame of Python is where C called it, and calls what is above it."""
    both = frames_of(heapspy.json("stack", resting.pid, "--native"))
    native = {name: [plain(frame[0]) if frame[2] else f"{frame[0]}()" for frame in both[name]] for name in both}
    calling = {
        "callbacks": ["park()", "callbacks.<locals>.<lambda>()", "qsort_r", "callbacks()"],
        "database": ["park()", "sqlite3_step", "database()"],
        "sorting": ["park()", "sorting.<locals>.<lambda>()", "sorting()"],
        "reading": ["read", "reading()", "Thread.run()"],
    }
    for name, wanted in calling.items():
        if name not in native:
            continue
        short = [one.rpartition(".")[2] for one in native[name]]
        left = iter(short)
        assert all(one.rpartition(".")[2] in left for one in wanted if not is_unnamed(one, short)), (wanted, short)


def is_unnamed(name: str, names: list[str]) -> bool:
    """Of a stripped library not every function has a name."""
    return "()" not in name and name not in names and "?" in names


def functions(thread: dict) -> list[str]:
    return [frame["function"] for frame in thread["frames"]]


# --- files ------------------------------------------------------------------------------------------


# Not sid's: there gdb 13 leaves out what lies behind the guards that its C library puts into stacks.
@pytest.mark.only(*(f"pyenv-{minor}" for minor in catalogue.PYENV_MINORS), "debian-3.11")
def test_core(
    heapspy, interpreter: catalogue.Interpreter, workplace: targets.Workplace, tmp_path: pathlib.Path
) -> None:
    """A core of gdb, and what gdb says while it makes it; a snapshot, and what heapspy said before."""
    with workplace.start("native.py") as target:
        live = heapspy.json("stack", target.pid, "--native")
        snapshot = tmp_path / "snapshot"
        assert heapspy.run("snapshot", target.pid, "-q", "-o", snapshot).returncode == 0
        core = tmp_path / "core"
        text = gdb(interpreter, BACKTRACES, f"generate-core-file {core}", arguments=["-p", str(target.pid)])
    agreement = Agreement(interpreter)
    agreement.compare(heapspy.json("stack", core, "--native"), text)
    agreement.assert_good(15)
    there = {thread["tid"]: thread for thread in heapspy.json("stack", snapshot, "--native")["threads"]}
    for thread in live["threads"]:
        assert functions(there[thread["tid"]]) == functions(thread)
    core.unlink()


# --- at work ----------------------------------------------------------------------------------------


def is_stopped(pid: int) -> bool:
    tasks = pathlib.Path(f"/proc/{pid}/task")
    return all("State:\tT" in (task / "status").read_text() for task in tasks.iterdir())


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + PATIENCE
    while not is_stopped(pid):
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.only("pyenv-3.8", "pyenv-3.9", "debian-3.11", "pyenv-3.12", "pyenv-3.13", "sid-3.15")
def test_busy(heapspy, request, interpreter: catalogue.Interpreter, workplace: targets.Workplace) -> None:
    """Wherever it is: the test stops it, and asks both."""
    agreement = Agreement(interpreter)
    with workplace.start("native.py", "--busy") as target:
        for _ in range(request.config.getoption("--native-samples")):
            stop(target.pid)
            document = heapspy.json("stack", target.pid, "--native")
            agreement.compare(document, gdb(interpreter, BACKTRACES, arguments=["-p", str(target.pid)]))
            os.kill(target.pid, signal.SIGCONT)
        assert target.alive()
    agreement.assert_good(15)


def test_held(heapspy, workplace: targets.Workplace) -> None:
    """Threads that never wait are held one by one, and go on."""
    with workplace.start("native.py", "--busy") as target:
        seen: set[str] = set()
        deadline = time.monotonic() + PATIENCE
        while len(seen) < 4 and time.monotonic() < deadline:
            document = heapspy.json("stack", target.pid, "--native", "--max-pause", "5s")
            for thread in document["threads"]:
                if any(frame.get("native") for frame in thread["frames"]) and not thread["torn"]:
                    seen |= {frame["function"] for frame in thread["frames"] if not frame.get("native")}
            seen &= {"compressing", "matching", "dividing", "serialising"}
        assert len(seen) == 4 and target.alive()
        assert "TracerPid:\t0" in pathlib.Path(f"/proc/{target.pid}/status").read_text()
