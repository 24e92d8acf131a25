# SPDX-License-Identifier: MIT
"""What diff makes of two dumps: JSON files as they should be and as they should not, and made-up processes."""

from __future__ import annotations

import contextlib
import copy
import csv
import fcntl
import io
import json
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import termios

import pytest

from conftest import CHECKOUT, ENVIRONMENT, wait_for

TABLE = """\
before     2023-11-14 22:13:20.123   dump   before.json   pid 1   python3 -m 'app server'   python 3.11.7
after      2023-11-14 22:14:20.123   dump   after.json   pid 1   python3 -m 'app server'   python 3.11.7   later by 1m 00s

  MEMORY              CHANGE  BEFORE   AFTER
  rss                +400.0K  118.4M  118.8M
  pss                     0B  117.0M  117.0M
"""

HEAP = """\
heap       change +1.9M   before 52.5M   after 54.4M   objects +20,000   from 602,234   to 622,234   growth 3.7%   \
types 5   changed 3

  CHANGE  BEFORE  AFTER  OBJECTS     FROM       TO  TYPE
   +1.9M   46.7M  48.7M  +20,000  510,233  530,233  app.cache.Entry
   +100B      0B   100B       +1        0        1  new
  -1016B   1016B     0B       -1        1        0  app.cache.Cache

not shown  types 2   change 0B   before 5.8M   after 5.8M   objects 0   from 92,000   to 92,000
"""


class Files:
    """Dumps as JSON in a directory of their own, which the program runs in."""

    def __init__(self, fake, directory: pathlib.Path) -> None:
        self.fake = fake
        self.directory = directory
        self.plain = json.loads("\n".join(fake.lines("dump", 1, "--json")))

    def write(self, name: str, document: object) -> str:
        text = document if isinstance(document, (str, bytes)) else json.dumps(document)
        (self.directory / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    def run(self, *arguments):
        return self.fake.run("diff", *arguments, cwd=self.directory)

    def json(self, *arguments, status: int = 0) -> dict:
        return self.fake.heapspy.json("diff", *arguments, status=status, cwd=self.directory)

    def refused(self, document: object) -> str:
        """Why a file is no dump, on either side."""
        self.write("bad.json", document)
        whys = set()
        for operands in [("bad.json", "before.json"), ("before.json", "bad.json"), ("bad.json", "1")]:
            message = self.fake.fails(9, "diff", *operands, cwd=self.directory)
            what, why = message.splitlines()
            assert what == "heapspy: cannot read the dump bad.json" and why.startswith("  why: ")
            assert why.isprintable()
            whys.add(why.removeprefix("  why: "))
        assert len(whys) == 1
        return whys.pop()


@pytest.fixture
def files(fake, tmp_path) -> Files:
    made = Files(fake, tmp_path)
    made.write("before.json", made.plain)
    return made


@pytest.fixture
def grown(files) -> dict:
    """The plain dump, a minute later."""
    dump = copy.deepcopy(files.plain)
    dump["captured_at"] = "2023-11-14T22:14:20.123Z"
    dump["memory"]["rss"] += 400 << 10
    types = {row["type"]: row for row in dump["heap"]["types"]}
    types["app.cache.Entry"]["objects"] += 20000
    types["app.cache.Entry"]["bytes"] += 2040916
    dump["heap"]["types"].remove(types["app.cache.Cache"])
    dump["heap"]["types"].append({"type": "new", "address": "0x1", "objects": 1, "bytes": 100})
    dump["heap"]["objects"] += 20000
    dump["heap"]["bytes"] += 2040916 + 100 - 1016
    files.write("after.json", dump)
    return dump


def test_table(files, grown):
    done = files.run("before.json", "after.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(TABLE)
    assert done.stdout[done.stdout.index("heap  "):] == HEAP


def test_json(files, grown):
    diff = files.json("before.json", "after.json")
    assert (diff["complete"], diff["incomplete"], diff["elapsed"]) == (True, [], 60.0)
    assert diff["before"] == {
        "captured_at": "2023-11-14T22:13:20.123Z",
        "source": "dump",
        "path": "before.json",
        "pid": 1,
        "command": ["python3", "-m", "app server"],
        "python": "3.11.7",
    }
    rss = files.plain["memory"]["rss"]
    assert diff["memory"][0] == {"kind": "rss", "change": 409600, "before": rss, "after": rss + 409600}
    heap = diff["heap"]
    assert heap["types"][0] == {
        "type": "app.cache.Entry",
        "bytes_change": 2040916,
        "bytes_before": 48982368,
        "bytes_after": 51023284,
        "objects_change": 20000,
        "objects_before": 510233,
        "objects_after": 530233,
    }
    assert [row["type"] for row in heap["types"]] == ["app.cache.Entry", "new", "dict", "str", "app.cache.Cache"]
    assert (heap["bytes_change"], heap["objects_change"], heap["types_changed"]) == (2040000, 20000, 3)
    assert heap["growth"] == pytest.approx(2040000 / 55023384)
    assert heap["omitted"]["types"] == 0


def test_table_and_json_say_the_same(files, grown):
    for sort in ["bytes", "objects", "type"]:
        shown = files.run("before.json", "after.json", "--sort", sort, "--limit", "0").stdout.splitlines()[-5:]
        assert [row.split()[-1] for row in shown] == [
            row["type"] for row in files.json("before.json", "after.json", "--sort", sort)["heap"]["types"]
        ]


def test_sorted_limited_filtered(files, grown):
    def names(*options):
        heap = files.json("before.json", "after.json", *options)["heap"]
        for number in ("bytes_change", "objects_change", "bytes_before", "objects_after"):
            assert heap["omitted"][number] + sum(row[number] for row in heap["types"]) == heap[number]
        assert heap["omitted"]["types"] == 5 - len(heap["types"])
        return [row["type"] for row in heap["types"]]

    assert names("--sort", "type") == ["app.cache.Cache", "app.cache.Entry", "dict", "new", "str"]
    assert names("--sort", "objects") == ["app.cache.Entry", "new", "dict", "str", "app.cache.Cache"]
    assert names("--limit", "2") == ["app.cache.Entry", "new"]
    assert names("--filter", "app.*") == ["app.cache.Entry", "app.cache.Cache"]
    assert names("--filter", "app.*", "--limit", "1") == ["app.cache.Entry"]
    assert names("--filter", "nothing") == []


def test_csv(files, grown):
    rows = list(csv.DictReader(io.StringIO(files.run("before.json", "after.json", "--format", "csv").stdout)))
    types = files.json("before.json", "after.json")["heap"]["types"]
    assert rows == [{name: str(value) for name, value in row.items()} for row in types]


def test_same_file(files):
    diff = files.json("before.json", "before.json")
    assert diff["elapsed"] == 0 and diff["complete"]
    assert len(diff["heap"]["types"]) == 4
    for row in [diff["heap"], diff["heap"]["omitted"], *diff["heap"]["types"]]:
        assert row["bytes_change"] == row["objects_change"] == 0
    assert all(row["change"] == 0 for row in diff["memory"] + diff["allocator"])
    assert files.run("before.json", "before.json").stdout.endswith("to 602,234\n")


def test_process_and_file(files):
    """On either side, and what was written is what is read now."""
    for operands, sources in [
        (("before.json", "1"), ("dump", "process")),
        (("1", "before.json"), ("process", "dump")),
        (("1", "1"), ("process", "process")),
        (("-p", "1", "before.json"), ("process", "dump")),
    ]:
        diff = files.json(*operands)
        assert (diff["before"]["source"], diff["after"]["source"]) == sources
        assert diff["heap"]["types_changed"] == 0 and diff["heap"]["bytes_change"] == 0
    assert "heapspy: the first was taken after the second" not in files.run("1", "1").stderr


@pytest.mark.parametrize("form", ["json", "ndjson", "json --ascii"])
def test_every_form_of_dump_is_read(files, form):
    for pid in (1, 7):
        written = files.fake.run("dump", pid, "--format", *form.split()).stdout
        diff = files.json(files.write("written.json", written), pid)
        assert diff["heap"]["types_changed"] == 0 and diff["complete"], pid


def test_core(files):
    files.write("heap.core", b"\177ELF")
    diff = files.json("before.json", "heap.core")
    assert (diff["after"]["source"], diff["after"]["path"]) == ("snapshot", "heap.core")
    files.write("damaged", b"\177ELF")
    assert "cannot read damaged" in files.fake.fails(9, "diff", "before.json", "damaged", cwd=files.directory)


def test_pipe(files):
    script = f"'{files.fake.path}' diff <('{files.fake.path}' dump 1 --json) before.json --json"
    done = subprocess.run(["bash", "-c", script], cwd=files.directory, capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout)["heap"]["bytes_change"] == 0


def test_type_objects_of_one_name(files, grown):
    twice = copy.deepcopy(grown)
    twice["heap"]["types"][0]["bytes"] -= 1000
    twice["heap"]["types"][0]["objects"] -= 10
    twice["heap"]["types"].append({**twice["heap"]["types"][0], "bytes": 1000, "objects": 10, "address": "0x2"})
    files.write("twice.json", twice)
    assert files.json("after.json", "twice.json")["heap"]["types_changed"] == 0


# --- growth --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "most, status",
    [("3%", 1), ("3.7%", 1), ("3.8%", 0), ("0", 1), ("0%", 1), ("1M", 1), ("2M", 0), ("2039999", 1), ("2040000", 0)]
    + [("1.9K", 1), ("1T", 0), ("1000%", 0)],
)
def test_fail_on_growth(files, grown, most, status):
    done = files.run("before.json", "after.json", "--fail-on-growth", most)
    assert done.returncode == status
    assert done.stdout.endswith(HEAP)
    assert done.stderr == (f"heapspy: the heap grew by 1.9M (3.7%), more than {most}\n" if status else "")


def test_fail_on_growth_of_what_shrank(files, grown):
    for most in ["0", "0%"]:
        assert files.run("after.json", "before.json", "--fail-on-growth", most).returncode == 0
        assert files.run("before.json", "before.json", "--fail-on-growth", most).returncode == 0


def test_fail_on_growth_is_of_the_whole_heap(files, grown):
    options = ["--fail-on-growth", "3%", "--filter", "dict", "--limit", "1"]
    assert files.run("before.json", "after.json", *options).returncode == 1


def test_fail_on_growth_from_nothing(files, grown):
    empty = {"schema": "heapspy.dump/1", "heap": {"objects": 0, "bytes": 0, "types": []}}
    done = files.run(files.write("empty.json", empty), "after.json", "--fail-on-growth", "5%")
    assert done.returncode == 1 and "(from nothing), more than 5%" in done.stderr


def test_growth_that_is_not_known(files):
    for dump in [{"types": []}, {"types": [], "objects": 1, "gc_bytes": 1}]:
        files.write("unknown.json", {"schema": "heapspy.dump/1", "heap": dump})
        done = files.run("before.json", "unknown.json", "--fail-on-growth", "5%")
        assert done.returncode == 7 and "it is not known by how much" in done.stderr


def test_growth_in_json(files, grown):
    done = files.run("before.json", "after.json", "--json", "--fail-on-growth", "1%")
    message, error = done.stderr.splitlines()
    parsed = files.fake.heapspy.parse(error)
    assert (parsed["code"], parsed["exit_status"], message) == ("finding", 1, "heapspy: " + parsed["what"])
    files.fake.heapspy.parse(done.stdout)


# --- what is not whole ---------------------------------------------------------------------------


def test_limited_dump(files, grown):
    """What it left out is not known, and its totals are those of all."""
    for options, side in [(["--limit", "1"], "before"), (["--filter", "dict"], "before")]:
        files.write("cut.json", files.fake.run("dump", 1, "--json", *options).stdout)
        diff = files.json("cut.json", "after.json", status=7)
        assert diff["incomplete"] == [f"{side}: types were left out of it by a limit or a filter"]
        assert diff["heap"]["bytes_change"] == 2040000
        new = next(row for row in diff["heap"]["types"] if row["type"] == "new")
        assert new == {"type": "new", "bytes_after": 100, "objects_after": 1}
        assert files.json("cut.json", "after.json", "--fail-on-growth", "1%", status=1)
    done = files.run("cut.json", "after.json")
    assert done.returncode == 7 and "missing    before: types were left out" in done.stdout
    assert re.search(r"^ +100B +1  new$", done.stdout, re.M)


def test_incomplete_process(files):
    done = files.run("before.json", "5")
    assert done.returncode == 7
    assert "  why: after: 512K are swapped out; after: a list is damaged\n" in done.stderr
    files.write("torn.json", files.fake.run("dump", 5, "--json").stdout)
    assert "before: 512K are swapped out" in files.run("torn.json", "1").stderr


def test_failure_of_either(files):
    for operands in [("4", "1"), ("1", "4"), ("4", "--after", "1ms")]:
        assert "cannot read process 4" in files.fake.fails(4, "diff", *operands, cwd=files.directory)


def test_output_file(files, grown):
    assert files.run("before.json", "after.json", "--json", "-o", "out.json", "--fail-on-growth", "1%").returncode == 1
    files.fake.heapspy.parse((files.directory / "out.json").read_text())
    files.fake.fails(9, "diff", "before.json", files.write("bad.json", "x"), "-o", "bad", cwd=files.directory)
    assert not (files.directory / "bad").exists()


# --- files that are no dumps ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, why",
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("hello", "it is neither JSON of heapspy dump nor a core file"),
        ("[1]", "it is neither"),
        (b"\x00\x01", "it is neither"),
        (b"\xff\xfe{", "it is neither"),
        ("{}", "it is JSON, but names no schema"),
        ('{"schema": 1}', "'schema' in it is no text"),
        ('{"schema": "heapspy.dump/2"}', "it is heapspy.dump/2, written by another heapspy"),
        ('{"schema": "heapspy.dump/10"}', "it is heapspy.dump/10, written by another"),
        ('{"schema": "heapspy.gc/1"}', "it is heapspy.gc/1, no dump"),
        ('{"schema": "\\u001b[31m\\u202e"}', r"it is \x1b[31m\u202e, no dump"),
        ('{"schema": "heapspy.dump/1"}', "it has no heap"),
        ('{"schema": "heapspy.dump/1", "heap": []}', "'heap' in it is no object"),
        ('{"schema": "heapspy.dump/1", "heap": {}}', "it has no list of types"),
        ('{"schema": "heapspy.dump/1", "heap": {"types": {}}}', "'types' in it is no array"),
        ('{"schema": "heapspy.dump/1", "heap": {"types": [1]}}', "row 1 of its types has no name"),
        ('{"schema": "heapspy.dump/1", "heap": {"types": [{"type": 1}]}}', "'type' in it is no text"),
        ('{"schema": "heapspy.dump/1"', "line 1, column 27"),
        ('{"schema": "heapspy.dump/1"} x', "line 1, column 30"),
        ('{"schema": "heapspy.dump/1",\n "a": 1, "a": 2}', "line 2"),
        ('{"schema": "heapspy.dump/1", "a": "\\u0000"}', "line 1"),
        ('{"schema": "heapspy.dump/1", "\\u0000": 1}', "line 1"),
        (b'{"schema": "heapspy.dump/1", "a": "\xff\x1b[31m"}', "line 1"),
        ('{"schema": "heapspy.dump/1", "a": "\\ud800"}', "line 1"),
        ('{"schema": "heapspy.dump/1", "a": ' + "[" * 100000, "line 1"),
        ('{"a": ' * 100000, "line 1"),
    ],
)
def test_not_a_dump(files, text, why):
    assert why in files.refused(text)


NUMBERS = "-1 NaN Infinity -Infinity 1e999 1.5 1e3 99999999999999999999 true null \"1\" []".split()


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("where", ["heap", "types", "memory", "account", "allocator", "malloc", "target"])
def test_no_number(files, number, where):
    fields = {"target": "pid", "malloc": "arenas", "allocator": "arenas", "memory": "rss", "account": "rss"}
    field = fields.get(where, "bytes")
    document = {"schema": "heapspy.dump/1", "heap": {"types": [{"type": "A", "objects": 1, "bytes": 1}]}, "memory": {}}
    row = {
        "heap": document["heap"],
        "types": document["heap"]["types"][0],
        "account": {"kind": "malloc"},
    }.get(where, {})
    row[field] = "HERE"
    if where == "account":
        document["memory"]["account"] = [row]
    elif where not in ("heap", "types"):
        document[where] = row
    why = files.refused(json.dumps(document).replace('"HERE"', number))
    assert f"'{field}' in it is no natural number" in why or why.startswith("line 1")


@pytest.mark.parametrize(
    "time", ["yesterday", "", "2023-11-14", "2023-11-14T22:13:20", "2023-11-14T22:13:20.1", "2023-11-14T22:13:20.x1Z"]
    + ["2023-13-14T22:13:20Z", "2023-11-14T22:13:20+01:00", "-2023-11-14T22:13:20Z"],
)  # fmt: skip
def test_no_time(files, time):
    assert "'captured_at' in it is no time" in files.refused({**files.plain, "captured_at": time})


def test_little_is_needed(files):
    """What is not there is not known, and what is not known is passed over."""
    row = {"type": "A", "objects": 1, "bytes": 5}
    least = {"schema": "heapspy.dump/1", "heap": {"objects": 1, "bytes": 5, "types": [row]}}
    files.write("least.json", {**least, "later": {"deep": [1e9]}, "target": {"pid": 1 << 40}})
    diff = files.json("least.json", "least.json")
    assert diff["before"] == {"source": "dump", "path": "least.json", "command": []}
    assert diff["memory"] == diff["allocator"] == [] and "elapsed" not in diff
    table = files.run("least.json", "before.json")
    assert table.returncode == 0 and "before     -   dump   least.json" in table.stdout


def test_truncated_anywhere(files):
    text = json.dumps(files.plain).encode()
    for length in range(0, len(text), 97):
        files.write("bad.json", text[:length])
        assert files.run("bad.json", "before.json").returncode == 9


def test_hostile_names(files):
    files.write("hostile.json", files.fake.run("dump", 3, "--json").stdout)
    name = "\x1b]0;x\x07\"\\\x9b\u202e\n"
    types = [{"type": name, "objects": 1, "bytes": 1}, {"type": "", "objects": 1, "bytes": 1}]
    files.write(
        "raw.json",
        {
            "schema": "heapspy.dump/1",
            "target": {"command": [name], "path": name},
            "python": {"version": name},
            "incomplete": [name],
            "heap": {"objects": 2, "bytes": 2, "types": types},
        },
    )
    for operands in [("hostile.json", "3"), ("hostile.json", "raw.json"), ("raw.json", "raw.json")]:
        for options in [[], ["--json"], ["--format", "csv"], ["--ascii"]]:
            output = files.run(*operands, *options)
            assert output.returncode in (0, 7)
            for text in (output.stdout, output.stderr):
                assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
                text.encode()


def test_absurd_numbers(files):
    """The largest that can be written: sums of them are not known, and nothing overflows."""
    most = (1 << 63) - 1
    row = {"type": "A", "objects": most, "bytes": most}
    huge = {
        "schema": "heapspy.dump/1",
        "memory": {"rss": most, "account": [{"kind": "malloc", "rss": most}]},
        "allocator": {"arenas": most, "arena_size": most, "bytes_in_use": most},
        "malloc": {"arenas": most, "bytes_free": most},
        "heap": {"objects": most, "bytes": most, "types": [row, {**row, "type": "B"}, row]},
    }
    files.write("huge.json", huge)
    for operands in [("huge.json", "before.json"), ("before.json", "huge.json"), ("huge.json", "huge.json")]:
        diff = files.json(*operands, status=7)
        sums = {row["type"]: row for row in diff["heap"]["types"]}
        assert "bytes_change" not in sums["A"]
        assert files.run(*operands).returncode == 7
    assert files.run("before.json", "huge.json", "--fail-on-growth", "1000%").returncode == 1
    assert files.run("huge.json", "before.json", "--fail-on-growth", "0").returncode == 7


def test_not_a_file(files):
    (files.directory / "directory").mkdir()
    whys = {"./missing": "No such file", "./directory": "Is a directory", "/dev/zero": "more than 32 MiB"}
    for path, why in whys.items():
        message = files.fake.fails(9, "diff", "before.json", path, cwd=files.directory)
        assert f"cannot read the dump {path}\n" in message and why in message
    assert "it is empty" in files.fake.fails(9, "diff", "before.json", "/dev/null", cwd=files.directory)


# --- once more -----------------------------------------------------------------------------------


def test_after(fake):
    diff = fake.heapspy.json("diff", 1, "--after", "1ms")
    assert diff["before"]["source"] == diff["after"]["source"] == "process"
    assert diff["heap"]["types_changed"] == 0


def is_waiting(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return any("signalfd" in os.readlink(link.path) for link in os.scandir(f"/proc/{pid}/fd"))
    return False


def test_after_ended_by_ctrl_c(fake):
    """The wait ends early, and the second look is taken."""
    process = fake.start("diff", 1, "--after", "1h", "--json")
    wait_for(lambda: is_waiting(process.pid))
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert fake.heapspy.parse(output)["heap"]["types_changed"] == 0


def test_after_ended_otherwise(fake, tmp_path):
    process = fake.start("diff", 1, "--after", "1h", "-o", tmp_path / "out")
    wait_for(lambda: is_waiting(process.pid))
    process.terminate()
    assert process.wait(20) == -signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_after_says_that_it_waits(fake):
    """On a terminal; ^C there ends the wait."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
    process = fake.start("diff", 1, "--after", "1h", stderr=slave, env=ENVIRONMENT)
    shown = b""
    while b", 1 s" not in shown:
        shown += os.read(master, 1000)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20)[0].count("heap ") == 1
    os.close(slave)
    with contextlib.suppress(OSError):
        while piece := os.read(master, 1000):
            shown += piece
    os.close(master)
    assert shown == b"\rheapspy: waiting 1h 00m to look at process 1 again (Ctrl-C: now), 1 s\r\x1b[K"


def test_schema_is_installed():
    text = (CHECKOUT / "src" / "output" / "meson.build").read_text()
    assert "'schema/diff-1.json'" in text
