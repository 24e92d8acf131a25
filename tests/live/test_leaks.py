# SPDX-License-Identifier: MIT
"""heapspy under valgrind: it gives back what it took, and touches no memory that is not its own."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
import targets

# Valgrind does not know what ioctl(PAGEMAP_SCAN) and other young system calls write: undefined values are
# left to the sanitizers.
KINDS = "definite,indirect,possible"
VALGRIND = [
    *("valgrind", "--quiet", "--error-exitcode=99", "--undef-value-errors=no"),
    *("--leak-check=full", f"--show-leak-kinds={KINDS}", f"--errors-for-leak-kinds={KINDS}"),
]


@pytest.fixture(scope="module")
def valgrind(heapspy) -> list[str]:
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not here")
    if heapspy.sanitized:
        pytest.skip("a program with sanitizers does not run under valgrind")
    # It makes code, which the sandbox forbids.
    return [*VALGRIND, str(heapspy.path), "--no-sandbox"]


def assert_clean(command: list[str], status: int = 0) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
    assert done.returncode == status, done.stderr.decode(errors="replace")


@pytest.mark.only("pyenv-3.8", "pyenv-3.12", "debian-3.11", "sid-3.15")
@pytest.mark.parametrize(
    "command",
    [["dump"], ["dump", "--json"], ["dump", "--instances", "dict"], ["gc"], ["doctor", "-v"]],
    ids=" ".join,
)
def test_no_leak(valgrind, workplace: targets.Workplace, command: list[str]) -> None:
    with workplace.oracle("--small") as oracle:
        assert_clean([*valgrind, *command, str(oracle.pid)])


@pytest.mark.only("pyenv-3.12")
def test_no_leak_from_dwarf(valgrind, workplace: targets.Workplace) -> None:
    with workplace.oracle("--small") as oracle:
        assert_clean([*valgrind, "dump", "--layout", "dwarf", str(oracle.pid)])


def test_no_leak_of_an_error(valgrind) -> None:
    assert_clean([*valgrind, "dump", str(os.getpid()), "--layout", "nonsense"], status=2)
    with targets.plain(["cat"]) as target:
        assert_clean([*valgrind, "dump", str(target.pid)], status=5)


def test_no_leak_of_the_list(valgrind) -> None:
    assert_clean([*valgrind, "ps"])
