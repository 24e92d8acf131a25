# SPDX-License-Identifier: MIT
"""Starting targets, and holding what heapspy says of one against what it says of itself."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import selectors
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator

import catalogue

PROGRAMS = pathlib.Path(__file__).resolve().parent.parent / "programs"
PATIENCE = 120  # seconds until a target that says nothing counts as stuck
TRACE_REFS = re.compile(r"built-[\d.]+[a-z]*r[a-z]*")  # names of builds --with-trace-refs
SHOWN = 15  # lines of a difference


class Target:
    """A running process that says "ready" on its stdout and lives until its stdin ends."""

    def __init__(self, command: list[str], place: pathlib.Path, **options) -> None:
        self.command = command
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, **options
        )
        self.pid = self.process.pid

    def wait_until_ready(self) -> None:
        line = self.read_line()
        assert line == b"ready\n", f"{self.command} said {line!r} instead of being ready\n{self.error_text()}"

    def read_line(self) -> bytes:
        """One line of its stdout; what there is of it if it ends or is silent for too long."""
        line, deadline = b"", time.monotonic() + PATIENCE
        stdout = self.process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n") and selector.select(deadline - time.monotonic()):
                if not (byte := os.read(stdout, 1)):
                    break
                line += byte
        return line

    def error_text(self) -> str:
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def alive(self) -> bool:
        return self.process.poll() is None

    def end(self) -> None:
        """Let it end by itself, or make it."""
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


@contextlib.contextmanager
def plain(command: list[str], **options) -> Iterator[Target]:
    """Any program at all as a target."""
    target = Target(command, pathlib.Path("/"), **options)
    try:
        yield target
    finally:
        target.end()


@dataclasses.dataclass
class Oracle:
    """A target that rests and says what its heap holds: programs/oracle.py."""

    target: Target
    report_path: pathlib.Path

    @property
    def pid(self) -> int:
        """Not that of the process that was started if the report is a forked child's."""
        return self.report["pid"]

    @property
    def report(self) -> dict:
        return json.loads(self.report_path.read_text())

    @property
    def reports(self) -> list[dict]:
        """One for each interpreter in the process, the main one first."""
        second = pathlib.Path(f"{self.report_path}.1")
        return [self.report, *([json.loads(second.read_text())] if second.exists() else [])]

    def measure_again(self) -> None:
        self.target.process.stdin.write(b"\n")
        self.target.process.stdin.flush()
        self.target.wait_until_ready()


class Workplace:
    """A directory with the target programs where an interpreter, in a chroot or not, sees them."""

    def __init__(self, interpreter: catalogue.Interpreter, directory: pathlib.Path) -> None:
        self.interpreter = interpreter
        self.directory = directory
        self._reports = 0
        shutil.copytree(PROGRAMS, directory / "programs", ignore=shutil.ignore_patterns("__pycache__"))
        self.shared = directory / "shared"  # where targets of any user may write
        self.shared.mkdir()
        self.shared.chmod(0o777)

    def as_target_sees(self, path: pathlib.Path) -> str:
        return str(self.interpreter.as_target_sees(path)) if self.interpreter.in_chroot else str(path)

    def program(self, name: str) -> str:
        return self.as_target_sees(self.directory / "programs" / name)

    @contextlib.contextmanager
    def start(
        self, name: str, *arguments: str, argv: list[str] | None = None, ready: bool = True, **options
    ) -> Iterator[Target]:
        """Run a program of this workplace, with another interpreter's command if `argv` is one."""
        command = [*(argv or self.interpreter.argv), self.program(name), *arguments]
        target = Target(command, self.directory, **options)
        try:
            if ready:
                target.wait_until_ready()
            yield target
        finally:
            target.end()

    @contextlib.contextmanager
    def oracle(self, *arguments: str, **options) -> Iterator[Oracle]:
        self._reports += 1
        path = self.shared / f"report-{self._reports}"
        with self.start("oracle.py", self.as_target_sees(path), *arguments, **options) as target:
            yield Oracle(target, path)


@contextlib.contextmanager
def workplace_for(interpreter: catalogue.Interpreter) -> Iterator[Workplace]:
    with tempfile.TemporaryDirectory(prefix="heapspy-", dir=interpreter.root / "tmp") as directory:
        os.chmod(directory, 0o755)
        yield Workplace(interpreter, pathlib.Path(directory))


# --- comparing -----------------------------------------------------------------------------------


def types_of_reports(reports: list[dict]) -> dict[int, tuple[str, int, int]]:
    """By address of the type: its name, how many objects, how many bytes, over all interpreters."""
    if reports[0]["shared_collector"]:
        reports = reports[:1]
    types: dict[int, tuple[str, int, int]] = {}
    for report in reports:
        for address, (name, objects, size) in report["types"].items():
            _, objects_before, size_before = types.get(int(address, 16), (name, 0, 0))
            types[int(address, 16)] = (name, objects_before + objects, size_before + size)
    return types


def types_of_dump(dump: dict) -> dict[int, tuple[str, int, int]]:
    rows = dump["heap"]["types"]
    types = {int(row["address"], 16): (row["type"], row["gc_objects"], row["gc_bytes"]) for row in rows}
    assert len(types) == len(rows), "a type object has two rows"
    return {address: row for address, row in types.items() if row[1]}


def census_differences(reports: list[dict], dump: dict) -> list[str]:
    theirs, ours = types_of_reports(reports), types_of_dump(dump)
    nothing = ("nothing", 0, 0)
    lines = []
    for address in theirs.keys() | ours.keys():
        name, objects, size = theirs.get(address, nothing)
        our_name, our_objects, our_size = ours.get(address, nothing)
        # What cannot be printed is sanitised, so these names may differ.
        same_name = name == our_name or not name.isprintable()
        if same_name and (objects, size) == (our_objects, our_size):
            continue
        wrong = abs(size - our_size)
        if name == nothing[0] or our_name == nothing[0] or not same_name:
            name = f"{name} / {our_name}"
        lines.append((wrong, f"{name} at {address:#x}: {objects} objects of {size} bytes / {our_objects} of {our_size}"))
    lines.sort(reverse=True)
    shown = [line for _, line in lines[:SHOWN]]
    if len(lines) > SHOWN:
        shown.append(f"... and {len(lines) - SHOWN} types more of {len(theirs.keys() | ours.keys())}")
    return shown


def _rounded(theirs: float, ours: float) -> float:
    """Theirs, if ours is no more than rounded."""
    return theirs if abs(theirs - ours) < 2e-6 else ours


def collector_differences(reports: list[dict], interpreters: list[dict]) -> list[str]:
    """What heapspy says of the collectors that gc itself does not. `objects` is looked at only if it is there."""
    lines = []
    if len(interpreters) != len(reports):
        lines.append(f"{len(reports)} interpreters / {len(interpreters)}")
    if reports[0]["shared_collector"]:
        reports = reports[:1]
    for report, interpreter in zip(reports, interpreters):
        ours = interpreter["gc"]
        pairs = [
            ("enabled", report["enabled"], ours["enabled"]),
            ("collecting", False, ours["collecting"]),
            ("debug", report["debug"], ours["debug"]),
            ("garbage", ours["garbage"] if report["garbage"] is None else report["garbage"], ours["garbage"]),
            ("generations", 3, len(ours["generations"])),
        ]
        if "frozen" in ours:
            pairs.append(("frozen", report["frozen"], ours["frozen"]))
        for number, generation in enumerate(ours["generations"]):
            stats = report["stats"][number]
            expected = {
                "generation": number,
                "threshold": report["thresholds"][number],
                "count": report["counts"][number],
                "objects": report["generations"][number],
                **{name: stats[name] for name in ("collections", "collected", "uncollectable")},
            }
            if "duration" in stats:  # from 3.15 on, written with fewer digits
                expected["duration"] = stats["duration"]
                generation = {**generation, "duration": _rounded(stats["duration"], generation["duration"])}
            for name, value in expected.items():
                if name != "objects" or "objects" in generation:
                    pairs.append((f"generation {number}: {name}", value, generation[name]))
        which = f"interpreter {interpreter['id']}: " if len(reports) > 1 else ""
        lines += [f"{which}{name}: {theirs} / {mine}" for name, theirs, mine in pairs if theirs != mine]
    return lines


def assert_agrees(oracle: Oracle, dump: dict) -> None:
    """A dump of a target at rest: everything equal, nothing missing, nothing torn."""
    reports = oracle.reports
    lines = collector_differences(reports, dump["interpreters"]) + census_differences(reports, dump)
    assert not lines, "\n".join(["differs (the target / heapspy):", *lines])

    heap = dump["heap"]
    assert heap["gc_objects"] == sum(objects for _, objects, _ in types_of_reports(reports).values())
    assert heap["gc_bytes"] == sum(size for _, _, size in types_of_reports(reports).values())
    assert dump["complete"] and not dump["incomplete"]
    assert dump["capture"]["coverage"] == 1.0 and dump["capture"]["torn_reads"] == 0
    assert dump["python"]["version"] == reports[0]["version"]
    assert dump["python"]["hexversion"] == reports[0]["hexversion"]
    assert dump["python"]["debug"] == reports[0]["pydebug"]
    assert dump["target"]["pid"] == oracle.pid
