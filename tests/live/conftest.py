# SPDX-License-Identifier: MIT
"""Fixtures of the live suite. A test that takes `interpreter` or `workplace` runs once for each interpreter."""

from __future__ import annotations

import fnmatch
import os
import pathlib
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "interpreters"))

import catalogue
import targets

REQUIRED = os.environ.get("HEAPSPY_REQUIRE_TEN") == "1"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "interpreter" in metafunc.fixturenames:
        names = _names(metafunc.config, metafunc.definition)
        metafunc.parametrize("interpreter", names, indirect=True, scope="session")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ten: run with no more interpreters than the ten")
    config.addinivalue_line("markers", "only(name, ...): run with these interpreters")
    config.addinivalue_line("markers", "long: run only with --seconds 30 and more")
    config.addinivalue_line("markers", "needs_root: skipped unless run by root")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("needs_root") and os.geteuid() != 0:
        pytest.skip("needs root")
    if item.get_closest_marker("long") and item.config.getoption("--seconds") < 30:
        pytest.skip("takes 30 seconds: --seconds 30")


def _names(config: pytest.Config, test: pytest.Item) -> list[str]:
    """Those of the ten, here or not, and whatever else is here that heapspy reads, as far as they are wanted."""
    names = list(catalogue.THE_TEN)
    if not test.get_closest_marker("ten"):
        names += [one.name for one in catalogue.interpreters() if one.name not in names and _is_read(one)]
    if only := test.get_closest_marker("only"):
        names = [name for name in names if name in only.args]
    patterns = config.getoption("--interpreter") or ["*"]
    return [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]


def _is_read(interpreter: catalogue.Interpreter) -> bool:
    """Not those that have tests of their own: free-threaded builds, and those --with-trace-refs."""
    return not interpreter.free_threaded and not targets.TRACE_REFS.fullmatch(interpreter.name)


@pytest.fixture(scope="session")
def interpreter(request: pytest.FixtureRequest) -> catalogue.Interpreter:
    found = catalogue.interpreter(request.param)
    if found is None and REQUIRED:
        pytest.fail(f"{request.param} is one of the ten and not here: tests/interpreters/install")
    if found is None:
        pytest.skip(f"{request.param} is not here: tests/interpreters/install")
    if found.in_chroot and os.geteuid() != 0:
        pytest.skip(f"{found.name} is in a chroot: needs root")
    return found


@pytest.fixture(scope="session")
def workplace(interpreter: catalogue.Interpreter) -> Iterator[targets.Workplace]:
    with targets.workplace_for(interpreter) as place:
        yield place


@pytest.fixture(scope="session")
def oracle(workplace: targets.Workplace) -> Iterator[targets.Oracle]:
    """The oracle without options; it rests, so that all tests can share it."""
    with workplace.oracle() as running:
        yield running
