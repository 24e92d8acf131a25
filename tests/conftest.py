# SPDX-License-Identifier: MIT
"""What the suites share: the program under test and how it is run.

The program is $HEAPSPY, or else the one that the build directory of this checkout holds. The options are
those of the live suite; they stand here since pytest wants options beside the outermost conftest.
"""

from __future__ import annotations

import functools
import json
import os
import pathlib
import subprocess

import jsonschema
import pytest

TESTS = pathlib.Path(__file__).resolve().parent
CHECKOUT = TESTS.parent
SCHEMAS = CHECKOUT / "src" / "output" / "schema"

# What sanitizers write; their reports must not pass for an error message of heapspy's.
SANITIZER_MARKS = ("Sanitizer", "runtime error:")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("heapspy")
    group.addoption("--interpreter", action="append", metavar="PATTERN", help="only these interpreters (sid-*)")
    group.addoption("--native-samples", type=int, default=2, help="stops to compare with gdb (default: %(default)s)")
    group.addoption("--scribbles", type=int, default=20, help="dumps of a scribbled target (default: %(default)s)")
    group.addoption("--cycles", type=int, default=50, help="stops of a busy server (default: %(default)s)")
    group.addoption("--seconds", type=float, default=2, help="of each recording (default: %(default)s)")
    group.addoption("--kills", type=int, default=20, help="of a recording (default: %(default)s)")
    group.addoption("--dumps", type=int, default=50, help="dumps of each busy target (default: %(default)s)")


class Heapspy:
    """The program under test."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    @functools.cached_property
    def sanitized(self) -> bool:
        """It was built with ASan: it is slow, and wants more memory."""
        return b"__asan_init" in self.path.read_bytes()

    def run(self, *arguments: object, **options) -> subprocess.CompletedProcess[str]:
        """Run it to its end. Whatever it was asked, it must not crash."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "timeout": 120, **options}
        command = [str(self.path), *map(str, arguments)]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="surrogateescape", **options)
        assert done.returncode >= 0, f"killed by signal {-done.returncode}: {command}\n{done.stderr}"
        assert not any(mark in done.stderr for mark in SANITIZER_MARKS), f"{command}\n{done.stderr}"
        return done

    def json(self, *arguments: object, status: int = 0, **options) -> dict:
        """What it prints with --json, parsed."""
        done = self.run(*arguments, "--json", **options)
        assert done.returncode == status, f"exit status {done.returncode}\n{done.stderr}"
        return self.parse(done.stdout)

    @staticmethod
    def parse(output: str) -> dict:
        """One document, held against the schema that the tree ships for its name ("heapspy.dump/1")."""
        parsed = json.loads(output)
        _schemas()[parsed["schema"]].validate(parsed)
        return parsed

    @staticmethod
    def parse_as(schema: str, line: str) -> dict:
        """One of many lines, which do not say of which schema they are."""
        parsed = json.loads(line)
        _schemas()[schema].validate(parsed)
        return parsed


@functools.lru_cache(maxsize=None)
def _schemas() -> dict[str, jsonschema.protocols.Validator]:
    """By the name that a document gives of its schema. They refer to each other by file name or $id."""
    schemas = {path: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}
    store = {path.as_uri(): schema for path, schema in schemas.items()}
    store.update({schema["$id"]: schema for schema in schemas.values() if "$id" in schema})
    found = {}
    for path, schema in schemas.items():
        kind = jsonschema.validators.validator_for(schema)
        kind.check_schema(schema)
        if name := schema.get("properties", {}).get("schema", {}).get("const"):
            resolver = jsonschema.RefResolver(schema.get("$id", path.as_uri()), schema, store=store)
            found[name] = kind(schema, resolver=resolver)
    return found


def find_heapspy() -> pathlib.Path:
    if chosen := os.environ.get("HEAPSPY"):
        return pathlib.Path(chosen).resolve()
    for place in ("build/heapspy", "build/src/heapspy", "build/src/cmd/heapspy"):
        if (CHECKOUT / place).is_file():
            return CHECKOUT / place
    pytest.exit("there is no heapspy to test: build it in build/, or name it in $HEAPSPY", returncode=4)


@pytest.fixture(scope="session")
def heapspy() -> Heapspy:
    return Heapspy(find_heapspy())
