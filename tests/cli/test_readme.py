# SPDX-License-Identifier: MIT
"""What README.md tells people to run does run."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from conftest import CHECKOUT, ENVIRONMENT


@pytest.fixture(scope="module")
def readme() -> str:
    return (CHECKOUT / "README.md").read_text()


@pytest.fixture(scope="module")
def commands(readme) -> list[str]:
    """The two at the top, each one line."""
    first = readme.split("```sh\n")[1].split("```")[0]
    return [line.split("#")[0].strip() for line in first.splitlines()]


def test_two_commands(readme, commands):
    assert len(commands) == 2
    assert readme.index("```sh") < 1200  # at the top
    for command in commands:
        assert os.access(CHECKOUT / command, os.X_OK), command


def processes() -> list[str]:
    return [pid for pid in os.listdir("/proc") if pid.isdigit() and is_demo(pid)]


def is_demo(pid: str) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"demo/leak.py" in file.read()
    except OSError:
        return False


def test_demo(commands, build):
    """Twice: what the first one left is used by the second. Nothing of it goes on running."""
    before = set(processes())
    for _ in range(2):
        done = subprocess.run(
            [CHECKOUT / commands[0]],
            cwd="/",
            env={**ENVIRONMENT, "BUILD": str(build)},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        assert re.search(r"^ +\S+ +[\d.]+% .* app\.cache\.Entry$", done.stdout, re.M), done.stdout
        assert not set(processes()) - before


def test_demo_without_interpreter(commands, build):
    """A demonstration that cannot start says so, and does not hang."""
    environment = {**ENVIRONMENT, "BUILD": str(build), "PYTHON": "/nonexistent"}
    done = subprocess.run([CHECKOUT / commands[0]], env=environment, capture_output=True, check=False, timeout=120)
    assert done.returncode != 0 and done.stdout == b""


def test_every_command_line_is_understood(readme, fake, tmp_path):
    """All lines that call heapspy, with made-up processes."""
    lines = re.findall(r"^(?:\$ |sudo )?(heapspy .*?)(?: *#.*)?$", readme, re.M)
    assert lines
    (tmp_path / "app.py").write_text("import time; time.sleep(600)")
    for line in lines:
        line = re.sub(r"\b4711\b", "1", line).replace("heapspy", f"'{fake.path}'", 1)
        line = re.sub(r" 1 1s$", " 1 1ms 2", line)
        line = re.sub(r" top 1$", " top 1 -n 1", line).replace(" top --", " top -n 1 --")
        line = line.replace("-o leak.ndjson", "-o leak.ndjson --force")
        done = subprocess.run(["sh", "-c", line], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=30)
        # Made-up recordings have lost events.
        assert done.returncode == (7 if " report " in line else 0), (line, done.stderr)


def test_demo_script_is_clean(commands):
    try:
        done = subprocess.run(["shellcheck", CHECKOUT / commands[0]], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no shellcheck")
    assert done.stdout == ""
