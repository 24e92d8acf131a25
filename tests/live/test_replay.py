# SPDX-License-Identifier: MIT
"""`top --record` and `top --replay`: what was seen is seen again, whatever became of the file."""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Iterator

import jsonschema
import pytest
import targets

CHECKOUT = targets.PROGRAMS.parents[1]
PYTHON = "/usr/bin/python3"
WORKERS = str(targets.PROGRAMS / "workers.py")


@pytest.fixture(scope="module")
def recording(tmp_path_factory, heapspy) -> tuple[str, list[bytes]]:
    """What was seen live, and the lines of the file: of a process up to its end."""
    path = tmp_path_factory.mktemp("replay") / "samples.ndjson"
    words = ["--plain", "-i", "20ms", "--census", "20ms", "--record", str(path)]
    with targets.plain([PYTHON, WORKERS]) as target:
        target.wait_until_ready()
        command = [str(heapspy.path), "top", str(target.pid), *words]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as watch:
            seen, walks = [], 0
            for line in watch.stdout:
                seen.append(line)
                walks += " heap walk: " in line
                if walks == 6:
                    target.process.kill()
                    target.process.wait()
            assert watch.wait(targets.PATIENCE) == 3
    return "".join(seen), path.read_bytes().splitlines(keepends=True)


def replay(heapspy, path, text: bytes, *arguments: object, **options) -> subprocess.CompletedProcess:
    path.write_bytes(text)
    return heapspy.run("top", "--replay", path, "--plain", *arguments, **options)


def test_the_same_is_seen_again(heapspy, recording, tmp_path):
    seen, lines = recording
    done = replay(heapspy, tmp_path / "file", b"".join(lines))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == seen


def test_lines(recording):
    """They are what the schema says, and each census is written once."""
    _, lines = recording
    schema = json.loads((CHECKOUT / "src/output/schema/samples-1.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    parsed = [json.loads(line) for line in lines]
    for line in parsed:
        validator.validate(line)
    assert [line.get("schema") for line in parsed] == ["heapspy.samples/1"] + [None] * (len(parsed) - 1)
    numbers = [line["census"]["number"] for line in parsed if "census" in line]
    assert numbers == sorted(set(numbers)) and len(numbers) >= 6
    assert parsed[-1]["state"] == "gone"


def test_readings_go_on_during_a_census(heapspy, tmp_path):
    """Of a large heap: there are new readings while one and the same census is taken."""
    path = tmp_path / "file"
    program = str(CHECKOUT / "tests/bench/target.py")
    with targets.plain([PYTHON, program, "1000000"]) as target:
        target.wait_until_ready()
        during: set[int] = set()
        while len(during) < 3:
            heapspy.run("top", target.pid, "--plain", "-n", "40", "-i", "2ms", "--record", path, "--force")
            lines = [json.loads(line) for line in path.read_text().splitlines()[1:]]
            during = {line["number"] for line in lines if line["walking"]}
        target.process.kill()


def test_cut_off(heapspy, recording, tmp_path):
    """Read to its last whole line."""
    _, lines = recording
    whole = b"".join(lines)
    for length in (len(whole) - 1, len(whole) // 2, len(lines[0]) + 1):
        done = replay(heapspy, tmp_path / "file", whole[:length])
        count = whole[:length].count(b"\n") + 1
        assert done.returncode == 0
        assert done.stderr == f"heapspy: the recording ends early: line {count} is cut off\n"
        readings = {json.loads(line)["number"] for line in lines[1 : count - 1] if b'"live"' in line}
        assert done.stdout.count(" reading: rss ") == len(readings)


def test_damaged(heapspy, recording, tmp_path):
    _, lines = recording
    path = tmp_path / "file"
    done = replay(heapspy, path, b"".join([*lines[:4], b"{]\n", *lines[4:]]))
    assert done.returncode == 0
    assert done.stderr == "heapspy: the recording ends early: line 5 is damaged\n"
    for first in (b"", b"\n", b"{}\n", b"[]\n", b'{"schema":"heapspy.dump/1"}\n', lines[1], b"\x7fELF", lines[0][:-1]):
        done = replay(heapspy, path, first)
        assert (done.returncode, done.stdout) == (9, ""), first
        assert done.stderr.startswith("heapspy: cannot replay ")
    for name in (tmp_path / "nothing", "/dev/zero", tmp_path):
        assert heapspy.run("top", "--replay", name, "--plain").returncode == 9


VALUES = [None, -1, 0, 1, 2**63 - 1, -(2**63), 1e308, -1e-300, "", "x" * 5000, "\033[31m\u202e", [], {}, True, [[]] * 70000]


def places(value: object, found: list) -> list:
    """Wherever something can be put in place of something."""
    if isinstance(value, dict):
        for key in value:
            found.append((value, key))
            places(value[key], found)
    elif isinstance(value, list):
        for number in range(min(len(value), 4)):
            found.append((value, number))
            places(value[number], found)
    return found


def mutants(lines: list[bytes], chance: random.Random) -> Iterator[bytes]:
    """Lines with something else in some places: other numbers, other kinds of values, nothing, too much."""
    for _ in range(80):
        parsed = [json.loads(line) for line in lines]
        for _ in range(chance.choice([1, 1, 2, 5])):
            where, key = chance.choice(places(chance.choice(parsed), []))
            if isinstance(where, dict) and chance.random() < 0.2:
                where.pop(key, None)
            elif isinstance(where, dict) or key < len(where):
                where[key] = chance.choice(VALUES)
        yield b"".join(json.dumps(line).encode() + b"\n" for line in parsed)


def test_hostile(heapspy, recording, tmp_path):
    """Whatever stands in it: it is shown or refused, and nothing of it reaches the terminal raw."""
    _, lines = recording
    # One with a census, and some without.
    few = lines[:10]
    for number, text in enumerate(mutants(few, random.Random(7))):
        done = replay(heapspy, tmp_path / "file", text, timeout=60)
        assert done.returncode in (0, 9), (number, done.stderr)
        assert "\033" not in done.stdout + done.stderr and "\u202e" not in done.stdout, number
    deep = b"[" * 100000 + b"]" * 100000
    done = replay(heapspy, tmp_path / "file", few[0] + deep + b"\n")
    assert (done.returncode, done.stderr) == (0, "heapspy: the recording ends early: line 2 is damaged\n")


def test_files_are_kept(heapspy, tmp_path):
    path = tmp_path / "file"
    link = tmp_path / "link"
    path.write_text("mine")
    link.symlink_to(path)
    with targets.plain([PYTHON, WORKERS]) as target:
        target.wait_until_ready()
        words = ["top", target.pid, "--plain", "-n", "1", "--record"]
        done = heapspy.run(*words, path)
        assert (done.returncode, path.read_text()) == (8, "mine")
        assert re.search(r"try: heapspy top .* --record .* --force$", done.stderr, re.M)
        assert heapspy.run(*words, link, "--force").returncode == 8
        assert path.read_text() == "mine"
        assert heapspy.run(*words, path, "--force").returncode == 0
        assert path.read_text().startswith('{"schema"')


def test_of_several_processes(heapspy, tmp_path):
    path = tmp_path / "file"
    with targets.plain([PYTHON, WORKERS]) as target:
        target.wait_until_ready()
        pids = [target.pid]
        for word in (b"fork 11111\n", b"fork 22222\n"):
            target.process.stdin.write(word)
            target.process.stdin.flush()
            pids.append(int(target.read_line()))
        done = heapspy.run("top", "--plain", "-n", "3", "-i", "50ms", *pids, "--record", path)
        assert done.returncode == 0
    again = heapspy.run("top", "--replay", path, "--plain")
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == done.stdout
    assert len({line.split()[0] for line in again.stdout.splitlines()}) == 3
