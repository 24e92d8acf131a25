# SPDX-License-Identifier: MIT
"""Recordings: what is charged to whom, held against what the target itself counts; and that nothing of it stays."""

from __future__ import annotations

import collections
import contextlib
import ctypes
import errno
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import time
from collections.abc import Iterator

import pytest
import targets

PATIENCE = 60  # seconds for something to be seen
PLACES = ("small", "lists", "blocks", "extension", "mapped")


class Recording:
    """The lines of a file, each held against the schema; report reads them as well."""

    def __init__(self, heapspy, path: pathlib.Path) -> None:
        text = path.read_text()
        assert text.endswith("\n")
        self.report = heapspy.json("report", path)
        self.lines = [heapspy.parse_as("heapspy.record/1", line) for line in text.splitlines()]
        self.frames = {line["id"]: line for line in self.of("frame")}
        self.stacks = {line["id"]: [self.frames[i] for i in line["frames"]] for line in self.of("stack")}

    def of(self, kind: str) -> list[dict]:
        return [line for line in self.lines if line["type"] == kind]

    def place(self, stack: int, places: tuple[str, ...] = (*PLACES, "churn")) -> str:
        """Which of the functions it is in, the newest first."""
        names = [frame["function"].split(".")[0] for frame in self.stacks[stack]]
        return next((name for name in names if name in places), "elsewhere")

    def kept(self) -> collections.Counter[str]:
        """Bytes that each place keeps at the end."""
        found: collections.Counter[str] = collections.Counter()
        for line in self.of("growth"):
            found[self.place(line.get("of", line["stack"]) if line["bytes"] < 0 else line["stack"])] += line["bytes"]
        return found

    def churned(self) -> collections.Counter[str]:
        """Ticks at which each place was seen."""
        return collections.Counter(self.place(line["stack"]) for line in self.of("sample") if line["gil"])


@contextlib.contextmanager
def recording(heapspy, pid: int, path: pathlib.Path, *options: str) -> Iterator[subprocess.Popen]:
    """One that has begun, and ends with Ctrl-C."""
    command = [str(heapspy.path), "record", str(pid), "-o", str(path), *options]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: (path.exists() and b"\n" in path.read_bytes()) or process.poll() is not None)
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stderr.close()


def wait_for(condition, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        os.sched_yield()


def grow(target: targets.Target) -> dict:
    """Let it grow, and hear what it kept."""
    target.process.stdin.write(b"go\n")
    target.process.stdin.flush()
    return json.loads(target.read_line())


def recorded_growth(heapspy, workplace: targets.Workplace, path: pathlib.Path, *arguments: str, program: str = "sites.py"):
    with workplace.start(program, *arguments) as target:
        with recording(heapspy, target.pid, path):
            truth = grow(target)
        assert target.alive()
    return truth, Recording(heapspy, path)


def shares(counts: dict) -> dict[str, float]:
    total = sum(counts.values())
    return {name: 100 * count / total for name, count in counts.items()}


def describe(truth: dict, found: dict) -> str:
    truth, found = shares(truth), shares(found)
    names = sorted({*truth, *found}, key=lambda name: -found.get(name, 0))
    return "\n".join(f"{name:12} truth {truth.get(name, 0):5.1f}  found {found.get(name, 0):5.1f}" for name in names)


SOME = ("pyenv-3.8", "debian-3.11", "sid-3.15")


def attempts(seconds: float) -> Iterator[bool]:
    """Of a few seconds one recording in three has to be right: where the machine is busy, stacks are read late. Yields
    whether it is the last."""
    yield from (True,) if seconds >= 30 else (False, False, True)


@pytest.mark.parametrize(
    "kind", ["steady", "threads", pytest.param("bursty", marks=pytest.mark.long)]
)
def test_who_keeps(heapspy, workplace, tmp_path, kind, request):
    """Shares of what is kept. A few seconds say it roughly; --seconds 30 within 3 points."""
    seconds = request.config.getoption("--seconds")
    if request.node.callspec.params["interpreter"].endswith("-dbg"):
        pytest.skip("its allocator adds to each block what the program does not count")
    allowed = 3 if seconds >= 30 else 30 if heapspy.sanitized else 12
    for is_last in attempts(seconds):
        truth, lines = recorded_growth(
            heapspy, workplace, tmp_path / f"grown-{is_last}", kind, str(seconds), str(max(60, 10 * seconds))
        )
        source = lines.of("recording")[0]["sources"][0]
        assert source == {"source": "growth", "available": True}
        assert lines.of("end")[0]["reason"] == "interrupted"
        found = lines.kept()
        assert sum(found.values()) == pytest.approx(sum(truth.values()), rel=0.1)
        right = all(abs(shares(found).get(name, 0) - shares(truth)[name]) <= allowed for name in PLACES)
        assert right or not is_last, describe(truth, found)
        if right:
            break
        (tmp_path / f"grown-{is_last}").unlink()


@pytest.mark.only(*SOME)
def test_who_keeps_nothing(heapspy, workplace, tmp_path, request):
    """Code that allocates all the time, and gives it all back, grew by nothing; but it is what is seen most."""
    seconds = request.config.getoption("--seconds")
    for is_last in attempts(seconds):
        truth, lines = recorded_growth(
            heapspy, workplace, tmp_path / f"grown-{is_last}", "steady", str(seconds), str(max(40, 10 * seconds)), "--churn"
        )
        found = lines.kept()
        assert lines.churned().most_common(1)[0][0] == "churn"
        right = shares(found).get("churn", 0) < (1 if seconds >= 30 else 5)
        right &= abs(shares(found).get("small", 0) - shares(truth)["small"]) <= (3 if seconds >= 30 else 10)
        assert right or not is_last, describe(truth, found)
        if right:
            break
        (tmp_path / f"grown-{is_last}").unlink()


@pytest.mark.only(*SOME)
def test_stacks(heapspy, workplace, tmp_path):
    """Every stack is one that the program can have, down to its main()."""
    _, lines = recorded_growth(heapspy, workplace, tmp_path / "grown", "steady", "1", "20")
    for line in lines.of("growth"):
        names = [frame["function"] for frame in lines.stacks[line["stack"]]]
        assert names[-2:] == ["main", "<module>"], names
        assert all(frame["file"].endswith("sites.py") or frame["file"].startswith("<") for frame in lines.stacks[line["stack"]])
        assert line["thread"] == "MainThread"


@pytest.mark.only(*SOME)
def test_census_and_timeline(heapspy, workplace, tmp_path):
    with workplace.start("sleeper.py") as target:
        path = tmp_path / "grown"
        dump = heapspy.json("dump", target.pid)
        with recording(heapspy, target.pid, path):
            wait_for(lambda: b'"type":"census"' in path.read_bytes() and path.read_bytes().count(b"timeline") >= 3)
    lines = Recording(heapspy, path)
    first = lines.of("census")[0]
    types = {one["type"]: one for one in first["types"]}
    for one in dump["heap"]["types"]:
        assert types[one["type"]]["objects"] == one["objects"]
    assert (first["objects"], first["bytes"]) == (dump["heap"]["objects"], dump["heap"]["bytes"])
    together = next(line for line in lines.of("timeline") if "live" in line)
    assert together["live"] == first["bytes"]
    assert together["heap"] <= together["rss"] * 2 and len(together["collections"]) == 3


@pytest.mark.only(*SOME)
def test_target_exits(heapspy, workplace, tmp_path):
    path = tmp_path / "grown"
    with workplace.start("sites.py", "steady", "0.2", "10") as target:
        with recording(heapspy, target.pid, path) as process:
            truth = grow(target)
            target.process.stdin.close()
            process.wait(PATIENCE)
    lines = Recording(heapspy, path)
    assert lines.of("end")[0]["reason"] == "target exited"
    # At its end it gives back what it had.
    assert sum(max(line["bytes"], 0) for line in lines.of("growth")) > 0.25 * sum(truth.values())


@pytest.mark.only("debian-3.11")
def test_command(heapspy, workplace, tmp_path):
    """Started to be recorded; its exit status is ours."""
    path, program = tmp_path / "grown", tmp_path / "program.py"
    program.write_text("import sys\nkept = [bytes(700) for _ in range(100000)]\nsys.exit(7)\n")
    done = heapspy.run("record", "-o", path, "--", *workplace.interpreter.argv, program)
    assert done.returncode == 7, done.stderr
    lines = Recording(heapspy, path)
    assert lines.of("end")[0]["reason"] == "target exited"
    assert lines.of("recording")[0]["target"]["command"][-1] == str(program)


@pytest.mark.only("debian-3.11")
def test_duration(heapspy, workplace, tmp_path):
    with workplace.start("sleeper.py") as target:
        done = heapspy.run("record", target.pid, "-d", "300ms", "-o", tmp_path / "grown")
    assert done.returncode == 0 and "(duration)" in done.stderr
    lines = Recording(heapspy, tmp_path / "grown")
    assert lines.of("end")[0]["reason"] == "duration"
    assert 0.3 <= lines.of("end")[0]["time"] < 10


# ---- frames of C -----------------------------------------------------------------------------------

# From the function of C that kept it to the first of Python, among those that the program has.
CHAINS = {
    "blocks": ["keep_blocks", "pass_on", "grow_blocks", "blocks", "grow"],
    "chunks": ["keep_chunks", "pass_on", "grow_chunks", "in_between", "call_back", "chunks", "grow"],
    "mapped": ["keep_mapped", "pass_on", "grow_mapped", "<lambda>", "mapped", "grow"],
    "hidden": ["keep_hidden", "pass_on", "grow_hidden", "hidden", "grow"],
}
OURS = {name for chain in CHAINS.values() for name in chain} - {"<lambda>"}


def keeping(workplace: targets.Workplace, *flags: str) -> tuple[pathlib.Path, str]:
    """programs/keeping.c as a library, and what targets call it."""
    library = workplace.directory / f"keeping{''.join(flags)}.so"
    source = targets.PROGRAMS / "keeping.c"
    if not library.exists():
        subprocess.run(["cc", "-O", *flags, "-shared", "-fPIC", "-o", library, source], check=True)
    return library, workplace.as_target_sees(library)


def short(frame: dict) -> str:
    return frame.get("function", "?").rpartition(".")[2]


def chain(frames: list[dict]) -> list[str]:
    """The functions of the program that are in a stack, down to grow(); others of C are left out."""
    names = [short(frame) for frame in frames if not frame.get("native") or short(frame) in OURS]
    return names[: names.index("grow") + 1] if "grow" in names else names


def chains_of_growth(lines: Recording, of_c: bool) -> collections.Counter[str]:
    """Bytes by the place whose chain of functions is in the stack; `of_c`: without those of Python."""
    found: collections.Counter[str] = collections.Counter()
    for line in lines.of("growth"):
        frames = lines.stacks[line.get("of", line["stack"]) if line["bytes"] < 0 else line["stack"]]
        place = "elsewhere"
        for name, functions in CHAINS.items():
            native = [function for function in functions if function.startswith(("keep_", "pass_", "grow_", "call_"))]
            if ([short(f) for f in frames if f.get("native") and short(f) in OURS] == native) if of_c else chain(frames) == functions:
                place = name
        found[place] += line["bytes"]
    return found


def assert_mixed(lines: Recording, truth: dict[str, int]) -> None:
    """What each function of C kept, by what an event delivers, and nearly always with the functions of Python that are
    there; where a thread has gone on before its frames are read, they may be others."""
    found = chains_of_growth(lines, of_c=True)
    assert sum(found[name] for name in CHAINS) >= 0.9 * sum(truth.values()), describe(truth, found)
    for name in CHAINS:
        # Who keeps what the heap got is drawn by lot, which takes longer than this runs.
        allowed = 30 if name in ("blocks", "hidden") else 12
        assert abs(shares(found).get(name, 0) - shares(truth)[name]) <= allowed, describe(truth, found)
    found = chains_of_growth(lines, of_c=False)
    assert sum(found[name] for name in CHAINS) >= 0.25 * sum(truth.values()), describe(truth, found)


def test_native(heapspy, workplace, tmp_path):
    """Functions of C, between those of Python that call them and are called by them."""
    _, library = keeping(workplace, "-g")
    path = tmp_path / "grown"
    with workplace.start("keeping.py", library, "1.5", "60") as target:
        with recording(heapspy, target.pid, path, "--native"):
            truth = grow(target)
    lines = Recording(heapspy, path)
    first = lines.of("recording")[0]
    assert first["options"]["native"] and "Python only" in first["sources"][1]["why"]
    assert_mixed(lines, truth)
    assert not any(frame.get("native") for line in lines.of("sample") for frame in lines.stacks[line["stack"]])
    places = {
        (os.path.basename(frame["file"]), os.path.basename(frame["module"]))
        for frame in lines.frames.values()
        if frame.get("native") and short(frame) in OURS
    }
    assert places == {("keeping.c", os.path.basename(library))}
    of_c = chains_of_growth(lines, of_c=True)
    for name in CHAINS:
        kept = sum(stack["kept"] for stack in lines.report["stacks"] if f"keep_{name}" in map(short, stack["frames"]))
        assert kept == pytest.approx(of_c[name], rel=0.1)
    folded = heapspy.run("report", path, "--format", "folded").stdout
    assert any("grow (" in line and "blocks (" in line and "pass_on (" in line for line in folded.splitlines())


@pytest.mark.only("debian-3.11")
def test_native_stripped(heapspy, workplace, tmp_path):
    """A function that no symbol names: where it is in its file, as the symbols of a copy count that were left."""
    whole, _ = keeping(workplace, "-g")
    _, library = keeping(workplace, "-s")
    names = subprocess.run(["nm", "-S", whole], capture_output=True, text=True, check=True).stdout
    start, size = next((int(words[0], 16), int(words[1], 16)) for words in map(str.split, names.splitlines()) if words[-1] == "keep_hidden")
    path = tmp_path / "grown"
    with workplace.start("keeping.py", library, "1", "40") as target:
        with recording(heapspy, target.pid, path, "--native"):
            grow(target)
    lines = Recording(heapspy, path)
    found: collections.Counter[bool] = collections.Counter()
    for line in lines.of("growth"):
        frames = lines.stacks[line["stack"]]
        names = [short(frame) for frame in frames]
        if "grow_hidden" not in names or line["bytes"] < 0:
            continue
        callee = frames[names.index("pass_on") - 1]
        assert "function" not in callee and callee["module"].endswith("keeping-s.so")
        found[start < callee["offset"] <= start + size] += line["bytes"]
    assert found[True] and not found[False], [[short(frame) for frame in frames[:6]] for frames in lines.stacks.values()]
    folded = heapspy.run("report", path, "--format", "folded").stdout
    assert "pass_on (" in folded and ";keeping-s.so+0x" in folded


@pytest.mark.only("pyenv-3.9", "sid-3.15")
def test_native_deep(heapspy, workplace, tmp_path):
    """A stack that is larger than what a watchpoint delivers is there to its end, or marked."""
    path = tmp_path / "grown"
    _, library = keeping(workplace, "-g")
    with workplace.start("keeping.py", library, "1", "40", "150") as target:
        with recording(heapspy, target.pid, path, "--native"):
            truth = grow(target)
    lines = Recording(heapspy, path)
    cut = {line["id"] for line in lines.of("stack") if line.get("cut")}
    deep = [line for line in lines.of("growth") if any(short(frame) == "pass_on" for frame in lines.stacks[line["stack"]])]
    whole = 0
    for line in deep:
        names = [short(frame) for frame in lines.stacks[line["stack"]]]
        whole += line["bytes"] if names.count("deeper") == 151 else 0
        # Behind those of C that are missing come those of Python that they would be among.
        assert names[-1] == ("<module>" if line["stack"] in cut else "_start"), names
    # Where the machine is busy, most are read when a thread has gone on.
    assert whole > 0.1 * sum(truth.values())


REFUSED = """
import sys, time

kept = []

def refused():
    for ask in (lambda: bytearray(1 << 45), lambda: bytearray(1 << 62), lambda: kept[-1].__imul__(1 << 25)):
        try:
            ask()
        except MemoryError:
            pass

def keep():
    kept.append(bytearray(1 << 20))

print("ready", flush=True)
sys.stdin.readline()
end = time.monotonic() + 1.5
while time.monotonic() < end:
    keep()
    refused()
    time.sleep(0.01)
print(sum(map(sys.getsizeof, kept)), flush=True)
sys.stdin.read()
"""


def test_refused(heapspy, workplace, tmp_path):
    """What malloc asks for in vain is nobody's growth."""
    (workplace.directory / "programs" / "refused.py").write_text(REFUSED)
    truth, lines = recorded_growth(heapspy, workplace, tmp_path / "grown", program="refused.py")
    growth = collections.Counter()
    for line in lines.of("growth"):
        if line["bytes"] > 0:
            growth["keep" in [frame["function"] for frame in lines.stacks[line["stack"]]]] += line["bytes"]
    assert growth[True] == pytest.approx(truth, rel=0.1), growth
    assert sum(growth.values()) < 1.2 * truth, growth


OFTEN = """
import ctypes, json, sys, time

M_MMAP_THRESHOLD = -3
ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 128 << 10)
kept = []
SIZES = {"most": 140, "some": 150, "few": 160}  # KiB: chunks of their own

def most():
    kept.append(bytes(SIZES["most"] << 10))
    time.sleep(0.001)

def some():
    one = bytes(SIZES["some"] << 10)
    kept.append(one)
    time.sleep(0.001)

def few():
    time.sleep(0.001)
    kept.append(bytes(SIZES["few"] << 10))

print("ready", flush=True)
sys.stdin.readline()
for turn in range(120):
    for place in (most, some, most, few, most, some, most, some, most, most):
        place()
print(json.dumps({"most": 6, "some": 3, "few": 1}), flush=True)
sys.stdin.read()
"""


def test_often(heapspy, workplace, tmp_path):
    """Where mmap() is called too often for each to be told, the others go to those that asked for as much. (The places
    are written in several ways, for 3.10 gives functions of a module that are alike one string of bytecode, which its
    registers then cannot tell apart: merge_const_one() of Python/compile.c.)"""
    (workplace.directory / "programs" / "often.py").write_text(OFTEN)
    truth, lines = recorded_growth(heapspy, workplace, tmp_path / "grown", program="often.py")
    found: collections.Counter[str] = collections.Counter()
    for line in lines.of("growth"):
        if line["counter"] == "mmapped":
            names = {frame["function"] for frame in lines.stacks[line["stack"]]}
            found[next((name for name in truth if name in names), "elsewhere")] += line["bytes"]
    assert sum(found.values()) >= 120 * 10 * (140 << 10)
    for name in truth:
        assert abs(shares(found).get(name, 0) - shares(truth)[name]) <= 15, describe(truth, found)


# ---- what the process starts ---------------------------------------------------------------------

SEVERAL = """
import json, os, subprocess, sys, time

kept = []

def keep(size, pieces):
    for _ in range(pieces):
        kept.append(bytes(size))
        time.sleep(0.0005)

def child():
    os.read(go, 1)
    keep(3000, 1500)
    os.write(told, b"%d %d\\n" % (os.getpid(), sum(map(len, kept))))
    os.read(leave, 1)
    os._exit(0)

go, say_go = os.pipe()
leave, say_leave = os.pipe()
heard, told = os.pipe()
pids = []
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        child()
    pids.append(pid)
other = subprocess.Popen(["sleep", "600"])
print("ready", flush=True)
sys.stdin.readline()
late = os.fork()
if late == 0:
    child()
pids.append(late)
print(json.dumps({"pids": pids, "other": other.pid}), flush=True)
sys.stdin.readline()
os.write(say_go, b"xxx")
keep(2000, 500)
kept_by = {os.getpid(): sum(map(len, kept))}
text = b""
while text.count(b"\\n") < 3:
    text += os.read(heard, 4096)
for line in text.splitlines():
    kept_by[int(line.split()[0])] = int(line.split()[1])
print(json.dumps(kept_by), flush=True)
sys.stdin.readline()
os.write(say_leave, b"xxx")
for pid in pids:
    os.waitpid(pid, 0)
other.kill()
other.wait()
sys.stdin.read()
"""


@pytest.mark.only(*SOME)
def test_subprocesses(heapspy, workplace, tmp_path):
    """Those that are there, and those that come: what each kept, as it says itself."""
    path = tmp_path / "grown"
    (workplace.directory / "programs" / "several.py").write_text(SEVERAL)
    with workplace.start("several.py") as target:
        with recording(heapspy, target.pid, path, "--subprocesses"):
            started = grow(target)
            pids = started["pids"]
            wait_for(lambda: path.read_bytes().count(b'"type":"process"') == 3 and b'"skipped"' in path.read_bytes())
            truth = {int(pid): size for pid, size in grow(target).items()}
            target.process.stdin.write(b"go\n")
            target.process.stdin.flush()
            wait_for(lambda: path.read_bytes().count(b'"type":"process_end"') == 3)
        assert target.alive()
    lines = Recording(heapspy, path)
    assert {line["pid"] for line in lines.of("process")} == set(pids)
    assert {line["parent"] for line in lines.of("process")} == {target.pid}
    assert {line["pid"]: line["reason"] for line in lines.of("process_end")} == dict.fromkeys(pids, "target exited")
    assert [(line["pid"], line["command"]) for line in lines.of("event")] == [(started["other"], "sleep")]
    found: collections.Counter[int] = collections.Counter()
    for line in lines.of("growth"):
        found[line.get("pid", target.pid)] += max(line["bytes"], 0)
        assert "keep" in [frame["function"] for frame in lines.stacks[line["stack"]]] or line["bytes"] < 1 << 20
    for pid, size in truth.items():
        assert found[pid] == pytest.approx(size, rel=0.3), (found, truth)
    assert {row["pid"] for row in lines.report["processes"]} == {target.pid, *pids}
    one = json.loads(heapspy.run("report", path, "--json", "--process", pids[0]).stdout)
    assert one["target"]["pid"] == pids[0] and one["growth"]["total"] == pytest.approx(found[pids[0]], rel=0.01)


# ---- perf ------------------------------------------------------------------------------------------

PERF_EVENT_OPEN = 298  # x86-64
BREAKPOINT_TYPE, WRITES = 5, 2


def debug_registers(pid: int, address: int) -> int:
    """How many watchpoints a thread can be given; four if it has none."""
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = bytearray(112)
    struct.pack_into("<II", attributes, 0, BREAKPOINT_TYPE, len(attributes))
    struct.pack_into("<Q", attributes, 16, 1)  # sample_period
    struct.pack_into("<Q", attributes, 40, 1 << 5)  # exclude_kernel
    struct.pack_into("<IQQ", attributes, 52, WRITES, address, 8)
    given = []
    while len(given) < 8:
        fd = libc.syscall(PERF_EVENT_OPEN, (ctypes.c_char * len(attributes)).from_buffer(attributes), pid, -1, -1, 8)
        if fd < 0:
            assert ctypes.get_errno() == errno.ENOSPC, os.strerror(ctypes.get_errno())
            break
        given.append(fd)
    for fd in given:
        os.close(fd)
    return len(given)


def writable_word(pid: int) -> int:
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
    return next(int(line.split("-")[0], 16) for line in maps if "[heap]" in line)


@pytest.mark.only("debian-3.11")
def test_killed(heapspy, workplace, tmp_path, request):
    """However it ends, the target goes on, and has none of its watchpoints left."""
    draw = random.Random(4711)
    with workplace.start("sites.py", "steady", "100000", "100") as target:
        target.process.stdin.write(b"go\n")
        target.process.stdin.flush()
        word = writable_word(target.pid)
        assert debug_registers(target.pid, word) == 4
        with recording(heapspy, target.pid, tmp_path / "whole"):
            assert debug_registers(target.pid, word) < 4  # else nothing would be said by what follows
        assert debug_registers(target.pid, word) == 4
        for number in range(request.config.getoption("--kills")):
            path = tmp_path / f"grown-{number}"
            command = [str(heapspy.path), "record", str(target.pid), "-o", str(path)]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(draw.uniform(0, 0.5))
            process.kill()
            assert process.wait() == -signal.SIGKILL
            assert target.alive()
            wait_for(lambda: debug_registers(target.pid, word) == 4)
            if path.exists():
                for line in path.read_text().split("\n")[:-1]:
                    heapspy.parse_as("heapspy.record/1", line)
                path.unlink()


def refuse_perf() -> None:
    """In a child: perf_event_open() fails from now on, as under a container's seccomp filter."""
    load, equal, allow, refuse = 0x20, 0x15, 0x7FFF0000, 0x00050000 | errno.EACCES
    code = [(load, 0, 0, 0), (equal, 0, 1, PERF_EVENT_OPEN), (6, 0, 0, refuse), (6, 0, 0, allow)]
    program = b"".join(struct.pack("<HBBI", *one) for one in code)
    held = ctypes.create_string_buffer(program)
    filtered = struct.pack("<HxxxxxxQ", len(code), ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, ctypes.create_string_buffer(filtered), 0, 0) == 0  # PR_SET_SECCOMP, filter


@pytest.mark.only(*SOME)
def test_perf_refused(heapspy, workplace, tmp_path):
    """Said, with the reason; stacks are sampled all the same, and charged with what grew between."""
    path = tmp_path / "grown"
    with workplace.start("sites.py", "steady", "1", "60") as target:
        command = [str(heapspy.path), "record", str(target.pid), "-o", str(path)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=refuse_perf)
        wait_for(lambda: path.exists() and b"\n" in path.read_bytes())
        truth = grow(target)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and "(no growth: the kernel refuses perf events" in errors
    lines = Recording(heapspy, path)
    source = lines.of("recording")[0]["sources"][0]
    assert (source["source"], source["available"]) == ("growth", False) and "perf_event_paranoid" in source["why"]
    assert not lines.of("growth")
    grown: collections.Counter[str] = collections.Counter()
    for line in lines.of("sample"):
        grown[lines.place(line["stack"])] += line.get("arenas", 0)
    assert sum(grown.values()) == pytest.approx(truth["small"], rel=0.3)
