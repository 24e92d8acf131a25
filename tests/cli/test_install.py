# SPDX-License-Identifier: MIT
"""What `meson install` installs, and that other programs can use it."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess

import pytest

from conftest import CHECKOUT

PROGRAM = """
#include <stdio.h>
%s
int main(void)
{
	struct heapspy_processes processes;
	struct heapspy_error *error = heapspy_processes_list(&processes);
	if (error)
		return heapspy_exit_status(error->code);
	printf("%%zu processes\\n", processes.count);
	heapspy_processes_fini(&processes);
	return 0;
}
"""


@pytest.fixture(scope="module")
def installed(build, tmp_path_factory) -> pathlib.Path:
    destination = tmp_path_factory.mktemp("installed")
    command = ["meson", "install", "-C", str(build), "--no-rebuild", "--quiet", "--destdir", str(destination)]
    subprocess.run(command, check=True)
    return destination


def find(installed: pathlib.Path, name: str) -> pathlib.Path:
    found = [path for path in installed.rglob(name) if path.parent.name != "heapspy" or name.endswith(".h")]
    assert len(found) == 1, (name, found)
    return found[0]


def test_files(installed):
    names = {path.name for path in installed.rglob("*") if not path.is_dir()}
    headers = {path.name for path in (CHECKOUT / "include" / "heapspy").glob("*.h")}
    schemas = {path.name for path in (CHECKOUT / "src" / "output" / "schema").glob("*.json")}
    assert headers | schemas | {"heapspy", "heapspy.1", "_heapspy", "heapspy.fish", "heapspy.pc"} <= names
    assert {"libheapspy.so", "libheapspy.so.0"} <= names
    for place in ("bin/heapspy", "man/man1/heapspy.1", "bash-completion/completions/heapspy", "heapspy/schema/dump-1.json"):
        assert list(installed.rglob(place)), place


def test_library_exports_the_api_alone(installed):
    library = find(installed, "libheapspy.so.0")
    symbols = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    exported = set(re.findall(r" [A-Z] (\w+)", symbols))
    marked = set()
    for header in (CHECKOUT / "include" / "heapspy").glob("*.h"):
        marked |= set(re.findall(r"HEAPSPY_API [^;]*?\b(heapspy_\w+)\(", header.read_text()))
    sanitizers = {name for name in exported if not name.startswith("heapspy_")}
    assert exported - sanitizers == marked
    assert all("asan" in name or "ubsan" in name for name in sanitizers), sanitizers


def test_program_with_the_library(installed, tmp_path):
    """Each header stands alone; what pkg-config says is enough to compile, link and run."""
    if b"__asan_init" in find(installed, "libheapspy.so.0").read_bytes():
        pytest.skip("a sanitized library needs a sanitized program")
    headers = sorted(path.name for path in (CHECKOUT / "include" / "heapspy").glob("*.h"))
    directory = find(installed, "heapspy.pc").parent
    environment = {**os.environ, "PKG_CONFIG_PATH": str(directory), "PKG_CONFIG_SYSROOT_DIR": str(installed)}
    command = ["pkg-config", "--cflags", "--libs", "heapspy"]
    flags = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    for number, header in enumerate([*headers, None]):
        source, program = tmp_path / f"{number}.c", tmp_path / f"{number}"
        first = [header] if header else headers
        include = "".join(f"#include <heapspy/{name}>\n" for name in [*first, "processes.h"])
        source.write_text(PROGRAM % include)
        only = [] if header is None else ["-fsyntax-only"]
        warnings = ["-std=c11", "-Wall", "-Wextra", "-Werror"]
        subprocess.run(["cc", *warnings, *only, source, "-o", program, *flags], check=True)
    environment = {**os.environ, "LD_LIBRARY_PATH": str(find(installed, "libheapspy.so.0").parent)}
    done = subprocess.run([program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.endswith(" processes\n")


def test_versions_agree(installed, heapspy):
    version = heapspy.run("--version").stdout.split()[1]
    assert f"Version: {version}\n" in find(installed, "heapspy.pc").read_text()
    assert find(installed, "libheapspy.so.0").resolve().name == f"libheapspy.so.{version}"
    assert f'"heapspy {version}"' in find(installed, "heapspy.1").read_text()
    assert version in (CHECKOUT / "CHANGELOG.md").read_text()
