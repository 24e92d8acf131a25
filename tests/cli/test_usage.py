# SPDX-License-Identifier: MIT
"""What command lines mean, and what is said of those that mean nothing."""

from __future__ import annotations

import json
import os
import re

import pytest

WRONG = """
--no-such-option
-z dump 1
--pid 1 dump
--color
--color purple ps
frobnicate
d 1
dump
dump 0
dump -1
dump +1
dump 1.5
dump 0x10
dump 1e3
dump 99999999999999999999
dump 4294967297
dump 1 2
dump -p 1 2
dump -p
dump -p x
dump --limit=-1 1
dump --limit many 1
dump --limit
dump --sort nonsense 1
dump --sort rss 1
dump --layout guess 1
dump --format xml 1
dump --json=yes 1
dump --fo 1
dump --interval 1 1
dump -o
dump --instances
dump 1 --instances list --sort bytes
dump 1 --instances list --filter *
dump 2 --instances list
gc 1 0
gc 1 -- -1
gc 1 1x
gc 1 1.2.3
gc 1 .
gc 1 0x10
gc 1 1e3
gc 1 inf
gc 1 nan
gc 1 999999999999
gc 1 0.1ms
gc 1 1 0
gc 1 1 x
gc 1 1 1 1
gc 1 --format csv
top
top --
top 1 x
top 1 -- true
top 1 --replay x
top --replay x -- true
top --replay x --record y 1
top --replay=
top 1 --record=
top -p 1 -- true
top 1 --command-output log
top --command-output= -- true
top --command-output - -- true
dump -- sleep 1
diff
diff 1
diff 1 2 3
diff 1 2 --after 1s
diff ./file --after 1s
diff 1 --after
diff 1 --after 0
diff 1 no-such-file
diff 1 0
diff 1 1 --max-pause 1s
diff 1 1 --sort gc_bytes
diff 1 1 --fail-on-growth
diff 1 1 --fail-on-growth x
diff 1 1 --fail-on-growth %
diff 1 1 --fail-on-growth -5%
diff 1 1 --fail-on-growth 5%%
diff 1 1 --fail-on-growth 5X
diff 1 1 --fail-on-growth 0x10
diff 1 1 --fail-on-growth 1.2.3
diff 1 1 --fail-on-growth inf
diff 1 1 --fail-on-growth 99999999999T
ps 1
ps --pid 1
ps --sort bytes
doctor 1 2
doctor --limit 1
""".strip().splitlines()


@pytest.mark.parametrize("line", WRONG)
def test_wrong(fake, line):
    message = fake.fails(2, *line.split())
    what, why, remedy = message.splitlines()
    assert re.fullmatch(r"heapspy: \S.*", what)
    assert re.fullmatch(r"  why: \S.*", why)
    assert re.fullmatch(r"  try: heapspy .*", remedy)


def test_wrong_empty(fake):
    for line in [[], [""], ["dump", ""], ["dump", "1", "-o", ""], ["gc", "1", ""]]:
        assert "why: " in fake.fails(2, *line)


def test_wrong_in_json(fake):
    for line in ["dmup 1 --json", "dump x -j", "dump -j --nonsense 1", "--nonsense dump -j"]:
        *message, document = fake.fails(2, *line.split()).splitlines()
        error = fake.heapspy.parse(document)
        assert (error["code"], error["exit_status"]) == ("usage", 2)
        assert message == ["heapspy: " + error["what"], "  why: " + error["why"], "  try: " + error["try"][0]]


@pytest.mark.parametrize(
    "typed, meant",
    [("dmup", "dump"), ("dumpp", "dump"), ("dum0", "dump"), ("docter", "doctor"), ("cg", "gc"), ("pss", "ps")],
)
def test_typo_of_command(fake, typed, meant):
    message = fake.fails(2, "--color", "never", typed, "17", "--filter", "it's*")
    assert f"the nearest is {meant}\n" in message
    assert f"try: heapspy --color never {meant} 17 --filter 'it'\\''s*'\n" in message


def test_nothing_near(fake):
    for typed in ["x", "frobnicate", "zzzz", "top" * 30]:
        assert "nearest" not in fake.fails(2, typed)


def test_typo_of_option(fake):
    assert "the nearest is --json" in fake.fails(2, "dump", "--jsno", "1")
    assert "the nearest" not in fake.fails(2, "dump", "--xyzzy", "1")


def test_beginnings(fake):
    assert fake.lines("du", "1") == fake.lines("dump", "1")
    assert fake.lines("g", "1") == fake.lines("gc", "1")
    assert "dump, diff, doctor" in fake.fails(2, "d", "1")
    assert fake.lines("dump", "1", "--lim", "1") == fake.lines("dump", "1", "--limit", "1")


def test_order_does_not_matter(fake):
    expected = fake.lines("dump", "1", "--limit", "2", "--ascii")
    for line in ["--ascii dump --limit 2 1", "dump -l2 -p 1 --ascii", "dump --pid=1 --ascii -l 2", "dump --ascii -l 2 -- 1"]:
        assert fake.lines(*line.split()) == expected


def test_gc_operands(fake):
    rows = len(fake.lines("gc", "1", "1ms", "3"))
    for line in ["gc -p 1 1ms 3", "gc 1 -i 1ms -n 3", "gc -i 1ms 1 3", "gc 1 0.001 3", "gc -n 3 1 1ms"]:
        assert len(fake.lines(*line.split())) == rows


def test_highest_pid(fake):
    with open("/proc/sys/kernel/pid_max") as file:
        highest = int(file.read())
    assert f"end at {highest}\n" in fake.fails(2, "dump", highest + 1)
    assert fake.run("dump", highest).returncode == 0


def test_no_such_process(real, free_pid):
    for command in ["dump", "gc"]:
        message, document = real.fails(3, command, free_pid, "--json").split("\n{")
        assert str(free_pid) in message and "why: " in message
        assert json.loads("{" + document)["code"] == "no-process"
    done = real.run("doctor", free_pid)
    assert done.returncode == 3 and "FAILED" in done.stdout and "heapspy: " in done.stderr


def test_refused(fake):
    message = fake.fails(4, "dump", "4", "--json")
    assert message.splitlines()[:-1] == [
        "heapspy: cannot read process 4",
        "  why: it belongs to user postgres (uid 112) and this is uid 1000",
        "  try: sudo heapspy dump 4",
        "       sudo heapspy doctor 4",
    ]
    error = fake.heapspy.parse(message.splitlines()[-1])
    del error["heapspy"]
    assert error == {
        "schema": "heapspy.error/1",
        "code": "permission",
        "exit_status": 4,
        "what": "cannot read process 4",
        "why": "it belongs to user postgres (uid 112) and this is uid 1000",
        "try": ["sudo heapspy dump 4", "sudo heapspy doctor 4"],
        "errno": "EPERM",
        "address": "0x7f00",
    }


def test_hostile_argument(fake):
    message = fake.fails(2, "dump", os.fsdecode(b"\x1b]0;x\x07\xff\xc2\x9b"))
    assert r"'\x1b]0;x\x07\xff\x9b'" in message


def test_doctor_status(fake):
    assert fake.run("doctor").returncode == 0
    assert fake.run("doctor", 1).returncode == 0
    done = fake.run("doctor", 4)
    assert done.returncode == 4 and "heapspy: cannot read process 4\n" in done.stderr
    assert "permission  FAILED  it belongs to uid 112" in done.stdout
    done = fake.run("doctor", 2)
    assert done.returncode == 1 and "heapspy: check failed: permission\n" in done.stderr


def test_quiet(fake):
    nobody = {"FAKE_NO_PROCESSES": "1"}
    assert fake.run("ps", env=nobody).stderr == "heapspy: no Python process can be seen\n"
    assert fake.run("ps", "--quiet", env=nobody).stderr == ""
    assert fake.fails(3, "-q", "gc", "6", "1ms", printed=fake.run("gc", "6", "1ms").stdout)
