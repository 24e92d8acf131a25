# SPDX-License-Identifier: MIT
"""Help, man page and completions say the same, of every option and command there is."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from recordings import leaking

LONG = re.compile(r"(?<![\w-])--([a-z][a-z-]+)")
COMMANDS = ["ps", "top", "dump", "gc", "stack", "record", "report", "snapshot", "diff", "doctor"]


def options_of(fake, command: str) -> set[str]:
    """Those that the program really takes: an unknown one is called so."""
    taken = set()
    for name in LONG.findall(fake.run(command, "--help").stdout.split("\noptions:\n")[1].split("\nexamples:")[0]):
        taken.add(name)
    return taken


def shell_completion(build, path: str, *words: str) -> list[str]:
    """What bash offers for the last of the words, in the folder where `heapspy` is."""
    script = """
        source "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        compopt() { :; }
        _heapspy
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    command = ["bash", "-c", script, "bash", str(build / "man" / "heapspy"), *words]
    environment = {"PATH": path + ":/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=path)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.fixture(scope="session")
def man_page(build) -> str:
    return (build / "man" / "heapspy.1").read_text()


def test_long_help_has_every_option(fake, option_table):
    seen = set(LONG.findall(fake.run("--help").stdout))
    for command in COMMANDS:
        seen |= options_of(fake, command)
    assert seen == set(option_table)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_command(fake, option_table, command):
    short, full = fake.run(command, "-h").stdout, fake.run(command, "--help").stdout
    taken = options_of(fake, command)
    assert {name for name in LONG.findall(short)} == taken
    for name in taken:
        option = option_table[name]
        spelled = f"-{option['letter']}, --{name}" if option["letter"] else f"    --{name}"
        # A command names those formats that it has.
        argument = re.search(r"^ +--format (\S+)", short, re.M)[1] if name == "format" else option["argument"]
        spelled += "" if argument == "NULL" else " " + argument
        for text in (short, full):
            assert re.search(rf"^ +{re.escape(spelled.strip())}(  |\n)", text, re.M)
            assert option["summary"] in text
    for text in (short, full):
        assert text.startswith(f"usage: heapspy {command} [OPTIONS]")
        assert max(map(len, text.splitlines())) <= 100
    assert f"\n  heapspy {command} " in full


# The first line of what top --record writes.
SAMPLES = """{"schema":"heapspy.samples/1","process":1,"interval":1,"command":["x"],"version":"3.12.4"}\n"""


def test_every_option_is_parsed(fake, option_table, tmp_path):
    """What help lists is taken, and what it does not list is not."""
    values = {"NULL": [], "PID": ["1"], "DURATION": ["1ms"], "COUNT": ["1"], "N": ["1"], "GLOB": ["*"], "FILE": ["-"], "SIZE": ["5%"]}
    recording = tmp_path / "leak.ndjson"
    leaking().write(recording)
    for command in COMMANDS:
        taken = options_of(fake, command)
        for name, option in option_table.items():
            value = values.get(option["argument"], [option["argument"].split("|")[0]])
            if name == "sort":
                value = [{"ps": "pid", "report": "kept"}.get(command, "bytes")]
            if name == "process":
                value = ["4711"]
            operands = [] if command in ("ps", "doctor") or name == "pid" else ["1"]
            if command == "report":
                operands = [recording]
            operands += ["-n", "1"] if command == "gc" and name == "interval" else []
            operands += ["--plain", "-n", "1"] if command == "top" else []
            operands += ["-d", "1ms", "-o", "-"] if command == "record" else []
            if name == "command-output" and name in taken:
                value = [tmp_path / "output.txt"]
                operands = [*(["-o", "-"] if command == "record" else ["-n", "1"]), "--", "sleep", "60"]
            if name in ("record", "replay") and name in taken:
                value = [tmp_path / "samples.ndjson"]
                operands = ["--plain", "--force", "-n", "1", *([] if name == "replay" else ["1"])]
            operands += ["--stop"] if name == "max-pause" and name in taken else []
            operands += ["1"] if command == "diff" and name != "after" else []
            if command == "snapshot":  # it writes nowhere else
                operands += ["--force", "--output", tmp_path / "heap.core"]
            for spelled in [f"--{name}", *([f"-{option['letter']}"] if option["letter"] else [])]:
                done = fake.run(command, spelled, *value, *operands)
                assert done.returncode == (0 if name in taken else 2), (command, spelled, done.stderr)


def test_examples_are_parsed(fake, tmp_path):
    before = fake.run("dump", 1, "--json").stdout
    for command in COMMANDS:
        full = fake.run(command, "--help").stdout
        for line in re.findall(r"^  heapspy (.*)$", full.split("\nexamples:\n")[1], re.M):
            line = line.replace("4711", "1").replace(" 1 1 10", " 1 1ms 2").replace("500ms", "1ms 1").replace("top 1", "top 1 -n 1")
            line = re.sub(r"^top --", "top -n 1 --", line.replace("60s", "1ms"))
            place = tmp_path / f"{command}-{hash(line)}"
            place.mkdir()
            for name, text in {"heap.core": "", "before.json": before, "leak.ndjson": leaking().text(), "heap.ndjson": SAMPLES, "app.py": ""}.items():
                if f"-o {name}" not in line and f"--record {name}" not in line:
                    (place / name).write_text(text)
            done = subprocess.run(
                ["sh", "-c", f'"$0" {line}', fake.path], cwd=place, capture_output=True, timeout=60, check=False
            )
            assert done.returncode == 0, (line, done.stderr)


def test_help_and_version_win(fake, option_table):
    assert fake.run("-V").stdout == fake.run("dump", "--version").stdout
    assert re.fullmatch(r"heapspy \d+\.\d+\.\d+\n", fake.run("--version").stdout)
    assert fake.run("dump", "1", "2", "3", "-h").stdout == fake.run("-h", "dump").stdout


def test_man_page(man_page, option_table):
    text = man_page.replace("\\-", "-")
    sections = re.findall(r"^\.SH (.*)$", text, re.M)
    for section in (
        "NAME SYNOPSIS DESCRIPTION COMMANDS OPTIONS OUTPUT PERMISSIONS SAFETY".split()
        + ["EXIT STATUS", "EXAMPLES", "SEE ALSO"]
    ):
        assert section in sections
    assert set(LONG.findall(re.sub(r"\\f[BRI]", "", text))) == set(option_table)
    for name, option in option_table.items():
        tag = rf"\\fB-{option['letter']}\\fR, \\fB--{name}\\fR" if option["letter"] else rf"\\fB--{name}\\fR"
        assert re.search(rf"^\.TP\n{tag}", text, re.M), name
    for command in COMMANDS:
        assert re.search(rf"^\.TP\n\.B {command}\b", text, re.M)
    assert not re.search(r"^@", text, re.M)


def test_man_page_has_every_exit_status(man_page):
    from conftest import CHECKOUT

    header = (CHECKOUT / "include" / "heapspy" / "error.h").read_text()
    statuses = set(re.findall(r"^\tX\(\w+, (\d+), ", header, re.M))
    section = man_page.split(".SH EXIT STATUS\n")[1].split("\n.SH")[0]
    assert set(re.findall(r"^\.B (\d+)$", section, re.M)) == statuses | {"0"}


def test_man_page_is_formatted_without_complaint(build):
    if not shutil.which("groff"):
        pytest.skip("no groff")
    command = ["groff", "-man", "-ww", "-rF0", "-Tutf8", "-z", str(build / "man" / "heapspy.1")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.parametrize("name, prefix", [("heapspy", "--"), ("_heapspy", "--"), ("heapspy.fish", "-l ")])
def test_completion_has_every_option(build, option_table, name, prefix):
    text = (build / "man" / name).read_text()
    for option in option_table:
        assert re.search(rf"{re.escape(prefix)}{option}\b", text), option
    found = set(re.findall(r"-l ([a-z-]+)", text)) if name.endswith("fish") else set(LONG.findall(text))
    assert found - {"format", "name"} == set(option_table) - {"format", "name"}
    for command in COMMANDS:
        assert re.search(rf"\b{command}\b", text)


@pytest.mark.parametrize("shell, name", [("bash", "heapspy"), ("zsh", "_heapspy"), ("fish", "heapspy.fish")])
def test_completion_is_a_script(build, shell, name):
    if not shutil.which(shell):
        pytest.skip(f"no {shell}")
    done = subprocess.run([shell, "-n", str(build / "man" / name)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_completion_of_bash(build, fake, tmp_path):
    (tmp_path / "heapspy").symlink_to(fake.path)
    path = str(tmp_path)
    assert shell_completion(build, path, "heapspy", "") == COMMANDS
    assert shell_completion(build, path, "heapspy", "d") == ["dump", "diff", "doctor"]
    assert shell_completion(build, path, "heapspy", "--color", "never", "d") == ["dump", "diff", "doctor"]
    assert shell_completion(build, path, "heapspy", "--color", "") == ["auto", "always", "never"]
    assert shell_completion(build, path, "heapspy", "dump", "--fo") == ["--force", "--format"]
    assert shell_completion(build, path, "heapspy", "dump", "--format", "=", "t") == ["table"]
    assert shell_completion(build, path, "heapspy", "dump", "--format", "s") == []
    assert shell_completion(build, path, "heapspy", "report", "--format", "s") == ["speedscope", "svg", "svg-timeline"]
    assert shell_completion(build, path, "heapspy", "report", str(tmp_path / "h")) == [str(tmp_path / "heapspy")]
    assert shell_completion(build, path, "heapspy", "ps", "--sort", "") == ["pid", "rss", "uid", "version", "command"]
    assert shell_completion(build, path, "heapspy", "dump", "") == ["12", "815", "4711", "heapspy"]
    assert shell_completion(build, path, "heapspy", "doctor", "") == ["12", "815", "4711"]
    assert shell_completion(build, path, "heapspy", "gc", "-p", "4") == ["4711"]
    assert shell_completion(build, path, "heapspy", "dump", "-o", str(tmp_path / "h")) == [str(tmp_path / "heapspy")]
    for command in COMMANDS:
        offered = shell_completion(build, path, "heapspy", command, "--")
        assert {name[2:] for name in offered} == options_of(fake, command)


def test_completion_of_fish(build, fake, tmp_path):
    if not shutil.which("fish"):
        pytest.skip("no fish")
    (tmp_path / "heapspy").symlink_to(fake.path)

    def offered(line: str) -> list[str]:
        script = f"source {build / 'man' / 'heapspy.fish'}; complete -C '{line}'"
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)}
        done = subprocess.run(["fish", "-N", "-c", script], capture_output=True, text=True, check=True, env=environment)
        return [row.split("\t")[0] for row in done.stdout.splitlines()]

    assert set(COMMANDS) <= set(offered("heapspy "))
    assert offered("heapspy dump --format ") == ["csv", "json", "ndjson", "table"]
    assert {"12", "815", "4711"} <= set(offered("heapspy dump "))
    assert {name[2:] for name in offered("heapspy gc --")} == options_of(fake, "gc")
