# SPDX-License-Identifier: MIT
"""Files that report writes for other programs, opened by those programs, and held against the recording."""

from __future__ import annotations

import ast
import collections
import gzip
import json
import re
import struct
import subprocess
import xml.etree.ElementTree
import zlib

import pytest

import readers
from recordings import MIB, Recording, Truth, leaking, own_line

SVG = "{http://www.w3.org/2000/svg}"
EVIL = 'a;b <c> & "d"\\ \x1b]0;x\x07 é中 \u202e'


class Writer:
    def __init__(self, real, directory) -> None:
        self.real = real
        self.directory = directory

    def __call__(self, recording: Recording, form: str, *arguments):
        """The file of a recording in some format."""
        recording.write(self.directory / "made.ndjson")
        path = self.directory / {"speedscope": "made.speedscope.json", "pprof": "made.pb.gz"}.get(form, f"made.{form}")
        done = self.real.run(
            "report", "made.ndjson", "--format", form, "-o", path, "--force", *arguments, cwd=self.directory
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        return path


@pytest.fixture
def write(real, tmp_path) -> Writer:
    return Writer(real, tmp_path)


def evil() -> Recording:
    """Names that are syntax in one format or another; a stack of nothing, and one that calls itself."""
    made = Recording()
    made.growth(1, ((EVIL, EVIL, 3), ("main", "/a.py", 1)), 300)
    made.growth(2, (), 200)
    made.growth(3, (("malloc", None, None, "/lib/libc.so.6"), ("f", "/a.py", 5), ("f", "/a.py", 5)), 100, "mmapped")
    made.growth(4, (("g", "/a.py", 9),), 50, "mmapped")
    made.growth(5, (), -50, "mmapped", of=(("g", "/a.py", 9),))
    made.census(5, {EVIL: (3, 300), "dict": (1, 64)})
    made.end(6)
    return made


def empty() -> Recording:
    made = Recording()
    made.end(0)
    return made


RECORDINGS = pytest.mark.parametrize("made", [leaking(), evil(), empty()], ids=["leaking", "evil", "empty"])


def names(frames: tuple, title=lambda frame: frame[0]) -> tuple:
    """Oldest first, as a report cleans them."""
    cleaned = (title(frame).replace("\x1b", "\\x1b").replace("\x07", "\\x07").replace("\u202e", "\\u202e") for frame in frames)
    return tuple(cleaned)[::-1] or ("(no code was seen)",)


def title(frame: tuple) -> str:
    function, file, line, module = frame
    place = file if line is None else f"{file}:{line}"
    return f"{function} ({place if file else module})".replace(";", ":")


def weights(truth: collections.Counter, name) -> dict[tuple, int]:
    found = collections.Counter()
    for stack, weight in truth.items():
        found[names(stack, name)] += weight
    return {stack: weight for stack, weight in found.items() if weight}


def stacks_of(profile: dict) -> dict[tuple, int]:
    found = collections.Counter()
    for frames, weight, *_ in profile["stacks"]:
        found[tuple(frames)] += weight
    return dict(found)


# ---- folded ----------------------------------------------------------------------------------------------------------


@RECORDINGS
@pytest.mark.parametrize("column", ["kept", "peak", "total"])
def test_folded(write, made, column):
    text = write(made, "folded", "--sort", column).read_text()
    found = collections.Counter()
    for line in text.splitlines():
        stack, weight = line.rsplit(" ", 1)
        found[tuple(stack.split(";"))] += int(weight)
    assert found == weights(getattr(Truth(made.lines), column), title)
    assert text.replace("\n", "").isprintable()


def test_folded_is_read_by_speedscope(write):
    made = leaking()
    (profile,) = readers.speedscope(write(made, "folded"))["profiles"]
    assert stacks_of(profile) == weights(Truth(made.lines).kept, title)


# ---- speedscope --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [leaking(), evil()], ids=["leaking", "evil"])
def test_speedscope(write, made):
    read = readers.speedscope(write(made, "speedscope"))
    kept, total, churn = read["profiles"]
    truth = Truth(made.lines)
    for profile, expected in [(kept, truth.kept), (total, truth.total)]:
        assert profile["unit"] == "bytes"
        assert stacks_of(profile) == weights(expected, lambda frame: frame[0])
        assert profile["total"] == sum(expected.values())
    samples = [line for line in made.lines if line["type"] == "sample"]
    assert churn["total"] == sum(max(line["young"], 0) for line in samples)
    places = {(frames[-1], file, line) for frames, _, file, line in kept["stacks"]}
    if samples:
        assert ("Cache.put", "/srv/app/cache.py", 17) in places


# ---- pprof ---------------------------------------------------------------------------------------------------------------


def parse(text: str) -> dict:
    """The text that protoc prints of a message: lists of numbers, texts and messages by field."""
    stack = [collections.defaultdict(list)]
    for line in text.splitlines():
        line = line.strip()
        if line == "}":
            stack.pop()
        elif line.endswith(" {"):
            inner = collections.defaultdict(list)
            stack[-1][line[:-2]].append(inner)
            stack.append(inner)
        else:
            name, value = line.split(": ", 1)
            stack[-1][name].append(ast.literal_eval("b" + value).decode() if value[0] == '"' else json.loads(value))
    return stack[0]


@RECORDINGS
def test_pprof(write, made):
    profile = parse(readers.pprof(write(made, "pprof")))
    strings = profile["string_table"]
    assert strings[0] == "" and len(strings) == len(set(strings))

    def text(message, field):
        return strings[message[field][0]] if message[field] else ""

    types = [(text(one, "type"), text(one, "unit")) for one in profile["sample_type"]]
    assert types == [
        ("growth_kept", "bytes"), ("growth_total", "bytes"), ("heap_objects", "count"), ("heap_bytes", "bytes"),
    ]  # fmt: skip
    assert text(profile, "default_sample_type") == "growth_kept"
    assert profile["duration_nanos"] == ([made.lines[-1]["time"] * 10**9] if made.lines[-1]["time"] else [])
    assert profile["time_nanos"] == [1700000000 * 10**9]
    functions = {one["id"][0]: one for one in profile["function"]}
    locations = {one["id"][0]: one for one in profile["location"]}
    assert 0 not in functions and len(functions) == len(profile["function"]) == len(locations) == len(profile["location"])
    assert {one["mapping_id"][0] for one in profile["location"]} <= {one["id"][0] for one in profile["mapping"]}
    growth, types = [collections.Counter(), collections.Counter()], {}
    for sample in profile["sample"]:
        frames = []
        for location in sample["location_id"]:
            (line,) = locations[location]["line"]
            function = functions[line["function_id"][0]]
            frames.append((text(function, "name"), text(function, "filename"), (line["line"] or [None])[0]))
        assert len(sample["value"]) == 4
        if sample["label"]:
            assert (text(sample["label"][0], "key"), text(sample["label"][0], "str")) == ("type", frames[0][0])
            types[frames[0][0]] = tuple(sample["value"][2:])
            continue
        for counter, value in zip(growth, sample["value"]):
            counter[tuple(name for name, *_ in reversed(frames))] += value
    truth = Truth(made.lines)
    assert {stack: value for stack, value in growth[0].items() if value} == weights(truth.kept, lambda frame: frame[0])
    assert growth[1] == weights(truth.total, lambda frame: frame[0])
    censuses = [line for line in made.lines if line["type"] == "census"]
    assert types == {
        names(((row["type"],),))[0]: (row["objects"], row["bytes"]) for row in (censuses[-1]["types"] if censuses else [])
    }


def test_pprof_is_read_by_speedscope(write):
    made = leaking()
    (profile,) = readers.speedscope(write(made, "pprof"))["profiles"]
    assert profile["unit"] == "bytes"
    assert stacks_of(profile) == weights(Truth(made.lines).kept, lambda frame: frame[0])


def test_pprof_is_not_written_to_a_terminal(real, tmp_path):
    leaking().write(tmp_path / "made.ndjson")
    script = f"exec {real.path} report {tmp_path}/made.ndjson --format pprof"
    done = subprocess.run(["script", "-qec", script, "/dev/null"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and "a profile is not written to a terminal" in done.stdout
    piped = subprocess.run([real.path, "report", tmp_path / "made.ndjson", "--format", "pprof"], capture_output=True)
    assert gzip.decompress(piped.stdout)


# ---- pictures --------------------------------------------------------------------------------------------------------------


def parse_svg(path):
    """The picture, which must not want anything that is not in it."""
    text = path.read_text()
    assert set(re.findall(r"https?://[^\"'< ]*", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"href|@import|url\(", text)
    assert "prefers-color-scheme:dark" in text
    return xml.etree.ElementTree.fromstring(text)


def colours(png: bytes) -> tuple[tuple[int, int], int]:
    """Its size, and how much there is on it: the number of different rows."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, data, size = 8, b"", (0, 0)
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
        data += body if kind == b"IDAT" else b""
        at += 12 + length
    rows = zlib.decompress(data)
    width = len(rows) // size[1]
    return size, len({rows[i : i + width] for i in range(0, len(rows), width)})


@RECORDINGS
@pytest.mark.parametrize("column", ["kept", "total"])
def test_flame_graph(write, made, column):
    path = write(made, "svg", "--sort", column)
    root = parse_svg(path)
    truth = getattr(Truth(made.lines), column)
    whole = sum(truth.values())
    expected = collections.Counter()
    for stack, weight in truth.items():
        for length in range(1, len(stack) + 1):
            expected[names(stack[-length:], title)] += weight
    found = collections.Counter()
    boxes = []
    for group in root.iter(f"{SVG}g"):
        name, said = group.find(f"{SVG}title").text.split("\n")
        box = group.find(f"{SVG}rect")
        left, width = float(box.get("x")), float(box.get("width"))
        depth = round((float(box.get("y")) - 74) / 20)
        above = [one for one in boxes if one[1] == depth - 1 and one[2] <= left + 0.1 and left + width <= one[2] + one[3] + 0.1]
        assert len(above) == (depth > 0), "a frame lies under the one that called it"
        frames = above[0][0] + (name,) if depth else ()
        boxes.append((frames, depth, left, width))
        share = float(group.get("data-w"))
        found[frames] += round(share * whole)
        assert said.endswith("100%" if round(share, 9) == 1 else f"{share * 100:.1f}%") or share > 0.999
    assert found.pop((), 0) == whole
    assert +found == +expected
    size, rows = colours(readers.picture(path))
    assert size[0] == 1200 and rows > 40
    if not whole:
        assert "Nothing grew." in path.read_text()


def test_click_on_a_frame(write):
    path = write(leaking(), "svg")
    groups = list(parse_svg(path).iter(f"{SVG}g"))
    frames = [{name: group.get(name) for name in ("data-x", "data-w", "data-d", "data-t")} for group in groups]
    texts = [frame["data-t"] for frame in frames]
    key = texts.index("Cache.key  cache.py:30")
    put = texts.index("Cache.put  cache.py:17")
    narrow = float(groups[key].find(f"{SVG}rect").get("width"))
    after = readers.click(path, frames, key)
    assert narrow < 300 and after[key]["shown"] and after[key]["width"] > 1100 and after[key]["x"] == 24
    assert not after[put]["shown"] and after[0]["shown"] and after[0]["width"] > 1100
    assert after[key]["text"] == texts[key]
    back = readers.click(path, frames, key, key)
    assert all(frame["shown"] for frame in back) and back[key]["width"] == pytest.approx(narrow, abs=0.1)


@RECORDINGS
def test_timeline(write, made):
    path = write(made, "svg-timeline")
    root = parse_svg(path)
    shown = [text.text for text in root.iter(f"{SVG}text")]
    size, rows = colours(readers.picture(path))
    assert size[0] == 1200 and rows > 40
    if len(made.lines) == 2:
        assert "Nothing was recorded over time." in shown
        return
    assert "kept by line" in shown
    strips = [rect for rect in root.iter(f"{SVG}rect") if rect.get("class") == "strip"]
    last = strips[-1].find(f"{SVG}title").text.split("\n")
    assert len(strips) == 100
    kept = Truth(made.lines, own_line).kept
    for frame, size in kept.items():
        if frame and frame[0] == "Cache.put" and size:
            assert f"{size / MIB:.1f}M kept: Cache.put  cache.py:{frame[2]}" in last
    if any(line["type"] == "timeline" for line in made.lines):
        assert {"210.0M rss", "190.0M heap", "540,000 objects", "145 collections"} <= set(last)
        assert {"memory of the process", "objects", "collections", "dotted: a census of the objects"} <= set(shown)


def test_curves_of_the_timeline(write):
    """What is drawn of RSS, back from pixels."""
    made = Recording()
    sizes = [100, 160, 120, 200, 50]
    for time, size in enumerate(sizes):
        made.timeline(time, rss=size * MIB)
    made.end(4)
    root = parse_svg(write(made, "svg-timeline"))
    (curve,) = (path.get("d") for path in root.iter(f"{SVG}path") if path.get("class") == "s0 line")
    points = [tuple(map(float, point.split())) for point in re.split("[ML]", curve)[1:]]
    ticks = {}
    for text in root.iter(f"{SVG}text"):
        if (text.get("class"), text.get("x")) == ("faint right", "76"):
            ticks[text.text] = float(text.get("y")) - 4
    zero, mark = ticks["0B"], ticks["128.0M"]
    for time, size in enumerate(sizes):
        x = 86 + 814 * time / 4
        y = min((abs(at - x), height) for at, height in points)[1]
        assert (zero - y) / (zero - mark) * 128 == pytest.approx(size, abs=2.5)


def test_filtered(write):
    made = leaking()
    text = write(made, "folded", "--filter", "*/loader.py", "--sort", "total").read_text()
    assert text == f"main (/srv/app/server.py:90);refresh (/srv/app/jobs.py:12);Loader.load (/srv/app/loader.py:52) {72 * MIB}\n"
    assert "only */loader.py" in write(made, "svg", "--filter", "*/loader.py").read_text()
