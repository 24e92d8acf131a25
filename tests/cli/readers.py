# SPDX-License-Identifier: MIT
"""The programs that others read our files with. What is not here is skipped loudly; where HEAPSPY_REQUIRE_TEN=1,
as in CI, that is a failure."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
SPEEDSCOPE = "1.25.0"
PPROF = pathlib.Path("/usr/share/gocode/src/github.com/google/pprof/proto")


def missing(what: str):
    (pytest.fail if os.environ.get("HEAPSPY_REQUIRE_TEN") == "1" else pytest.skip)(what)


def program(name: str, package: str) -> str:
    return shutil.which(name) or missing(f"there is no {name} here (package {package})")


@functools.lru_cache(maxsize=None)
def speedscope_package() -> pathlib.Path:
    """The npm package, in a cache outside of the checkout; what is there is whole."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "heapspy" / "readers"
    final = cache / f"speedscope-{SPEEDSCOPE}"
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.is_dir():
            partial = cache / f".speedscope-{SPEEDSCOPE}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            command = [program("npm", "npm"), "install", "--prefix", str(partial), "--no-audit", "--no-fund"]
            command += ["--ignore-scripts", "--loglevel=error", f"speedscope@{SPEEDSCOPE}"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=partial)
            if done.returncode != 0:
                missing(f"speedscope could not be had: {done.stderr.strip()[-300:]}")
            partial.rename(final)
    return final / "node_modules" / "speedscope"


def speedscope(path: pathlib.Path) -> dict:
    """What speedscope's own importer makes of a file: profiles with their stacks, oldest frame first."""
    node = program("node", "nodejs")
    command = [node, str(HERE / "speedscope.cjs"), str(speedscope_package()), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout[done.stdout.index('{"name"') :])


def pprof(path: pathlib.Path) -> str:
    """A profile as text, by the definition that pprof itself comes with."""
    protoc = program("protoc", "protobuf-compiler")
    if not (PPROF / "profile.proto").is_file():
        missing("there is no definition of pprof's profiles here (package golang-github-google-pprof-dev)")
    command = [protoc, "--decode=perftools.profiles.Profile", f"-I{PPROF}", "profile.proto"]
    unpacked = subprocess.run(["gzip", "-dc", str(path)], capture_output=True, check=True).stdout
    done = subprocess.run(command, input=unpacked, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def picture(path: pathlib.Path) -> bytes:
    """An SVG as librsvg draws it: a PNG."""
    command = [program("rsvg-convert", "librsvg2-bin"), "--format", "png", str(path)]
    done = subprocess.run(command, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def click(path: pathlib.Path, frames: list[dict], *numbers: int) -> list[dict]:
    """The frames of a flame graph after clicks on some of them."""
    command = [program("node", "nodejs"), str(HERE / "svg_click.cjs"), str(path), *map(str, numbers)]
    done = subprocess.run(command, capture_output=True, text=True, input=json.dumps(frames), timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
