# SPDX-License-Identifier: MIT
"""tests/layers passes on the tree, and fails on each kind of line that it is there for."""

from __future__ import annotations

import subprocess

import pytest

from conftest import CHECKOUT

GOOD = {
    "include/heapspy/dump.h": "#include <stddef.h>\n",
    "src/base/error.h": "#include <heapspy/dump.h>\n",
    "src/target/target.h": '#include "base/error.h"\n#include <sys/ptrace.h>\n',
    "src/elf/module.h": '#include "target/target.h"\n#include <elf.h>\n#include <gelf.h>\n#include <elfutils/libdw.h>\n',
    "src/python/types.h": '#include "elf/module.h"\n#include "layout.h"\n',
    "src/python/layout.h": "",
    "src/heap/census/census.h": '  #  include "python/types.h"\n// #include "output/emitter.h"\n',
    "src/output/emitter.h": '#include "base/error.h"\n',
    "src/cmd/main.c": '#include "output/emitter.h"\n#include <heapspy/dump.h>\n#include "tui/tui.h"\n',
    "tui/terminal.c": "#include <ncurses.h>\n#include <heapspy/dump.h>\n",
    "tui/view.c": '#include "view.h"\n',
    "tui/view.h": "",
    "tui/tui.h": "",
}

BAD = [
    ("include/heapspy/dump.h", '#include "base/error.h"'),
    ("src/base/error.h", '#include "target/target.h"'),
    ("src/target/target.h", '#include "elf/module.h"'),
    ("src/elf/module.h", '#include "../python/types.h"'),
    ("src/python/types.h", '#include "heap/census.h"'),
    ("src/heap/census/census.h", '#\tinclude "output/emitter.h"'),
    ("src/output/emitter.h", "#include <cmd/main.c>"),
    ("src/output/emitter.h", '#include "heap/census.h"'),
    ("src/cmd/main.c", '#include "heap/census.h"'),
    ("src/cmd/main.c", '#include "python/types.h"'),
    ("src/cmd/main.c", '#include "tui/view.h"'),
    ("src/heap/census/census.h", '#include "tui/tui.h"'),
    ("tui/view.c", '#include "base/error.h"'),
    ("tui/view.c", '#include "output/emitter.h"'),
    ("tui/view.c", "#include <curses.h>"),
    ("src/cmd/main.c", "#include <ncursesw/ncurses.h>"),
    ("src/python/types.h", "#include <libelf.h>"),
    ("src/heap/census/census.h", "#include <elfutils/libdwfl.h>"),
    ("src/heap/census/census.h", "#include <sys/ptrace.h>"),
    ("src/elf/module.h", "#include <linux/ptrace.h>"),
    ("src/python/types.h", '#include "no/such/file.h"'),
    ("src/heap/census/census.h", "ptrace(PTRACE_SEIZE, pid, 0, 0);"),
    ("src/heap/census/census.h", "process_vm_writev(pid, 0, 0, 0, 0, 0);"),
    ("src/heap/census/census.h", "kill(pid, SIGTERM);"),
    ("src/cmd/main.c", 'open("x", O_CLOEXEC | O_WRONLY);'),
    ("src/cmd/main.c", 'FILE *file = fopen(path, "we");'),
    ("src/target/target.h", "return syscall(SYS_seccomp, 1, 0, filter);"),
]


def layers(checkout) -> subprocess.CompletedProcess[str]:
    command = [CHECKOUT / "tests" / "layers", checkout]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path):
    for name, text in GOOD.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_tree():
    done = layers(CHECKOUT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_good(checkout):
    done = layers(checkout)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name, line", BAD)
def test_bad(checkout, name, line):
    (checkout / name).write_text(GOOD[name] + line + "\n")
    done = layers(checkout)
    number = GOOD[name].count("\n") + 1
    assert done.returncode == 1 and done.stdout.startswith(f"{name}:{number}: {line}\n")


def test_second_user_of_ptrace(checkout):
    (checkout / "src/target/other.c").write_text("#include <sys/ptrace.h>\n")
    done = layers(checkout)
    assert done.returncode == 1 and "so does " in done.stdout


def test_empty(tmp_path):
    assert layers(tmp_path).returncode == 1
