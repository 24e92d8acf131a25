# SPDX-License-Identifier: MIT
"""What report makes of recordings, as they should be and as they should not."""

from __future__ import annotations

import csv
import io
import json
import os
import pathlib
import random
import re

import pytest

from conftest import CHECKOUT
from recordings import MIB, Recording, Truth, leaking, own_line

PUT = ("Cache.put", "/srv/app/cache.py", 17)
MAIN = ("main", "/srv/app/server.py", 90)
MALLOC = ("malloc", None, None, "/lib/libc.so.6")


class Files:
    """Recordings in a directory of their own, which the program runs in."""

    def __init__(self, real, directory) -> None:
        self.real = real
        self.directory = directory

    def write(self, recording: Recording | str | bytes, name: str = "made.ndjson") -> str:
        text = recording.text() if isinstance(recording, Recording) else recording
        (self.directory / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    def run(self, *arguments, **options):
        return self.real.run("report", *arguments, cwd=self.directory, **options)

    def json(self, recording, *arguments, status: int = 0) -> dict:
        return self.real.heapspy.json("report", self.write(recording), *arguments, status=status, cwd=self.directory)

    def table(self, recording, *arguments) -> str:
        done = self.run(self.write(recording), *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def why(self, recording, status: int = 9) -> str:
        """Why it is refused; nothing else is printed, in no form."""
        name = self.write(recording, "bad.ndjson")
        whys = set()
        for form in ("table", "json", "ndjson", "csv"):
            message = self.real.fails(status, "report", name, "--format", form, cwd=self.directory)
            what, why, *_ = message.splitlines()
            assert what == "heapspy: cannot read the recording bad.ndjson" and why.startswith("  why: ")
            assert why.isprintable()
            whys.add(why.removeprefix("  why: "))
        assert len(whys) == 1
        return whys.pop()


@pytest.fixture
def files(real, tmp_path) -> Files:
    return Files(real, tmp_path)


def key_of(frame: dict) -> tuple:
    return frame["function"], frame.get("file"), frame.get("line"), frame.get("module")


def check(report: dict, lines: list[dict]) -> None:
    """The numbers of a report, against what the lines of its recording add up to."""
    stacks, own = Truth(lines), Truth(lines, own_line)
    whole = Truth(lines, set)
    all_of_it = Truth(lines, lambda frames: "all")
    growth = report["growth"]
    assert [growth[name] for name in ("kept", "peak", "total")] == [
        getattr(all_of_it, name)["all"] for name in ("kept", "peak", "total")
    ]
    assert growth["freed_before"] == all_of_it.freed_before
    found = {tuple(map(key_of, stack["frames"])): stack for stack in report["stacks"]}
    for name in ("kept", "peak", "total"):
        expected = {stack: getattr(stacks, name)[stack] for stack in stacks.total}
        assert {stack: row[name] for stack, row in found.items() if row["total"]} == expected
        rows = {key_of(row): row for row in report["lines"]}
        assert {key: row[name] for key, row in rows.items() if row["total"]} == {
            line: getattr(own, name)[line] for line in own.total if line
        }
        assert {key: row[f"{name}_with_calls"] for key, row in rows.items() if row["total_with_calls"]} == {
            line: getattr(whole, name)[line] for line in whole.total
        }
    kept = [stack["kept"] for stack in report["stacks"]]
    assert kept == sorted(kept, reverse=True)


# ---- numbers --------------------------------------------------------------------------------------------------


def test_numbers(files):
    made = leaking()
    report = files.json(made)
    check(report, made.lines)
    assert (report["complete"], report["incomplete"]) == (True, [])
    assert report["recording"]["ended"] == "duration" and report["recording"]["duration"] == 60
    assert report["target"]["command"] == ["python3", "-m", "app server"] and report["python"] == {"version": "3.11.7"}
    assert [row["events"] for row in report["sources"]] == [126, 240, 7, 61]
    assert report["lines"][0]["function"] == "Cache.put" and report["lines"][0]["kept"] == 120 * MIB
    assert {row["name"]: row["total"] for row in report["growth"]["threads"]} == {
        "MainThread": 150 * MIB,
        "loader": 72 * MIB,
    }
    counters = {row["counter"]: row for row in report["growth"]["counters"]}
    assert counters["mmapped"] == {"counter": "mmapped", "kept": 0, "peak": 24 * MIB, "total": 72 * MIB, "events": 3}
    assert len(report["timeline"]) == 61 and report["growth"]["rss_change"] == 150 * MIB
    assert report["timeline"][-1] == {
        "time": 60.0, "rss": 210 * MIB, "heap": 190 * MIB, "live": 30 * MIB + 135 * MIB, "objects": 540_000,
        "collections": [{"generation": i, "collections": n} for i, n in enumerate([130, 13, 2])],
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("watched", [True, False])
def test_what_goes_is_taken_from_whose_it_was(files, seed, watched):
    """Any order of growing and shrinking: more than there was, of nobody, out of order."""
    chance = random.Random(seed)
    frames = [(f"f{i}", f"/a/{i % 3}.py", i + 1) for i in range(5)] + [MALLOC]
    stacks = [tuple(chance.choices(frames, k=chance.randrange(1, 6))) for _ in range(8)]
    made = Recording()
    made.lines[0]["sources"][0]["available"] = watched
    for _ in range(120):
        size = chance.choice([1, 2, 3, 4096, MIB]) * chance.choice([1, 1, 1, -1, -1])
        time, stack = chance.randrange(50), chance.choice(stacks)
        of = {"of": chance.choice(stacks)} if size < 0 and chance.random() < 0.8 else {}
        if watched:
            made.growth(time, stack, size, chance.choice(["arenas", "heap", "mmapped", "mmap", "other"]), **of)
        else:
            made.sample(time, stack, rss=size)
    made.end(50)
    check(files.json(made), made.lines)


def test_the_recording_says_whose_it_was(files):
    """What no stack of the recording is named for was there before; others do not pay for it."""
    one, other = (PUT, MAIN), (("load", "/srv/app/loader.py", 5), MAIN)
    made = Recording()
    made.growth(1, one, 5 * MIB)
    made.growth(2, other, 3 * MIB)
    made.growth(3, one, -2 * MIB, of=one)
    made.growth(4, one, -1 * MIB)
    made.growth(5, other, -4 * MIB, of=other)
    made.end(6)
    report = files.json(made)
    kept = {stack["frames"][0]["function"]: stack["kept"] for stack in report["stacks"]}
    assert kept == {"Cache.put": 3 * MIB, "load": 0}
    assert report["growth"]["freed_before"] == 2 * MIB


def test_equal_frames_and_stacks_are_one(files):
    made = Recording()
    for time in range(3):
        made.frames.clear(), made.stacks.clear()
        base = sum(line["type"] == "frame" for line in made.lines), sum(line["type"] == "stack" for line in made.lines)
        made.lines += [
            {"type": "frame", "id": base[0], "function": "f", "file": "/a.py", "line": 1},
            {"type": "stack", "id": base[1], "frames": [base[0]]},
            {"type": "growth", "time": time, "counter": "heap", "bytes": 100, "tid": 1, "stack": base[1]},
        ]
    made.end(3)
    report = files.json(made)
    assert [(stack["kept"], stack["events"]) for stack in report["stacks"]] == [(300, 3)]
    assert [(line["kept"], line["events"]) for line in report["lines"]] == [(300, 3)]


def test_c_code_is_charged_to_the_line_that_called_it(files):
    made = Recording()
    made.growth(1, (MALLOC, PUT, MALLOC, MAIN), 100, "heap")
    made.growth(1, (MALLOC,), 10, "heap")
    made.lines.append({"type": "frame", "id": len(made.frames), "native": True, "module": "/lib/stripped.so"})
    made.growth(1, (), 1, "heap")
    made.end(2)
    report = files.json(made)
    assert {line["function"]: (line["kept"], line["kept_with_calls"]) for line in report["lines"]} == {
        "Cache.put": (100, 100),
        "main": (0, 100),
        "malloc": (10, 110),
    }
    assert report["growth"]["kept"] == 111 and "rss_change" not in report["growth"]
    assert "no code was seen" in files.table(made, "--limit", 0)


def test_stacks_with_c_code(files):
    """What no symbol names is where it is in its file; of a long stack all that is Python's is shown; a cut one says so."""
    made = Recording()
    unnamed = len(made.frames)
    made.lines.append({"type": "frame", "id": unnamed, "native": True, "module": "/lib/stripped.so", "offset": 0x1234})
    made.frames[("stripped", unnamed)] = unnamed
    python = [(f"call_{number}", "/srv/app/deep.py", number + 1) for number in range(6)]
    native = [(f"c_{number}", None, None, "/lib/app.so") for number in range(24)]
    mixed = [frame for number, frame in enumerate(python) for frame in (*native[4 * number : 4 * number + 4], frame)]
    ids = [unnamed, *map(made.frame, mixed)]
    for number, more in enumerate([{}, {"cut": True}]):
        made.lines.append({"type": "stack", "id": number, "frames": ids, **more})
        made.lines.append({"type": "growth", "time": 1, "counter": "heap", "bytes": 100 - number, "tid": 1, "stack": number})
    made.end(2)
    stacks = files.json(made)["stacks"]
    assert [(stack["kept"], stack["cut"]) for stack in stacks] == [(100, False), (99, True)]
    assert stacks[0]["frames"][0] == {"function": "stripped.so+0x1234", "native": True, "module": "/lib/stripped.so"}
    assert [frame["function"] for frame in stacks[1]["frames"][1:]] == [frame[0] for frame in mixed]
    text = files.table(made)
    assert text.count("cut: older frames of C are missing") == 1
    shown = [line.split()[0] for line in text.partition("FUNCTION")[2].partition("stack ")[0].splitlines() if line.strip()]
    assert [name for name in shown if name.startswith("call_")] == [f"call_{number}" for number in range(6)]
    assert "stripped.so+0x1234" in shown and "c_23" not in shown and shown.count("(4") == 4


def several() -> Recording:
    """Three processes, the last of which has the PID of one that ended."""
    made = Recording()
    target, python = made.lines[0]["target"], made.lines[0]["python"]
    sources = made.lines[0]["sources"]

    def begin(time: float, pid: int, name: str) -> None:
        made.lines.append(
            {"type": "process", "time": time, "pid": pid, "parent": 4711, "sources": sources,
             "target": {**target, "pid": pid, "command": ["python3", name]}, "python": python}
        )  # fmt: skip

    made.timeline(0, rss=100, heap=10)
    made.census(0, {"dict": (1, 100)})
    made.growth(1, (PUT, MAIN), 1000, "heap")
    begin(2, 4712, "one.py")
    made.timeline(2, rss=30, pid=4712)
    made.growth(3, (PUT, MAIN), 200, "heap", pid=4712)
    made.growth(3, (MAIN,), 70, "heap", pid=4712)
    made.growth(4, (MAIN,), -50, "heap", of=(MAIN,), pid=4712)
    made.lines.append({"type": "census", "time": 4, "pid": 4712, "objects": 5, "bytes": 50, "types": []})
    made.timeline(4, rss=50, pid=4712)
    made.lines.append({"type": "event", "time": 4, "event": "skipped", "pid": 4713, "command": "sh", "why": "no Python"})
    made.lines.append({"type": "process_end", "time": 5, "pid": 4712, "reason": "target exited", "lost": 0})
    made.timeline(5.5, rss=110, heap=20)
    begin(6, 4712, "two.py")
    made.growth(7, (PUT, MAIN), 3, "heap", pid=4712)
    made.census(8, {"dict": (2, 200)})
    made.end(9)
    return made


def test_several_processes(files):
    """A table of them first; the rest is of all together."""
    report = files.json(several())
    rows = [(row["pid"], row["command"][-1], row["kept"], row["total"]) for row in report["processes"]]
    assert rows == [(4711, "app server", 1000, 1000), (4712, "one.py", 220, 270), (4712, "two.py", 3, 3)]
    assert [(row.get("begun"), row.get("ended")) for row in report["processes"]] == [(None, None), (2, 5), (6, None)]
    assert report["skipped"] == [{"pid": 4713, "command": "sh", "why": "no Python"}]
    assert (report["growth"]["kept"], report["growth"]["total"]) == (1223, 1273)
    assert [(point["time"], point["rss"], point["heap"]) for point in report["timeline"]] == [
        (0, 100, 10), (2, 130, 10), (4, 150, 10), (5.5, 110, 20)
    ]  # fmt: skip
    assert [(row["from"], row["to"]) for row in report["intervals"]] == [(0, 8)]
    text = files.table(several())
    assert text.index("one.py") < text.index("\ngrowth ") and "no Python" in text


def test_one_of_several_processes(files):
    report = files.json(several(), "--process", "4712")
    assert (report["target"]["pid"], report["target"]["command"]) == (4712, ["python3", "one.py"])
    assert "processes" not in report
    assert {line["function"]: line["kept"] for line in report["lines"]} == {"Cache.put": 203, "main": 20}
    assert [point["rss"] for point in report["timeline"]] == [30, 50]
    report = files.json(several(), "--process", "4711")
    assert report["growth"]["kept"] == 1000 and len(report["intervals"]) == 1


def test_a_process_that_is_not_in_it(files):
    done = files.run(files.write(several()), "--process", "99")
    assert done.returncode == 3 and "process 99 is not in the recording" in done.stderr
    made = Recording()
    made.growth(1, (MAIN,), 1, "heap", pid=99)
    assert "process 99 has not begun" in files.why(made)
    done = files.run(files.write(several()), "--process", "4712", "--format", "ndjson")
    assert done.returncode == 2


def test_without_growth_events_samples_tell(files):
    made = Recording(
        sources=[{"source": "growth", "available": False, "why": "perf_event_paranoid is 3"}]
        + [{"source": name, "available": True} for name in ("samples", "census", "timeline")]
    )
    for time, change in enumerate([MIB, 2 * MIB, -MIB]):
        made.sample(time, (PUT, MAIN), rss=change, thread="MainThread")
    made.end(3)
    report = files.json(made)
    assert report["growth"]["basis"] == "samples"
    assert [report["lines"][0][name] for name in ("function", "kept", "peak", "total")] == [
        "Cache.put", 2 * MIB, 3 * MIB, 3 * MIB,
    ]  # fmt: skip
    assert report["sources"][0] == {
        "source": "growth", "available": False, "events": 0, "why": "perf_event_paranoid is 3",
    }  # fmt: skip
    shown = files.table(made)
    assert "\nmissing    growth perf_event_paranoid is 3\n" in shown
    assert "by RSS between samples" in shown


def test_churn(files):
    """Flat out, and nothing kept: no growth, but first where it is told what was made."""
    made = leaking()
    report = files.json(made)
    assert report["churn"] == {"objects_made": 79_200, "bytes_made": 240 * MIB, "samples": 240}
    lines = {(line["function"], line["line"]): line for line in report["lines"]}
    render = lines["render", 8]
    assert (render["kept"], render["total"], render["objects_made"], render["samples"]) == (0, 0, 72_000, 180)
    assert lines["Cache.put", 17]["objects_made"] == 7_200
    shown = files.table(made)
    assert shown[shown.index("\nchurn ") :].splitlines()[4].split()[5:] == ["app/pages.py:8", "in", "render"]


def test_types_grow_with_lines(files):
    """Two lines that grow at different times, and two types that do, too."""
    spam, eggs = (("spam", "/a.py", 1), MAIN), (("eggs", "/a.py", 2), MAIN)
    made = Recording()
    made.census(0, {"dict": (10, 1000), "Egg": (0, 0), "gone": (7, 70)})
    made.growth(1, spam, 300)
    made.census(10, {"dict": (20, 2000), "Egg": (0, 0), "gone": (7, 70)})
    made.growth(11, eggs, 300)
    made.growth(12, spam, 100)
    made.census(20, {"dict": (20, 2000), "Egg": (5, 400)})
    made.end(21)
    report = files.json(made)
    types = {row.pop("type"): row for row in report["types"]}
    assert list(types) == ["dict", "Egg", "gone"]
    shares = {
        name: {line["function"]: round(line["share"], 6) for line in row.pop("lines")} for name, row in types.items()
    }
    assert shares == {"dict": {"spam": 1}, "Egg": {"eggs": 0.75, "spam": 0.25}, "gone": {}}
    assert types["gone"] == {
        "bytes_change": -70, "bytes_before": 70, "bytes_after": 0,
        "objects_change": -7, "objects_before": 7, "objects_after": 0,
    }  # fmt: skip
    first, second = report["intervals"]
    assert (first["from"], first["to"], first["grown"], first["bytes_change"]) == (0, 10, 300, 1000)
    assert [row["type"] for row in first["types"]] == ["dict"]
    assert [(stack["kept"], stack["frames"][0]["function"]) for stack in second["stacks"]] == [
        (300, "eggs"), (100, "spam"),
    ]  # fmt: skip


def test_short_places(files):
    made = Recording()
    places = {
        "/srv/app/a.py": "app/a.py", "/v/lib/python3.11/site-packages/django/db/base.py": "django/db/base.py",
        "/usr/lib/python3.99/json/decoder.py": "json/decoder.py", "<string>": "<string>", "/x.py": "/x.py",
        "/usr/lib/python3/dist-packages/apt/cache.py": "apt/cache.py", "b.py": "b.py",
    }  # fmt: skip
    for number, path in enumerate(places):
        made.growth(1, (("f", path, 7),), 100 - number)
    made.end(2)
    shown = files.table(made, "--limit", 0)
    for path, short in places.items():
        assert re.search(rf" f +{re.escape(short)}:7[ \n]", shown), path


# ---- what is asked for ---------------------------------------------------------------------------------------------


def test_sorted_limited_filtered(files):
    made = leaking()
    by_total = files.json(made, "--sort", "total")
    totals = [stack["total"] for stack in by_total["stacks"]]
    assert totals == sorted(totals, reverse=True) and by_total["stacks"][1]["kept"] == 0
    one = files.json(made, "--limit", 1)
    assert len(one["stacks"]) == len(one["lines"]) == len(one["types"]) == 1
    assert one["omitted"] == {"stacks": 3, "kept": 30 * MIB, "total": 102 * MIB, "lines": 7}
    for pattern in ("Loader.*", "*/loader.py"):
        some = files.json(made, "--filter", pattern)
        assert [stack["total"] for stack in some["stacks"]] == [72 * MIB]
        assert [line["function"] for line in some["lines"]] == ["Loader.load"]
        assert some["omitted"]["total"] == 150 * MIB
    assert files.json(made, "--filter", "nothing")["stacks"] == []


def test_csv(files):
    made = leaking()
    rows = list(csv.DictReader(io.StringIO(files.table(made, "--format", "csv"))))
    for row, line in zip(rows, files.json(made)["lines"]):
        assert {name: row[name] for name in row if row[name]} == {name: str(value) for name, value in line.items()}


def test_ndjson_is_the_recording(files):
    made = leaking()
    made.lines.insert(-1, {"type": "event", "time": 1, "event": "café", "more": [1.5, None]})
    made.lines.insert(-1, {"type": "something new", "x": {}})
    copied = files.table(made, "--format", "ndjson")
    assert copied.isascii() and [json.loads(line) for line in copied.splitlines()] == made.lines
    assert files.json(copied) == files.json(made)


def test_source_lines(files):
    path = CHECKOUT / "tests" / "demo" / "app" / "cache.py"
    lines = path.read_text().splitlines()
    number = next(i for i, line in enumerate(lines, 1) if "= Entry(key, body)" in line)
    made = Recording(started_at="2099-01-01T00:00:00.000Z")
    made.growth(1, (("Cache.put", str(path), number), ("other", str(path), 10_000), ("x", str(path), 0)), 100)
    made.end(2)
    first, *others = files.json(made)["lines"]
    assert first["source"] == lines[number - 1].strip()
    assert not any("source" in line for line in others)
    shown = files.table(made)
    assert re.search(rf" app/cache.py:{number} +{re.escape(lines[number - 1].strip())}\n", shown)
    assert str(path) not in shown and f" {path}:{number} " in files.table(made, "--verbose")
    os.utime(files.directory, (0, 0))
    (files.directory / "new.py").write_text("first\n\x1b[31msecond é\t \n")
    made = Recording()
    made.growth(1, (("f", str(files.directory / "new.py"), 2),), 100)
    made.end(2)
    done = files.run(files.write(made), "--json")
    assert json.loads(done.stdout)["lines"][0]["source"] == "\\x1b[31msecond é"
    assert done.stderr == "heapspy: source files changed after the recording: the lines shown may be others\n"


def test_only_source_is_read(files):
    """A recording may name any file: what is no source is not shown, and nothing is waited for."""
    (files.directory / "secret").write_text("password\n")
    (files.directory / "script").write_text("#!/usr/bin/env python3\nimport app\n")
    os.mkfifo(files.directory / "pipe.py")
    made = Recording(started_at="2099-01-01T00:00:00.000Z")
    for name in ("secret", "pipe.py", "missing.py", "/dev/zero", "/"):
        made.growth(1, ((name, name, 1),), 100)
    made.growth(1, (("script", "script", 2),), 100)
    made.end(2)
    assert {line["function"]: line.get("source") for line in files.json(made)["lines"] if "source" in line} == {
        "script": "import app"
    }


def test_plot(files, real):
    made = leaking()
    shown = files.table(made)
    assert shown.count("█") > 50 and max(map(len, shown[: shown.index("\nlines")].splitlines())) <= 100
    plain = files.table(made, "--ascii")
    assert plain.isascii() and "#" in plain
    name = files.write(made)
    for columns in (50, 80, 133):
        screen = real.on_terminal("report", files.directory / name, columns=columns)
        plot = screen[screen.index("\x1b[1mrss") :].splitlines()[:14]
        widths = [len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in plot]
        assert max(widths) <= columns and max(widths) > columns - 16
    assert "\x1b[" not in real.on_terminal("report", files.directory / name, env={"NO_COLOR": "1"})
    assert "\x1b[36m" in files.run(name, "--color", "always").stdout


# ---- recordings that are not whole, or damaged ------------------------------------------------------------------------


def test_cut_off_anywhere(files):
    """Killed while it wrote: read to its last whole line."""
    made = leaking()
    text = made.text().encode()
    chance = random.Random(1)
    first = text.index(b"\n") + 1
    for cut in [first, len(text) - 2, text.rindex(b"\n", 0, -1) + 1, *chance.sample(range(first, len(text) - 1), 10)]:
        piece = text[:cut]
        whole = [json.loads(line) for line in piece[: piece.rfind(b"\n") + 1].splitlines()]
        done = files.run(files.write(piece), "--json")
        assert done.returncode == 7
        report = files.real.heapspy.parse(done.stdout)
        assert report["recording"]["ended"] == "cut off"
        assert report["incomplete"] == ["the recording was cut off, and is read as far as it goes"]
        check(report, whole)
    done = files.run(files.write(text[:-1], "bare.ndjson"), "--json")
    assert done.returncode == 0, "the newline alone is no loss"
    done = files.run(files.write(text[:cut]))
    assert done.returncode == 7 and "\nincomplete the recording was cut off" in done.stdout
    assert done.stderr.startswith("heapspy: the recording made.ndjson is not complete\n  why: ")


def test_lost_events_and_errors(files):
    made = leaking()
    made.lines[-1] |= {"lost": 12, "reason": "interrupted", "error": "the disk is full"}
    report = files.json(made, status=7)
    assert report["incomplete"] == ["the disk is full", "12 growth events were lost by the kernel"]


def replace(number: int, **changes):
    lines = [dict(line) for line in SMALL.lines]
    for name, value in changes.items():
        if value is ...:
            del lines[number][name]
        else:
            lines[number][name] = value
    return "".join(json.dumps(line) + "\n" for line in lines)


SMALL = Recording()
SMALL.growth(1, (PUT, MAIN), 100)  # lines 1 to 4
SMALL.census(2, {"dict": (1, 64)})
SMALL.sample(3, (PUT,), rss=1)
SMALL.timeline(4, rss=1, collections=[1, 2, 3])
SMALL.end(5)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("hello\n", "line 1: it does not begin a recording of heapspy record: "),
        ("[]\n", "line 1: it is no object"),
        ("{}\n", "line 1: it does not begin a recording of heapspy record"),
        ('{"schema": "heapspy.dump/1"}\n', "line 1: it is heapspy.dump/1, no recording: heapspy record writes"),
        ('{"type": "recording", "schema": "heapspy.record/2"}', "line 1: it is heapspy.record/2, written by another"),
        (replace(0, started_at="yesterday"), "line 1: 'started_at' is no time in UTC"),
        (replace(0, target=[]), "line 1: 'target' is no object"),
        (replace(1, id=7), "line 2: frame 7, where 0 would be next"),
        (replace(1, id=-1), "line 2: 'id' cannot be -1"),
        (replace(1, function=...), "line 2: it has no 'function'"),
        (replace(1, function=3), "line 2: 'function' is no text"),
        (replace(3, frames=[0, 2]), "line 4: a stack of a frame that has not been defined"),
        (replace(3, frames=[0, "1"]), "line 4: a stack of a frame that has not been defined"),
        (replace(3, frames=...), "line 4: it has no 'frames'"),
        (replace(4, stack=1), "line 5: stack 1 has not been defined"),
        (replace(4, of=1), "line 5: stack 1 has not been defined"),
        (replace(4, bytes=1 << 61), "line 5: 'bytes' cannot be 2305843009213693952"),
        (replace(4, bytes=1.5), "line 5: 'bytes' is no whole number"),
        (replace(4, bytes=...), "line 5: it has no 'bytes'"),
        (replace(4, time=-1), "line 5: 'time' is no time"),
        (replace(4, time="now"), "line 5: 'time' is no time"),
        (replace(4, counter=...), "line 5: it has no 'counter'"),
        (replace(4, type=...), "line 5: it has no 'type'"),
        (replace(4, type="recording"), "line 5: a second recording begins"),
        (replace(4, type="end", reason="x"), "line 6: there is something behind the end"),
        (replace(5, types=[{"type": "x", "objects": -1, "bytes": 1}]), "line 6: 'objects' cannot be -1"),
        (replace(5, types=[3]), "line 6: it has no 'type'"),
        (replace(8, rss=-1), "line 9: 'rss' cannot be -1"),
        (replace(8, collections=["x"]), "line 9: 'collections' are no numbers"),
        (replace(7, gil=1), "line 8: 'gil' is neither true nor false"),
        (SMALL.text().replace('"type": "census"', '"type": "census'), "line 6: column "),
        (SMALL.text().replace('{"type": "census"', "\n"), "line 6: column "),
        (SMALL.text().replace('"time": 1', '"time": 1e999'), "line 5: column "),
        (SMALL.text().replace('"time": 1', '"bytes": 1, "time": 1'), "line 5: column "),
        (SMALL.text().replace("[0, 1]", "[" * 5000 + "]" * 5000), "line 4: column "),
        (SMALL.text().replace('"Cache.put"', '"a\\u0000b"'), "line 2: column "),
        (SMALL.text().encode().replace(b"Cache.put", b"a\xff\x1b[31mb"), "line 2: column "),
        (SMALL.text().replace("\n", "\0\n", 1), "line 1: "),
    ],
)
def test_refused(files, text, why):
    assert files.why(text).startswith(why)


def test_more_than_there_can_be(files):
    """Sums of what is allowed one by one do not overflow either."""
    made = Recording()
    for time in range(4):
        made.growth(time, (PUT,), 1 << 60 if time % 2 else -(1 << 60))
    made.end(5)
    assert files.why(made) == "line 5: 'bytes' adds up to more than there can be"


def test_no_file(files):
    for name in ("missing", ".", "a\x1bb"):
        message = files.real.fails(9, "report", name, cwd=files.directory)
        assert message.startswith("heapspy: cannot read the recording ") and message.replace("\n", "").isprintable()
    assert "report needs a FILE" in files.real.fails(2, "report")
    assert "unexpected argument 'b'" in files.real.fails(2, "report", "a", "b")
    files.write(SMALL)
    long = b'{"type":"event","x":"' + b"x" * (33 << 20) + b'"}\n'
    assert files.why(SMALL.text().encode() + long) == f"line {len(SMALL.lines) + 1}: it has more than 32 MiB"


def test_damaged_bytes_are_survived(files):
    """Any byte may be anything: it is refused, or it is a recording; nothing crashes."""
    chance = random.Random(2)
    small = SMALL.text().encode()
    for _ in range(60):
        damaged = bytearray(small)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        done = files.run(files.write(bytes(damaged)))
        assert done.returncode in (0, 7, 9), done.stderr
        assert (done.stdout == "") == (done.returncode == 9)


def test_names_cannot_steer_the_terminal(files):
    made = Recording()
    evil = "f\x1b]0;x\x07\u202e\u0085"
    made.growth(1, ((evil, evil + ".py", 3),), 100, thread=evil)
    made.census(1, {evil: (1, 1)})
    made.census(2, {evil: (2, 2)})
    made.end(3, reason=evil, error=evil)
    for form in ("table", "json", "csv", "ndjson"):
        done = files.run(files.write(made), "--format", form)
        assert done.returncode == 7 and all(line.isprintable() for line in done.stdout.splitlines())


def test_growing_recording_of_a_pipe(files):
    done = files.run("/dev/stdin", "--json", stdin=open(files.directory / files.write(leaking())))
    assert json.loads(done.stdout)["growth"]["kept"] == 150 * MIB


def test_locked_in(files, real):
    """What it does with a recording that means no good stays inside, whatever it is: it can neither write to a file
    nor look at a process. --no-sandbox is for kernels that cannot."""
    many = Recording()
    for number in range(3000):
        many.growth(1, ((f"function_{number}", "/srv/app/cache.py", number),), MIB)
    many.end(2)
    name = files.write(many)
    command = ["report", name, "--json", "--limit", 0]
    for option, locked in (([], True), (["--no-sandbox", "--quiet"], False)):
        with real.start(*command, *option, cwd=files.directory) as process:
            # There is more than fits into the pipe, so it waits; by now it has read the recording.
            process.stdout.read(1)
            text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
            process.communicate()
        assert (status["Seccomp"], status["NoNewPrivs"]) == (("2", "1") if locked else ("0", "0"))
        # CAP_DAC_READ_SEARCH and CAP_FOWNER: to read files.
        assert not locked or int(status["CapPrm"], 16) & ~(1 << 2 | 1 << 3) == 0


def test_output_is_opened_first(files, real):
    """Also where the recording is no good: nothing is left of it."""
    name = files.write("nonsense\n")
    for form in ("table", "json", "ndjson", "csv", "folded", "svg", "pprof", "speedscope"):
        assert "cannot read the recording" in real.fails(9, "report", name, "--format", form, "-o", "out", cwd=files.directory)
        assert os.listdir(files.directory) == [name]
        (files.directory / "out").write_text("precious")
        assert "why: it exists" in real.fails(8, "report", name, "--format", form, "-o", "out", cwd=files.directory)
        (files.directory / "out").unlink()
