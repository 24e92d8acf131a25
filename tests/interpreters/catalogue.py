#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The interpreters that the tests run against: which there are, where, and how each was built.

`install` beside this file brings them here. Nothing is remembered between runs: each is asked for its
version and flavour, and its ELF files for their symbols and DWARF.

    python3 tests/interpreters/catalogue.py [--json] [PATTERN...]
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import fnmatch
import functools
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator

HOST = pathlib.Path("/")

PYENV_MINORS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
SID_MINORS = ("3.13", "3.14", "3.15")

THE_TEN = (
    *(f"pyenv-{minor}" for minor in PYENV_MINORS),
    "debian-3.11",
    *(f"sid-{minor}" for minor in SID_MINORS),
)

# Not read by heapspy: they are there to be refused.
TOO_OLD = ("2.7", "3.6", "3.7")

# The chroots, by the name `install` gives them: Debian's python of these minor versions lies in each, and,
# but for sid's, its debug build too. sid's debug builds and debug files have a chroot of their own, so that
# sid's ten are as bare as a user's.
CHROOTS = {"sid": SID_MINORS, "bookworm": ("3.11",), "trixie": ("3.13",), "bullseye": ("3.9",)}

# What an interpreter says of itself, one thing a line. Runs on Python 2.7 as well.
PROBE = r"""
import sys
version = "%d.%d.%d" % tuple(sys.version_info[:3])
flags = getattr(sys, "abiflags", "")
pydebug = hasattr(sys, "gettotalrefcount")
dynload = [path for path in sys.path if path.endswith("/lib-dynload")]
sys.stdout.write("\n".join([version, "t" if "t" in flags else "", "d" if pydebug else ""] + dynload[:1]))
"""


@dataclasses.dataclass(frozen=True, eq=False)
class Interpreter:
    """One interpreter that is on this machine and runs. Paths are as the host sees them."""

    name: str
    version: str
    argv: list[str]
    """What to put before a script and its arguments to run it."""
    root: pathlib.Path
    """The directory it has as its "/"."""
    executable: pathlib.Path
    libpython: pathlib.Path | None
    """The shared library that holds the interpreter; None where the executable does."""
    dwarf: list[pathlib.Path]
    """The files with DWARF of the code of `executable` and `libpython`: themselves, or detached."""
    extension_dir: pathlib.Path | None
    """Where the standard library's extension modules lie (lib-dynload)."""
    stripped: bool
    """No .symtab in the file that holds the interpreter."""
    pydebug: bool
    free_threaded: bool
    in_ten: bool

    @property
    def version_info(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split("."))

    @property
    def in_chroot(self) -> bool:
        """Whether it has another root directory than the host."""
        return self.root != HOST

    def with_proc(self) -> Interpreter:
        """The same with /proc in its chroot, for scripts that look at it.

        It is mounted in a mount namespace that ends with the process, so it is never left behind; the
        process id is still that of the interpreter. Needs more privilege than chroot does.
        """
        if not self.in_chroot:
            return self
        mount = 'mount -t proc proc "$1/proc" && exec chroot "$@"'
        argv = ["unshare", "--mount", "sh", "-c", mount, "sh", *self.argv[1:]]
        return dataclasses.replace(self, argv=argv)

    def as_target_sees(self, path: pathlib.Path) -> pathlib.Path:
        """The name, under this interpreter's root, of a file below it."""
        return HOST / path.relative_to(self.root)

    def as_host_sees(self, path: str | pathlib.Path) -> pathlib.Path:
        """The host's name of what this interpreter calls `path`."""
        return self.root / pathlib.Path(path).relative_to(HOST)


def cache() -> pathlib.Path:
    """Where `install` puts interpreters."""
    if chosen := os.environ.get("HEAPSPY_INTERPRETERS"):
        return pathlib.Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(home) / "heapspy" / "interpreters"


# --- ELF -----------------------------------------------------------------------------------------


class Elf:
    """The sections of a 64-bit little-endian ELF file."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._sections: dict[str, tuple[int, int]] = {}  # name: offset, size in the file
        with path.open("rb") as file:
            header = file.read(64)
            if header[:6] != b"\x7fELF\x02\x01":
                raise ValueError(f"{path}: not a 64-bit little-endian ELF file")
            (table,) = struct.unpack_from("<Q", header, 0x28)
            size, count, names_index = struct.unpack_from("<HHH", header, 0x3A)
            file.seek(table)
            rows = file.read(size * count)
            # sh_name, sh_type, sh_flags, sh_addr, sh_offset, sh_size
            sections = [struct.unpack_from("<IIQQQQ", rows, i * size) for i in range(count)]
            names = b""
            if sections:
                file.seek(sections[names_index][4])
                names = file.read(sections[names_index][5])
        for name, _, _, _, offset, length in sections:
            text = names[name : names.index(b"\0", name)].decode("ascii", "replace")
            self._sections[text] = (offset, length)

    def __contains__(self, section: str) -> bool:
        return section in self._sections

    def read(self, section: str) -> bytes:
        """The bytes of a section; none if it is not there."""
        offset, size = self._sections.get(section, (0, 0))
        with self._path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    @property
    def build_id(self) -> str | None:
        """The linker's build id, in hexadecimal."""
        note = self.read(".note.gnu.build-id")
        if len(note) < 16:
            return None
        name_size, id_size, _ = struct.unpack_from("<III", note)
        start = 12 + (name_size + 3 & ~3)
        return note[start : start + id_size].hex()

    @property
    def needed_libpython(self) -> str | None:
        """The name of the libpython that it is linked with."""
        found = re.search(rb"\0(libpython[\w.]+\.so\.1\.0)\0", self.read(".dynstr"))
        return found[1].decode() if found else None


def dwarf_of(elf: pathlib.Path, root: pathlib.Path = HOST) -> pathlib.Path | None:
    """The file with the DWARF of an ELF file that lies below `root`: itself, or its detached one."""
    parsed = Elf(elf)
    if ".debug_info" in parsed:
        return elf
    if build_id := parsed.build_id:
        for place in (root, *(cache() / name for name in ("sid-dbg", *CHROOTS))):
            detached = place / "usr/lib/debug/.build-id" / build_id[:2] / f"{build_id[2:]}.debug"
            if detached.is_file() and ".debug_info" in Elf(detached):
                return detached
    return None


# --- finding -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Candidate:
    name: str
    root: pathlib.Path
    executable: pathlib.Path


def _newest_of_pyenv(minor: str) -> Iterator[_Candidate]:
    home = os.environ.get("PYENV_ROOT") or pathlib.Path.home() / ".pyenv"
    versions = pathlib.Path(home) / "versions"
    micros = [
        int(path.name.rpartition(".")[2])
        for path in versions.glob(f"{minor}.*")
        if re.fullmatch(re.escape(minor) + r"\.\d+", path.name)
    ]
    if micros:
        prefix = versions / f"{minor}.{max(micros)}"
        yield _Candidate(f"pyenv-{minor}", HOST, prefix / "bin" / f"python{minor}")


def _candidates() -> Iterator[_Candidate]:
    for minor in PYENV_MINORS:
        yield from _newest_of_pyenv(minor)
    yield _Candidate("debian-3.11", HOST, HOST / "usr/bin/python3.11")
    for suite, minors in CHROOTS.items():
        root = cache() / suite
        for minor in minors:
            yield _Candidate(f"{suite}-{minor}", root, root / "usr/bin" / f"python{minor}")
    for suite, minors in CHROOTS.items():
        root = cache() / ("sid-dbg" if suite == "sid" else suite)
        for minor in minors:
            yield _Candidate(f"{suite}-{minor}-dbg", root, root / "usr/bin" / f"python{minor}d")
    for prefix in sorted(cache().glob("built-*")):
        yield _Candidate(prefix.name, HOST, (prefix / "bin/python3").resolve())


def _examine(candidate: _Candidate) -> Interpreter | None:
    """Runs a candidate to learn what it is. None, and a word on stderr, if it does not run."""
    name, root, executable = candidate.name, candidate.root, candidate.executable
    argv = [str(executable)]
    if root != HOST:
        argv = ["chroot", str(root), str(HOST / executable.relative_to(root))]
    try:
        done = subprocess.run(
            [*argv, "-E", "-s", "-S", "-c", PROBE], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "stderr", None) or str(error)
        print(f"{name}: is here but does not run: {reason.strip()}", file=sys.stderr)
        return None
    version, free_threaded, pydebug, *dynload = done.stdout.split("\n")

    libpython = None
    if library := Elf(executable).needed_libpython:
        libpython = executable.parent.parent / "lib" / library
    code = [libpython, executable] if libpython else [executable]
    return Interpreter(
        name=name,
        version=version,
        argv=argv,
        root=root,
        executable=executable,
        libpython=libpython,
        dwarf=[file for elf in code if (file := dwarf_of(elf, root))],
        extension_dir=root / dynload[0].lstrip("/") if dynload else None,
        stripped=".symtab" not in Elf(code[0]),
        pydebug=bool(pydebug),
        free_threaded=bool(free_threaded),
        in_ten=name in THE_TEN,
    )


@functools.lru_cache(maxsize=None)
def _all() -> tuple[Interpreter, ...]:
    found = (_examine(candidate) for candidate in _candidates() if candidate.executable.is_file())
    return tuple(interpreter for interpreter in found if interpreter)


def interpreters(only: str | Iterable[str] | None = None) -> list[Interpreter]:
    """Those on this machine that heapspy is to read, the ten first.

    `only`: names, or patterns such as "sid-*", of those wanted.
    """
    if only is None:
        return list(_all())
    patterns = [only] if isinstance(only, str) else list(only)
    return [one for one in _all() if any(fnmatch.fnmatchcase(one.name, pattern) for pattern in patterns)]


def interpreter(name: str) -> Interpreter | None:
    """The one of this name, if it is here."""
    return next((one for one in _all() if one.name == name), None)


@functools.lru_cache(maxsize=None)
def too_old() -> tuple[Interpreter, ...]:
    """Pythons on this machine that heapspy must refuse, however well they run."""
    found = (_examine(candidate) for minor in TOO_OLD for candidate in _newest_of_pyenv(minor))
    return tuple(one for one in found if one)


def missing_of_ten() -> list[str]:
    """The names of those of the ten that are not here or do not run."""
    here = {one.name for one in _all()}
    return [name for name in THE_TEN if name not in here]


# --- running -------------------------------------------------------------------------------------


@contextlib.contextmanager
def script_for(interp: Interpreter, path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """A script of the checkout, as the interpreter can see it while the context lasts.

    For a chroot that is a copy in a directory of its own in the chroot's /tmp. Files the script leaves
    beside it are removed with it.

        with script_for(interp, "tests/targets/cycle.py") as script:
            process = subprocess.Popen([*interp.argv, str(script)])
    """
    script = pathlib.Path(path).resolve(strict=True)
    if not interp.in_chroot:
        yield script
        return
    with tempfile.TemporaryDirectory(prefix="heapspy-", dir=interp.root / "tmp") as directory:
        os.chmod(directory, 0o755)
        copy = shutil.copy(script, directory)
        yield interp.as_target_sees(pathlib.Path(copy))


# --- the table -----------------------------------------------------------------------------------


def _as_json(one: Interpreter) -> dict[str, object]:
    return json.loads(json.dumps(dataclasses.asdict(one), default=str))


def _as_row(one: Interpreter) -> tuple[str, ...]:
    traits = {
        "shared": one.libpython is not None,
        "stripped": one.stripped,
        "pydebug": one.pydebug,
        "free-threaded": one.free_threaded,
        "chroot": one.in_chroot,
    }
    if not one.dwarf:
        dwarf = "none"
    else:
        dwarf = "inside" if one.dwarf[0] in (one.executable, one.libpython) else "detached"
    traits_text = " ".join(trait for trait, has in traits.items() if has)
    return (one.name, one.version, "ten" if one.in_ten else "", dwarf, traits_text, str(one.executable))


def main() -> None:
    parser = argparse.ArgumentParser(description="The interpreters that the tests can run against here.")
    parser.add_argument("--json", action="store_true", help="everything known of each, as JSON")
    parser.add_argument("pattern", nargs="*", help='names or patterns ("sid-*") of those wanted')
    options = parser.parse_args()

    found = interpreters(options.pattern or None)
    if options.json:
        json.dump([_as_json(one) for one in found], sys.stdout, indent=2)
        print()
        return
    rows = [("NAME", "VERSION", "", "DWARF", "TRAITS", "EXECUTABLE"), *map(_as_row, found)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    if missing := missing_of_ten():
        print(f"missing of the ten: {' '.join(missing)} (tests/interpreters/install)", file=sys.stderr)


if __name__ == "__main__":
    main()
