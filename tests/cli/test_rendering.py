# SPDX-License-Identifier: MIT
"""What is printed: the tables to the letter, the JSON to its schema, and both saying the same."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from conftest import CHECKOUT

DUMP = """\
target     pid 1   python3 -m 'app server'   /usr/bin/python3.11   up 2h 03m
python     3.11.7   allocator pymalloc   layout cpython-3.11   from table
capture    2023-11-14 22:13:20.123   running   took 80 ms   read 118.4M   torn reads 0   coverage 100%
memory     rss 118.4M   pss 117.0M   uss 116.0M   swap 0B   peak 120.0M   virtual 2.0G   cgroup limit 512.0M   headroom 300.0M

  MEMORY                RSS  SHARE
  python-objects     100.0M  84.5%
  python-raw             0B   0.0%
  python-free            0B   0.0%
  python-free-pools      0B   0.0%
  malloc              10.0M   8.4%
  malloc-free            0B   0.0%
  mmap                   0B   0.0%
  stack                  0B   0.0%
  file                 8.4M   7.1%
  shared                 0B   0.0%
  other                  0B   0.0%

gc         generational   enabled   idle   garbage 0   frozen 375

  GENERATION  THRESHOLD  COUNT  OBJECTS  COLLECTIONS  COLLECTED  UNCOLLECTABLE
           0        700    312    1,000      120,000          0              0
           1         10     39   16,000        3,750      4,321              0
           2         10      4  256,000          117      8,642              0

heap       types 4   size 52.5M   objects 602,234   gc size 47.2M   gc objects 511,734

    SIZE  SHARE  OBJECTS  GC SIZE  GC OBJECTS  TYPE
   46.7M  89.0%  510,233    46.7M     510,233  app.cache.Entry
    5.1M   9.8%   90,000       0B           0  str
  625.0K   1.2%    2,000   468.8K       1,500  dict
   1016B   0.0%        1    1016B           1  app.cache.Cache

pymalloc   arenas 110   of 1.0M   pools 7,000   of 16.0K   free pools 40   blocks 1,200,000   raw 600,000   in use 105.0M   free 2.0M   lost 816.4K
pinned     hardly used arenas 3   in use there 68.4K

  PINNING  TYPE
       40  str
       12  app.cache.Entry

malloc     glibc   arenas 2   in use 9.0M   free 1.0M   mmapped 1.0M

  TID  THREAD      STATE    GIL   FUNCTION  WHERE
    1  MainThread  running  held  wait      libc.so.6
    -  -           -              -         -
"""

UNKNOWN = """\
target     pid 2   python3 -m 'app server'   /usr/bin/python3.11   up -
python     3.11.7   debug build   free-threaded   allocator -   layout cpython-3.11   from table
capture    2023-11-14 22:13:20.123   running   took 80 ms   read 118.4M   torn reads 0   coverage 100%
memory     rss -   pss -   uss -   swap -   peak -   virtual -
gc         interpreter 0   generational   enabled   idle   garbage 0

  GENERATION  THRESHOLD  COUNT  COLLECTIONS  COLLECTED  UNCOLLECTABLE
           0        700    312      120,000          0              0
           1         10     39        3,750      4,321              0
           2         10      4          117      8,642              0

gc         interpreter 1   generational   disabled   idle   debug 32   garbage 1

  GENERATION  THRESHOLD  COUNT  COLLECTIONS  COLLECTED  UNCOLLECTABLE
           0        700    312      120,000          0              0
           1         10     39        3,750      4,321              0
           2         10      4          117      8,642              0

heap       types 4   gc size 47.2M   gc objects 511,734

  SHARE  GC SIZE  GC OBJECTS  TYPE
  99.0%    46.7M     510,233  app.cache.Entry
   1.0%   468.8K       1,500  dict
   0.0%    1016B           1  app.cache.Cache
   0.0%       0B           0  str
"""

STACK = """\
target     pid 1   python3 -m 'app server'   /usr/bin/python3.11   up 2h 03m
python     3.11.7   allocator pymalloc   layout cpython-3.11   from table
capture    2023-11-14 22:13:20.250   running   took 42 us   torn stacks 1
gc         idle
thread     1   MainThread   running   holds the GIL   torn: these may not be of one stack

  FUNCTION    WHERE
  wait        libc.so.6
  Worker.run  app/work.py:12
  <module>    <string>

thread     -   -
"""

SERIES = """\
target     pid 1   python3 -m 'app server'   /usr/bin/python3.11   up 2h 03m
python     3.11.7   allocator pymalloc   layout cpython-3.11   from table

  TIME          GC  NOW   GEN0    RUNS0  GEN1  RUNS1  GEN2  RUNS2  COLLECTED  UNCOLLECTABLE  GARBAGE
  22:13:20.250  on  idle   312  120,000    39  3,750     4    117     12,963              0        0
  22:13:20.250  on  idle   312  120,000    39  3,750     4    117     12,963              0        0
"""

INSTANCES = """\
target     pid 1   python3 -m 'app server'   /usr/bin/python3.11   up 2h 03m
python     3.11.7   allocator pymalloc   layout cpython-3.11   from table
capture    2023-11-14 22:13:20.000   running   took 80 ms   read 0B   torn reads 0   coverage 100%
type       app.Entry   objects 1,234   size 120.6K   mean 100B
largest    2   the largest first

         ADDRESS  SIZE  REFERENCES  AGE           PREVIEW
  0x7f0000001000  4.0K           2  generation-2  [1, 2, ... 498 more]
  0x7f0000002000   72B    immortal  frozen        -

sample     1   drawn by lot

         ADDRESS  SIZE  REFERENCES  AGE      PREVIEW
  0x7f0000003000   72B           1  unknown  'abc'
"""

PS = r"""
   PID   UID  VERSION     RSS  READABLE              COMMAND
    12  1000  3.9        9.0M  yes                   python3 worker.py
   815    33  -             -  yes                   \x1b]0;x\x07"\\x80\x9b\u202e🐍é,\x0a
  4711     0  3.11     118.4M  it is another user's  python3 app.py
"""[1:]

DOCTOR = """\
  CHECK       RESULT  DETAIL
  kernel      ok      Linux 6.1
  permission  ok      its memory can be read

  STRUCTURE     FIELD      USED  SOURCE  TABLE  DWARF
  PyObject      ob_type       8  table       8      8
  PyDictObject  ma_values     -  none        -      -
"""

# Command lines whose documents are held against their schemas.
DOCUMENTS = ["dump 1", "dump 2", "dump 3", "dump 7", "gc 1", "gc 2", "gc 3", "ps", "doctor", "doctor 1 -v"]
DOCUMENTS += ["stack 1", "stack 2", "stack 3"]
DOCUMENTS += ["dump 1 --tracemalloc", "dump 3 --tracemalloc --limit 1", "stack 2 --tracemalloc"]
DOCUMENTS += ["dump 1 --instances app.Entry", "dump 3 --instances 0x55d0c0a00000"]


@pytest.mark.parametrize(
    "line, expected",
    [
        ("dump 1", DUMP),
        ("dump 2", UNKNOWN),
        ("gc 1 1ms 2", SERIES),
        ("stack 1", STACK),
        ("ps", PS),
        ("dump 1 --instances app.Entry", INSTANCES),
        ("doctor -v 1", DOCTOR),
    ],
)
def test_table(fake, line, expected):
    assert fake.run(*line.split()).stdout == expected


TRACEMALLOC = """\
tracemalloc   size 3.0M   blocks 3,003   peak 4.0M

  SIZE  BLOCKS  AVERAGE  LINE
  3.0M   3,000     1.0K  app/cache.py:12

not shown  lines 2   size 1000B   blocks 3
"""


def test_tracemalloc(fake):
    assert TRACEMALLOC in fake.run("dump", 1, "--tracemalloc", "--limit", 1).stdout
    assert "changed while it was read" in fake.run("stack", 2, "--tracemalloc").stdout
    assert "traced" not in fake.heapspy.json("stack", 2, "--tracemalloc")["tracemalloc"]


def table_of(lines: list[str], heading: str) -> list[str]:
    """The rows of the table that has this as its last heading."""
    start = next(number for number, line in enumerate(lines) if line.startswith("  ") and line.endswith(heading)) + 1
    end = next((number for number, line in enumerate(lines) if number > start and not line), len(lines))
    return lines[start:end]


def strict(text: str):
    """JSON and nothing but: no NaN, no key twice."""

    def unique(pairs):
        assert len({key for key, _ in pairs}) == len(pairs), pairs
        return dict(pairs)

    def refuse(name):
        raise AssertionError(name)

    return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)


@pytest.mark.parametrize("line", DOCUMENTS)
@pytest.mark.parametrize("form", ["json", "ndjson", "json --ascii"])
def test_json(fake, line, form):
    output = "".join(text + "\n" for text in fake.lines(*line.split(), "--format", *form.split()))
    assert strict(output) == fake.heapspy.parse(output)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", output)
    assert "ndjson" not in form or output.count("\n") == 1
    assert "ascii" not in form or output.isascii()
    assert strict(output).keys() == strict("".join(fake.lines(*line.split(), "--json"))).keys()


def test_json_of_the_real_one(real):
    for line in ["ps", "doctor"]:
        done = real.run(line, "--json")
        assert done.returncode in (0, 1), done.stderr
        real.heapspy.parse(done.stdout)


def test_dump_says_what_the_library_said(fake):
    dump = fake.heapspy.json("dump", 1)
    assert dump["captured_at"] == "2023-11-14T22:13:20.123Z"
    assert (dump["complete"], dump["incomplete"]) == (True, [])
    assert dump["target"] == {
        "kind": "process",
        "pid": 1,
        "command": ["python3", "-m", "app server"],
        "executable": "/usr/bin/python3.11",
        "uptime": 7384.5,
    }
    assert dump["python"]["layout"] == {"id": "cpython-3.11", "source": "table"}
    assert dump["capture"] == {
        "mode": "running",
        "pause": 0.0,
        "duration": 0.0804,
        "bytes_read": 124151808,
        "torn_reads": 0,
        "coverage": 1.0,
    }
    assert dump["memory"]["virtual"] == 2 << 30
    account = {part["kind"]: part["rss"] for part in dump["memory"]["account"]}
    assert (account["python-objects"], account["stack"]) == (100 << 20, 0)
    assert sum(account.values()) == dump["memory"]["rss"]
    allocator = dump["allocator"]
    assert (allocator["arenas"], allocator["pools_free"], allocator["bytes_quantization"]) == (110, 40, 500000)
    assert "arenas_highwater" not in allocator
    assert allocator["size_classes"][31] == {"block": 512, "pools": 31, "blocks_in_use": 3100, "blocks_free": 217}
    assert allocator["pinned"]["types"][0] == {"objects": 40, "type": "str"}
    assert dump["malloc"]["bytes_free"] == 1 << 20
    gc = dump["interpreters"][0]["gc"]
    assert gc["generations"][2] == {
        "generation": 2,
        "threshold": 10,
        "count": 4,
        "objects": 256000,
        "collections": 117,
        "collected": 8642,
        "uncollectable": 0,
    }
    assert {name: dump["heap"][name] for name in ("objects", "bytes", "gc_objects", "gc_bytes")} == {
        "objects": 602234,
        "bytes": 55023384,
        "gc_objects": 511734,
        "gc_bytes": 49463384,
    }
    assert dump["heap"]["types"][1] == {
        "type": "str",
        "address": "0x7f0000001400",
        "objects": 90000,
        "bytes": 5400000,
        "owned_bytes": 0,
        "gc_objects": 0,
        "gc_bytes": 0,
    }
    assert dump["heap"]["omitted"] == {"types": 0, "objects": 0, "bytes": 0, "gc_objects": 0, "gc_bytes": 0}


def test_what_is_unknown_is_absent(fake):
    dump = fake.heapspy.json("dump", 2)
    assert dump["memory"] == {}
    assert "uptime" not in dump["target"] and "allocator" not in dump["python"]
    assert "frozen" not in dump["interpreters"][0]["gc"]
    assert "objects" not in dump["interpreters"][1]["gc"]["generations"][0]
    assert "allocator" not in dump and "malloc" not in dump
    assert "bytes" not in dump["heap"] and "objects" not in dump["heap"]["omitted"]
    assert dump["heap"]["types"][0].keys() == {"type", "address", "gc_objects", "gc_bytes"}


def test_stop_is_passed_on(fake):
    capture = fake.heapspy.json("dump", 1, "--stop", "--max-pause", "40ms")["capture"]
    assert (capture["mode"], capture["pause"]) == ("stopped", 0.02)
    assert "   stopped   pause 20 ms   " in fake.run("dump", 1, "--stop", "--max-pause", "40ms").stdout


def test_layout_is_passed_on(fake):
    for layout, source in [("dwarf", "dwarf"), ("debug-offsets", "debug-offsets+table"), ("auto", "table")]:
        assert fake.heapspy.json("dump", 1, "--layout", layout)["python"]["layout"]["source"] == source


def number(shown: str) -> float:
    """What a table shows, as a number: 118.4M, 1,234, 12.3%, -."""
    units = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    shown = shown.replace(",", "").rstrip("%")
    return float(shown[:-1]) * units[shown[-1]] if shown[-1] in units else float(shown)


def test_table_and_json_say_the_same(fake):
    for sort in ["bytes", "objects", "gc_bytes", "gc_objects", "type"]:
        rows = [row.split() for row in table_of(fake.lines("dump", 1, "--sort", sort), "GC OBJECTS  TYPE")]
        types = fake.heapspy.json("dump", 1, "--sort", sort)["heap"]["types"]
        assert [row[-1] for row in rows] == [kind["type"] for kind in types]
        for row, kind in zip(rows, types):
            for shown, name in [(row[0], "bytes"), (row[2], "objects"), (row[3], "gc_bytes"), (row[4], "gc_objects")]:
                assert number(shown) == pytest.approx(kind[name], rel=0.02)
    series = fake.lines("gc", 1, "1ms", 2, "--json")
    assert [fake.heapspy.parse(line) for line in series] == [fake.heapspy.json("gc", 1)] * 2


def test_sorted(fake):
    for sort in ["bytes", "objects", "gc_bytes", "gc_objects"]:
        values = [kind[sort] for kind in fake.heapspy.json("dump", 7, "--sort", sort)["heap"]["types"]]
        assert values == sorted(values, reverse=True)
    names = [kind["type"] for kind in fake.heapspy.json("dump", 7, "--sort", "type")["heap"]["types"]]
    assert names == sorted(names)
    processes = fake.heapspy.json("ps", "--sort", "rss")["processes"]
    assert [process["pid"] for process in processes] == [4711, 12, 815]  # the last one's is not known
    assert [process["pid"] for process in fake.heapspy.json("ps", "--sort", "uid")["processes"]] == [4711, 815, 12]
    # What is not known comes last, and the order is the same every time.
    assert fake.lines("dump", 2, "--sort", "bytes")[-4:] == fake.lines("dump", 2, "--sort", "type")[-4:]


def test_limited_and_filtered(fake):
    whole = fake.heapspy.json("dump", 7)["heap"]
    for arguments, shown in [
        (["--limit", "3"], 3),
        (["--limit", "0"], 1000),
        (["--limit", "5000"], 1000),
        (["--filter", "app.Type99*"], 11),
        (["--filter", "app.Type99*", "--limit", "4"], 4),
        (["--filter", "[!a]*"], 0),
        (["--filter", ""], 0),
    ]:
        heap = fake.heapspy.json("dump", 7, *arguments)["heap"]
        assert len(heap["types"]) == shown and heap["omitted"]["types"] == 1000 - shown
        for name in ("objects", "bytes", "gc_objects", "gc_bytes"):
            assert heap[name] == whole[name]
            assert heap["omitted"][name] + sum(kind[name] for kind in heap["types"]) == heap[name]
    assert len(whole["types"]) == 1000
    lines = fake.lines("dump", 7)
    assert len(table_of(lines, "GC OBJECTS  TYPE")) == 20
    assert any(line.startswith("not shown  types 980   size 3.7M   objects 980 ") for line in lines)
    assert len(table_of(fake.lines("dump", 7, "-l", 0), "GC OBJECTS  TYPE")) == 1000
    assert [process["pid"] for process in fake.heapspy.json("ps", "--filter", "*app.py")["processes"]] == [4711]
    assert [process["pid"] for process in fake.heapspy.json("ps", "--limit", 2)["processes"]] == [12, 815]


def test_csv(fake):
    def rows(*arguments):
        return list(csv.DictReader(io.StringIO("\n".join(fake.lines(*arguments, "--format", "csv")))))

    types = fake.heapspy.json("dump", 3)["heap"]["types"]
    assert rows("dump", 3) == [{name: str(value) for name, value in kind.items()} for kind in types]
    assert len(rows("dump", 7)) == 1000 and len(rows("dump", 7, "-l", 2)) == 2
    assert rows("dump", 2)[0]["bytes"] == ""
    processes = rows("ps")
    assert processes[0] == {
        "pid": "12",
        "uid": "1000",
        "version": "3.9",
        "rss": "9437184",
        "readable": "true",
        "obstacle": "",
        "command": "python3 worker.py",
    }
    assert processes[1]["rss"] == "" and processes[2]["obstacle"] == "it is another user's"
    assert rows("doctor", 1)[1] == {"name": "permission", "passed": "true", "detail": "its memory can be read"}
    assert rows("doctor", 1, "-v")[1]["used"] == ""


def test_hostile_names_do_not_reach_the_terminal(fake):
    for line in ["dump 3", "dump 3 --json", "dump 3 --format csv", "ps", "gc 3", "gc 3 1ms 2"]:
        for options in [[], ["--ascii"], ["--color", "never"]]:
            output = fake.run(*line.split(), *options).stdout
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", output)
            output.encode()  # no lone surrogates: valid UTF-8
            assert ("🐍" in output) == (options != ["--ascii"])
    # Where the locale cannot show them, tables have ASCII; JSON is UTF-8 everywhere.
    assert r"\U0001f40d\xe9" in fake.run("dump", 3, env={"LC_ALL": "C"}).stdout
    assert "🐍é" in fake.run("dump", 3, "--json", env={"LC_ALL": "C"}).stdout


def test_colours(fake):
    assert "\033" not in fake.run("dump", 1).stdout
    assert "\033[1mmemory\033[0m     \033[2mrss\033[0m 118.4M" in fake.run("dump", 1, "--color", "always").stdout
    assert "\033[1;31mFAILED\033[0m" in fake.run("doctor", 2, "--color", "always").stdout
    plain = re.sub("\033\\[[0-9;]*m", "", fake.run("dump", 1, "--color", "always").stdout)
    assert plain == DUMP
    assert "\033" not in fake.run("dump", 1, "--color", "always", "--json").stdout
    assert "\033[1m" in fake.on_terminal("dump", 1)
    for environment in [{"NO_COLOR": "1"}, {"TERM": "dumb"}]:
        assert fake.on_terminal("dump", 1, env=environment) == DUMP
        assert "\033[1m" in fake.on_terminal("dump", 1, "--color", "always", env=environment)
    assert "\033[1m" in fake.on_terminal("dump", 1, env={"NO_COLOR": ""})
    assert fake.on_terminal("dump", 1, "--color", "never") == DUMP


@pytest.mark.parametrize("columns", [1, 2, 10, 40, 79, 80, 120, 10000])
def test_terminal_width(fake, columns):
    for line in ["dump 1", "dump 3", "gc 1 1ms 2", "ps", "doctor -v 1"]:
        shown = fake.on_terminal(*line.split(), "--color", "never", columns=columns)
        whole = fake.run(*line.split()).stdout
        if columns == 10000:
            assert shown == whole
        if columns < 40:
            continue
        for text in shown.splitlines():
            wide = len(text) + text.count("🐍")
            # One value alone may be longer than a line: it is not cut then.
            assert wide <= columns or re.match(r"(\S+)? +\S", text) and "   " not in text.strip()[11:]


def test_number_that_does_not_fit_is_not_shown_in_part(fake):
    for columns in range(22, 75):
        shown = fake.on_terminal("dump", 1, "--color", "never", columns=columns)
        blocks = [block.splitlines() for block in shown.split("\n\n")]
        generations = next(block for block in blocks if block[0].lstrip().startswith("GENERATION"))
        assert len(generations) == 4
        for row in generations[1:]:
            for word in row.split():
                assert word == "…" or word in DUMP.split(), columns


def test_wide_terminal_of_unknown_width(fake):
    assert fake.on_terminal("dump", 1, "--color", "never", columns=0) == DUMP


def test_progress(fake):
    shown = fake.on_terminal("dump", 8, "--color", "never")
    assert shown.startswith("\rheapspy: reading process 8, 1 s\rheapspy: reading process 8, 2 s\r\033[K")
    assert "heapspy:" not in fake.on_terminal("dump", 8, "--quiet")
    assert fake.run("dump", 8).stderr == ""


def test_schemas_agree():
    """What two schemas define under one name is one thing."""
    definitions: dict[str, object] = {}
    paths = sorted((CHECKOUT / "src" / "output" / "schema").glob("*.json"))
    for path in paths:
        schema = json.loads(path.read_text())
        assert schema["properties"]["schema"]["const"] == f"heapspy.{path.stem.replace('-', '/')}"
        for name, definition in schema.get("$defs", {}).items():
            assert definitions.setdefault(name, definition) == definition, (path.name, name)
    doctor, error = (json.loads((paths[0].parent / f"{name}-1.json").read_text()) for name in ("doctor", "error"))
    inner = doctor["properties"]["error"]
    assert {"schema", "heapspy"} | inner["properties"].keys() == error["properties"].keys()
    for name, definition in inner["properties"].items():
        assert error["properties"][name] == definition


def test_schemas_are_strict():
    """Nothing that they do not describe gets through."""

    def visit(schema, where):
        if isinstance(schema, dict):
            assert schema.get("type") != "object" or schema.get("additionalProperties") is False, where
            for name, inner in schema.items():
                visit(inner, f"{where}/{name}")

    for path in (CHECKOUT / "src" / "output" / "schema").glob("*.json"):
        visit(json.loads(path.read_text()), path.name)


def test_error_codes_of_the_schema():
    header = (CHECKOUT / "include" / "heapspy" / "error.h").read_text()
    names = re.findall(r"^\tX\(\w+, \d+, \"([a-z-]+)\"\)", header, re.M)
    schema = json.loads((CHECKOUT / "src" / "output" / "schema" / "error-1.json").read_text())
    assert schema["properties"]["code"]["enum"] == names
