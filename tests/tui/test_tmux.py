# SPDX-License-Identifier: MIT
"""The dashboard on a terminal: a real target, a tmux server of our own, every key of the table.

Nothing is waited for by time: the screen is looked at until it says what it must.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 60
PROMPT = "ready> "

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="there is no tmux")


class Terminal:
    """A shell in a window of fixed size."""

    def __init__(self, name: str, columns: int, rows: int, **environment: str) -> None:
        self.server = ["tmux", "-L", name, "-f", "/dev/null"]
        shell = ["env", "-u", "NO_COLOR", "LC_ALL=C.UTF-8", f"PS1={PROMPT}"]
        shell += [f"{key}={value}" for key, value in environment.items()]
        shell += ["bash", "--norc", "--noprofile", "-i"]
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), *shell)
        self.until(re.escape(PROMPT.strip()))

    def tmux(self, *arguments: str) -> str:
        done = subprocess.run([*self.server, *arguments], capture_output=True, text=True, check=True, timeout=PATIENCE)
        return done.stdout

    def screen(self, *options: str) -> str:
        return self.tmux("capture-pane", "-p", *options)

    def until(self, pattern: str) -> str:
        """The screen when it matches."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, screen := self.screen(), re.M):
            assert time.monotonic() < deadline, f"no {pattern!r} on\n{screen}"
            time.sleep(0.02)
        return screen

    def until_not(self, pattern: str) -> str:
        return self.until(rf"\A(?![\s\S]*{pattern})")

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def line(self, text: str) -> None:
        self.type(text)
        self.press("Enter")

    def asked(self, variable: str) -> str:
        return self.tmux("display-message", "-p", f"#{{{variable}}}").strip()

    def child(self) -> int:
        """The process that the shell has started."""
        shell = self.asked("pane_pid")
        return int(pathlib.Path(f"/proc/{shell}/task/{shell}/children").read_text().split()[-1])

    def assert_restored(self) -> None:
        """As a shell wants it."""
        self.until(rf"^{PROMPT.strip()}\s*\Z")
        assert self.asked("alternate_on") == "0"
        assert self.asked("cursor_flag") == "1"
        self.line("clear; stty -a | tr ' ;' '\\n\\n' | grep -xE -- '-?(icanon|echo|isig|onlcr)' | tr '\\n' ' '; echo .")
        self.until(r"^onlcr isig icanon echo \.$")


@pytest.fixture
def terminal(request):
    columns, rows = getattr(request, "param", (80, 24))
    name = f"heapspy-{os.getpid()}-{time.monotonic_ns()}"
    window = None
    try:
        window = Terminal(name, columns, rows)
        yield window
    finally:
        subprocess.run(["tmux", "-L", name, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def target():
    """The service of the demo, which leaks."""
    place = CHECKOUT / "tests" / "demo"
    command = ["/usr/bin/python3", "leak.py"]
    process = subprocess.Popen(command, cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    yield process
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    process.kill()
    process.wait()
    process.stdout.close()


def start(terminal: Terminal, heapspy, target, *arguments: str) -> None:
    terminal.line(f"clear; {heapspy.path} top {target.pid} {' '.join(arguments)}; echo status=$?.")
    terminal.until(r"LIVE$")
    terminal.until(r"app\.cache\.Entry")


# What each key of the table is called by tmux, and what is then to be seen. In this order.
KEYS = [
    ("?", "?", r"Help: Esc closes it"),
    ("h", "h", r"TYPE +COUNT"),
    ("F1", "F1", r"Help: Esc closes it"),
    ("End", "End", r"Nothing is written into the process"),
    ("Esc", "Escape", r"TYPE +COUNT"),
    ("2", "2", r"\[2 GC\]"),
    ("3", "3", r"\[3 Alloc\]"),
    ("4", "4", r"\[4 Threads\]"),
    ("5", "5", r"\[5 Memory\]"),
    ("6", "6", r"\[6 Log\]"),
    ("Tab", "Tab", r"\[1 Types\]"),
    ("S-Tab", "BTab", r"\[6 Log\]"),
    ("1", "1", r"\[1 Types\]"),
    ("s", "s", r"sort \+/-SIZE v"),
    ("S", "S", r"sort SIZE v"),
    ("R", "R", r"sort SIZE \^"),
    ("R", "R", r"sort SIZE v"),
    ("Home", "Home", r"^>.(dict|str) "),
    ("Down", "Down", r"^[ ].(dict|str) .*\n>"),
    ("Up", "Up", r"^>.(dict|str) "),
    ("j", "j", r"^[ ].(dict|str) .*\n>"),
    ("k", "k", r"^>.(dict|str) "),
    ("PgDn", "PageDown", r"TYPE .*\n [\s\S]*^>"),
    ("PgUp", "PageUp", r"^>.(dict|str) "),
    ("Enter", "Enter", r"^Types > (dict|str) "),
    ("o", "o", r"objects 1-\d+ of 50, drawn by lot"),
    ("A", "A", r"objects 1-\d+ of 2000, drawn by lot"),
    ("Enter", "Enter", r"^ 0x[0-9a-f]+  \d+ bytes *(│.*)?\n ('|\{)"),
    ("Backspace", "BSpace", r"Types > (dict|str) (?![\s\S]*\d bytes )"),
    ("Backspace", "BSpace", r"TYPE +COUNT"),
    ("d", "d", r"changes are since the heap walk before"),
    ("b", "b", r"changes count from the heap walk of \d"),
    ("Space", "Space", r"FROZEN \d"),
    ("p", "p", r"LIVE$"),
    ("F5", "F5", r"walking the heap"),
    ("w", "w", r"walking the heap"),
    ("l", "l", r"^Types growing \(l\) [\s\S]*app\.cache\.Entry"),
    ("l", "l", r"^Types  "),
    ("c", "c", r"TYPE +COUNT +SIZE +MEAN"),
    ("c", "c", r"TYPE +COUNT +\+/-"),
    ("t", "t", r"threads that run, or hold the GIL"),
    ("t", "t", r"all threads"),
    ("n", "n", r"TOP FRAME  with C at \d[\s\S]* \(libc\.so\.6"),
    ("n", "n", r"frames of Python, as they are"),
    ("1", "1", r"\[1 Types\]"),
    ("C", "C", r"theme: blue and yellow"),
    ("C", "C", r"theme: no colours"),
    ("C", "C", r"theme: colours of the terminal"),
    ("e", "e", r"export JSON to: heapspy-\d+-types-\w+\.json_"),
    ("Tab", "Tab", r"export CSV to: heapspy-\d+-types-\w+\.csv_"),
    ("Esc", "Escape", r"\A(?![\s\S]*export CSV)"),
    ("E", "E", r"export CSV to: "),
    ("Esc", "Escape", r"\A(?![\s\S]*export CSV)"),
    ("x", "x", r"snapshot of the heap to: heapspy-\d+-heap-\w+\.core_"),
    ("Esc", "Escape", r"\A(?![\s\S]*snapshot of the heap to)"),
    ("v", "v", r"^ *(heap|RSS) [│|]"),
    ("T", "T", r"the plot spans 15m00s"),
    ("g", "g", r"[▖▗▄▌▐▙▟█]"),
    ("+", "+", r"a heap walk every 1s"),
    ("-", "-", r"a heap walk every 2s"),
    ("y", "y", r"copied: heapspy dump \d+ --sort bytes"),
    ("z", "z", r"\A(?![\s\S]*now$)"),
    ("z", "z", r" now"),
    (".", ".", r"this is no recording"),
    ("s", "s", r"sort \+/-SIZE v"),
    ("<", "<", r"this is no recording"),
    ("S", "S", r"sort SIZE v"),
    (">", ">", r"this is no recording"),
    ("^L", "C-l", r"TYPE +COUNT"),
]


def help_keys(terminal: Terminal) -> set[str]:
    """The names of all keys, as help has them."""
    terminal.press("?")
    found = set()
    terminal.press("Home")
    screen = terminal.until(r"^ Enter  ")
    while True:
        table = screen.split("Help: ")[1].split("\n >  selected")[0]
        for line in table.splitlines():
            if re.match(r" \S", line) and line[19:20] == " " and line[20:21].strip():
                found |= set(line[1:19].split())
        if "Nothing is written" in screen:
            break
        # A page goes on where the last line was.
        last = [line for line in screen.splitlines()[:-1] if line.strip()][-1][1:40].strip()
        first = re.escape([line for line in table.splitlines()[1:] if line.strip()][0][1:30].rstrip())
        terminal.press("PageDown")
        terminal.until_not(rf"\n {first}")
        screen = terminal.until(re.escape(last))
    terminal.press("Escape")
    terminal.until(r"TYPE +COUNT")
    return found


@pytest.mark.parametrize("terminal", [(80, 24), (160, 50)], indirect=True, ids=["80x24", "160x50"])
def test_every_key(terminal, heapspy, target):
    start(terminal, heapspy, target, "--census", "2s")
    driven = set()
    for name, key, seen in KEYS:
        terminal.press(key)
        terminal.until(seen)
        driven.add(name)

    terminal.type("/")
    terminal.until(r"filter: _")
    terminal.type("cache")
    terminal.until(r"filter: cache_")
    terminal.press("Enter")
    terminal.until(r"filter cache +2 of \d+|filter cache +1 of \d+")
    terminal.press("Escape")
    terminal.until(r"filter none")

    terminal.press("C-z")
    terminal.until(r"Stopped")
    assert terminal.asked("alternate_on") == "0"
    terminal.line("clear; fg")
    terminal.until(r"LIVE$")
    terminal.press("m")
    terminal.until(r"mouse: clicks select")
    terminal.press("m")
    terminal.until(r"mouse: it is the terminal's")
    driven |= {"/", "^Z", "m"}

    named = help_keys(terminal)
    ends = {"q": "q", "F10": "F10", "^C": "C-c"}
    assert driven | set(ends) == named
    for key in ends.values():
        terminal.press(key)
        if key != "q":  # the shell has forgotten what came after the command that it stopped
            terminal.until(r"status=0\.")
        terminal.assert_restored()
        if key != "C-c":
            start(terminal, heapspy, target)


def test_resize(terminal, heapspy, target):
    start(terminal, heapspy, target, "--census", "1s")
    for columns, rows, seen in [
        (160, 50, r"─ GC ─[\s\S]*─ Threads ─[\s\S]*─ Alloc ─"),
        (120, 36, r"─ GC ─[\s\S]*─ Threads ─"),
        (40, 10, r"\Aheapspy top +\d+.*\nRSS"),
        (30, 8, r"\Atoo small\nneed 40x10"),
        (80, 24, r"\[1 Types\][\s\S]*quit$"),
    ]:
        terminal.tmux("resize-window", "-x", str(columns), "-y", str(rows))
        screen = terminal.until(seen)
        assert max(map(len, screen.splitlines())) <= columns
    terminal.press("q")
    terminal.assert_restored()


def ask_for(terminal: Terminal, key: str, path: pathlib.Path) -> None:
    """Answer the question for a file."""
    terminal.press(key)
    terminal.until(r" to: heapspy-\S+_")
    terminal.press(*["BSpace"] * 60)
    terminal.until(r" to: _")
    terminal.type(str(path))
    terminal.until(rf" to: {re.escape(str(path))[:40]}")


def test_files(terminal, heapspy, target, tmp_path, monkeypatch):
    """What is on the screen is in the file, whole or not at all, and nothing is replaced unasked."""
    monkeypatch.chdir(tmp_path)
    terminal.line(f"cd {tmp_path}")
    start(terminal, heapspy, target, "--census", "1s")
    for number, view in enumerate("types gc allocator threads memory log".split(), 1):
        terminal.press(str(number))
        path = pathlib.Path(f"{view}.json")
        ask_for(terminal, "e", path)
        terminal.press("Enter")
        terminal.until(rf"written: {path}, \d+ rows")
        document = heapspy.parse(path.read_text())
        assert document["view"] == view and document["target"]["pid"] == target.pid
        assert document["rows"] or view == "log"
    rows = {row["type"]: row for row in heapspy.parse(pathlib.Path("types.json").read_text())["rows"]}
    assert rows["app.cache.Entry"]["objects"] >= 20000 and rows["app.cache.Entry"]["bytes"] > 10**6

    terminal.press("5", "o")
    terminal.until(r"mappings by RSS[\s\S]*^>[+ ] \[pymalloc arenas\]")
    ask_for(terminal, "e", pathlib.Path("mappings.json"))
    terminal.press("Enter")
    terminal.until(r"written: mappings\.json, \d+ rows")
    mappings = {row["name"]: row["rss"] for row in heapspy.parse(pathlib.Path("mappings.json").read_text())["rows"]}
    assert mappings["[pymalloc arenas]"] > 10**6 and any(name.endswith("libc.so.6") for name in mappings)
    terminal.press("Enter")
    terminal.until(r"^>- \[pymalloc arenas\].*\n +[0-9a-f]+ rw-p")

    terminal.press("1")
    ask_for(terminal, "e", pathlib.Path("types.json"))
    terminal.press("Enter")
    terminal.until(r"types\.json exists: y replaces it")
    before = pathlib.Path("types.json").stat().st_ino
    terminal.press("n")
    terminal.until(r"it was left as it is")
    assert pathlib.Path("types.json").stat().st_ino == before
    ask_for(terminal, "e", pathlib.Path("types.json"))
    terminal.press("Enter")
    terminal.until(r"types\.json exists: y replaces it")
    terminal.press("y")
    terminal.until(r"written: types\.json")
    assert pathlib.Path("types.json").stat().st_ino != before

    ask_for(terminal, "E", pathlib.Path("types.csv"))
    terminal.press("Enter")
    terminal.until(r"written: types\.csv")
    lines = pathlib.Path("types.csv").read_text().splitlines()
    assert lines[0].startswith("type,address,objects,") and any(line.startswith("app.cache.Entry,") for line in lines)
    terminal.press("E", "Tab")
    terminal.until(r"export text to: ")
    terminal.press("Escape")
    ask_for(terminal, "e", pathlib.Path("nowhere/types.json"))
    terminal.press("Enter")
    terminal.until(r"cannot write to nowhere/types\.json: No such file or directory")

    ask_for(terminal, "x", pathlib.Path("heap.core"))
    terminal.press("Enter")
    terminal.until(r"written: \S+ on disk in \S+: heap\.core")
    assert pathlib.Path("heap.core").stat().st_mode & 0o777 == 0o600
    terminal.press("q")
    terminal.assert_restored()
    of_file = heapspy.json("dump", "./heap.core", "--filter", "app.cache.Entry")
    assert of_file["heap"]["types"][0]["objects"] >= 20000
    assert sorted(os.listdir()) == sorted([*(f"{view}.json" for view in "types gc allocator threads memory log".split()), "types.csv", "heap.core", "mappings.json"])


def test_copied_command_is_printed(terminal, heapspy, target):
    start(terminal, heapspy, target)
    terminal.press("4", "y")
    terminal.until(r"copied: heapspy stack \d+$")
    terminal.press("q")
    terminal.until(rf"^heapspy stack {target.pid}\n")
    terminal.assert_restored()


def test_mouse(terminal, heapspy, target):
    start(terminal, heapspy, target)
    screen = terminal.until(r"^>.(dict|str) ")
    assert terminal.asked("mouse_any_flag") == "0"
    terminal.press("m")
    terminal.until(r"mouse: clicks select")
    assert terminal.asked("mouse_any_flag") == "1"
    row = next(number for number, line in enumerate(screen.splitlines()) if line.startswith(">")) + 2
    terminal.tmux("send-keys", "-H", "1b", "5b", "4d", "20", f"{33 + 10:x}", f"{33 + row:x}")
    terminal.until(r"TYPE .*\n .*\n .*\n>")
    terminal.press("m")
    terminal.until(r"mouse: it is the terminal's")
    assert terminal.asked("mouse_any_flag") == "0"
    terminal.press("q")
    terminal.assert_restored()


def test_leak_is_found(terminal, heapspy, target):
    start(terminal, heapspy, target, "--census", "1s")
    terminal.until(r"^! grew in \d+ of \d+ heap walks: app\.cache\.Entry, \+[\d,]+/min")
    terminal.until(r"^[> ]!app\.cache\.Entry ")
    # Who sees the flag asks what it is: its growth, and what its objects look like.
    terminal.type("/cache.Entry")
    terminal.press("Enter")
    terminal.until(r"filter cache\.Entry +1 of")
    terminal.press("Enter")
    terminal.until(r"^Types > app\.cache\.Entry ")
    terminal.until(r"per minute \+[\d,]+ \+")
    terminal.until(r"^>0x[0-9a-f]+ +\d+B +\d+ +\d  key='/article/\d+\?session=[0-9a-f]+' ")
    terminal.press("Escape")
    terminal.until(r"TYPE +COUNT")
    terminal.press("q")


def test_target_goes(terminal, heapspy, target):
    start(terminal, heapspy, target)
    target.kill()
    target.wait()
    terminal.until(r"GONE \d\d:\d\d:\d\d$")
    terminal.until(r"^GONE: ")
    terminal.press("6")
    terminal.until(r"! the process is gone")
    terminal.press("1")
    terminal.until(r"app\.cache\.Entry")
    terminal.press("q")
    terminal.until(r"heapspy: process \d+ is gone\n +why: [\s\S]*status=3\.")
    terminal.assert_restored()


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGSEGV, 139)])
def test_ended_by_signal(terminal, heapspy, target, number, status):
    terminal.line("ulimit -c 0")
    start(terminal, heapspy, target)
    os.kill(terminal.child(), number)
    terminal.until(rf"status={status}\.")
    terminal.assert_restored()
    assert target.poll() is None


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGTSTP])
def test_stopped_and_continued(terminal, heapspy, target, number):
    start(terminal, heapspy, target)
    os.kill(terminal.child(), number)
    terminal.until(r"Stopped")
    if number == signal.SIGTSTP:  # the other one leaves no time for it
        assert terminal.asked("alternate_on") == "0"
    terminal.line("fg")
    terminal.until(r"LIVE$")
    terminal.until(r"^Types ")
    terminal.press("q")
    terminal.assert_restored()


@pytest.mark.parametrize("variable, coloured", [({}, True), ({"NO_COLOR": "1"}, False)], ids=["colour", "NO_COLOR"])
def test_colour(terminal, heapspy, target, variable, coloured):
    for name, value in variable.items():
        terminal.line(f"export {name}={value}")
    start(terminal, heapspy, target)
    assert bool(re.search(r"\033\[[\d;]*3[0-7]m", terminal.screen("-e"))) == coloured
    terminal.press("q")


def test_selected_row_has_the_cursor(terminal, heapspy, target):
    start(terminal, heapspy, target)
    # Each key is seen before the next one.
    for key, rows in (("Down", 1), ("Down", 2), ("Up", 1)):
        terminal.press(key)
        screen = terminal.until(rf"TYPE .*\n( .*\n){{{rows}}}>")
    row = next(number for number, line in enumerate(screen.splitlines()) if line.startswith(">"))
    assert (terminal.asked("cursor_y"), terminal.asked("cursor_x")) == (str(row), "0")


def test_ascii(terminal, heapspy, target):
    start(terminal, heapspy, target, "--ascii")
    assert terminal.until(r"quit$").isascii()


def test_no_terminal(heapspy, target):
    done = heapspy.run("top", target.pid, "-n", "2", "-i", "0.1")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len([line for line in lines if " reading: rss " in line]) == 2
    assert any(re.match(r"[\d:]{8} type: app\.cache\.Entry, count [\d,]+, 0/min, size ", line) for line in lines)


def test_plain_until_it_is_gone(heapspy, target):
    command = [heapspy.path, "top", str(target.pid), "--plain", "-i", "0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
        assert " reading: " in watch.stdout.readline()
        target.kill()
        target.wait()
        rest, errors = watch.communicate(timeout=PATIENCE)
    assert watch.returncode == 3
    assert re.search(r"warning: the process is gone: ", rest)
    assert errors.startswith(f"heapspy: process {target.pid} is gone\n")


def test_no_such_terminal(terminal, heapspy, target):
    terminal.line(f"clear; TERM=nonsense {heapspy.path} top {target.pid}; echo status=$?.")
    terminal.until(r"try: heapspy top \d+ --plain")
    terminal.until(r"status=8\.")


COMMAND = """
import os, sys, time
print("written to the terminal", flush=True)
open(sys.argv[1], "w").write(str(os.getpid()))
while not os.path.exists(sys.argv[1] + ".end"):
    time.sleep(0.01)
sys.exit("what went wrong")
"""


@pytest.fixture
def command(tmp_path):
    """A command line, and where the command writes its PID."""
    (tmp_path / "command.py").write_text(COMMAND)
    return f"/usr/bin/python3 {tmp_path}/command.py {tmp_path}/pid", tmp_path / "pid"


def test_command_ends_with_the_screen(terminal, heapspy, command):
    words, path = command
    terminal.line(f"clear; {heapspy.path} top -- {words}; echo status=$?.")
    terminal.until(r"LIVE$")
    assert "written to" not in terminal.until(r"TYPE +COUNT")
    pid = int(path.read_text())
    assert pathlib.Path(f"/proc/{pid}").exists()
    terminal.press("q")
    terminal.until(r"status=0\.")
    terminal.assert_restored()
    assert not pathlib.Path(f"/proc/{pid}").exists()


def test_command_that_fails(terminal, heapspy, command):
    """The screen stays; afterwards the end of what it wrote is told."""
    words, path = command
    terminal.line(f"clear; {heapspy.path} top -- {words}; echo status=$?.")
    terminal.until(r"TYPE +COUNT")
    path.with_suffix(".end").touch()
    terminal.until(r"GONE \d\d:\d\d:\d\d$")
    terminal.press("q")
    screen = terminal.until(r"status=1\.")
    assert re.search(r"^heapspy: the last that .* wrote:\nwritten to the terminal\nwhat went wrong\nstatus=1", screen, re.M)
    terminal.assert_restored()


def test_replay(terminal, heapspy, target, tmp_path):
    """What was recorded is shown again: it goes on by itself, waits, goes on by readings and by minutes, and ends."""
    path = tmp_path / "samples.ndjson"
    assert heapspy.run("top", target.pid, "--plain", "-n", "20", "-i", "50ms", "--record", path).returncode == 0
    lines = path.read_text().splitlines()
    # As if a minute and more lay between two readings, from the first heap walk on: there is time to look.
    rows = [json.loads(line) for line in lines]
    walked = next(row["number"] for row in rows if "census" in row)
    for row in rows[1:]:
        row["time"] += 100 * max(0, row["number"] - walked)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    terminal.line(f"clear; {heapspy.path} top --replay {path}; echo status=$?.")
    terminal.until(r"REPLAY \d\d:\d\d:\d\d$")
    terminal.until(r"TYPE +COUNT[\s\S]*app\.cache\.Entry")
    terminal.press("Space")
    clock = terminal.until(r"PAUSED \d").splitlines()[0].split()[-1]
    terminal.press(".")
    second = terminal.until(rf"PAUSED (?!{clock})\d").splitlines()[0].split()[-1]
    terminal.press(">")
    terminal.press(">")
    terminal.until(rf"PAUSED (?!{clock}|{second})\d")
    for _ in range(4):
        terminal.press("<")
    terminal.until_not(rf"PAUSED {second}")
    terminal.press("+")
    terminal.until(r"shown 2 times as fast")
    terminal.press("-")
    terminal.until(r"shown 1 times as fast")
    for _ in range(40):
        terminal.press(">")
    terminal.until(r"END \d\d:\d\d:\d\d$")
    terminal.press("q")
    terminal.until(r"status=0\.")
    terminal.assert_restored()


MANY_MAPPINGS = """
import mmap, sys
pages = [mmap.mmap(-1, 8192, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | (n % 2) * mmap.PROT_WRITE) for n in range(12000)]
print("ready", flush=True)
sys.stdin.read()
"""


def test_many_mappings(heapspy, tmp_path):
    """Readings that cost much come less often: no more than a twentieth of a core is taken."""
    command = ["/usr/bin/python3", "-c", MANY_MAPPINGS]
    path = tmp_path / "samples.ndjson"
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as target:
        assert target.stdout.readline() == "ready\n"
        least = 1.0
        for _ in range(10):
            start = time.thread_time()
            maps = pathlib.Path(f"/proc/{target.pid}/maps").read_bytes()
            least = min(least, time.thread_time() - start)
        assert maps.count(b"\n") > 10000
        done = heapspy.run("top", target.pid, "--plain", "-n", "6", "-i", "1ms", "--census", "1h", "--record", path)
        assert done.returncode == 0
        target.stdin.close()
    times = [row["time"] for row in map(json.loads, path.read_text().splitlines()) if "number" in row]
    # Each of them reads the list of mappings, which takes twenty times as long.
    assert times[5] - times[0] > 5 * 12 * least


def test_hangup_is_ignored_where_it_was(heapspy, target):
    """As nohup(1) has it."""
    command = ["nohup", str(heapspy.path), "top", str(target.pid), "--plain", "-i", "0.1"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as watch:
        assert " reading: " in watch.stdout.readline()
        watch.send_signal(signal.SIGHUP)
        for _ in range(20):
            assert watch.stdout.readline()
        watch.terminate()
        assert watch.wait(PATIENCE) == -signal.SIGTERM


def test_plain_is_stopped_and_continued(heapspy, target):
    command = [str(heapspy.path), "top", str(target.pid), "--plain", "-i", "0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
        assert " reading: " in watch.stdout.readline()
        watch.send_signal(signal.SIGTSTP)
        os.waitid(os.P_PID, watch.pid, os.WSTOPPED)
        watch.send_signal(signal.SIGCONT)
        for _ in range(20):
            assert watch.stdout.readline()
        watch.terminate()
        assert watch.wait(PATIENCE) == -signal.SIGTERM


def test_soak(heapspy, tmp_path):
    """Short of what tests/bench/top does for half an hour: a target that churns, short intervals, keys all the time."""
    sys.path.insert(0, str(CHECKOUT / "tests" / "bench"))
    import watched

    program = CHECKOUT / "tests" / "programs" / "churn.py"
    target = subprocess.Popen(["/usr/bin/python3", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert target.stdout.readline() == b"ready\n"
        result = watched.soak(heapspy.path, target.pid, 80, 0.05, 0.1)
    finally:
        target.kill()
        target.wait()
        target.stdin.close()
        target.stdout.close()
    assert result["status"] == 0
    assert result["written"] > 80 * 10
    # It has what it needs after the first heap walks.
    assert result["rss"][-1] < result["rss"][len(result["rss"]) // 2] + (8 << 20)
    assert result["rss"][-1] < 80 << 20


# In the list of processes; what stands between two of a kind leads back to where it was.
LIST_KEYS = [
    ("?", "?", r"Help: Esc closes it"),
    ("h", "h", r"^\[Processes\]"),
    ("F1", "F1", r"Help: Esc closes it"),
    ("End", "End", r"Nothing is written into the process"),
    ("Home", "Home", r"Help: Esc closes it\W*\n Enter"),
    ("Backspace", "BSpace", r"^\[Processes\]"),
    ("Esc", "Escape", r"this is the list of all processes"),
    ("Down", "Down", r"COMMAND\n .*\n>"),
    ("Up", "Up", r"COMMAND\n>"),
    ("j", "j", r"COMMAND\n .*\n>"),
    ("k", "k", r"COMMAND\n>"),
    ("PgDn", "PageDown", r"COMMAND\n .*\n .*\n>"),
    ("PgUp", "PageUp", r"COMMAND\n>"),
    ("s", "s", r"sort SHARED v"),
    ("S", "S", r"sort PRIVATE v"),
    ("R", "R", r"sort PRIVATE \^"),
    ("R", "R", r"sort PRIVATE v"),
    ("d", "d", r"OBJECTS +\+/-last .*[\s\S]*growth is since the heap walk before"),
    ("b", "b", r"OBJECTS +\+/-base .*[\s\S]*growth counts from the last heap walk"),
    ("l", "l", r"sort \+/-base v[\s\S]*what grew most"),
    ("S", "S", r"sort OBJECTS v"),
    ("Space", "Space", r"the list goes on"),
    ("F5", "F5", r"walking the heap"),
    ("p", "p", r"the list goes on"),
    ("w", "w", r"walking the heap"),
    ("+", "+", r"a heap walk every 1s"),
    ("-", "-", r"a heap walk every 2s"),
    ("C", "C", r"theme: blue and yellow"),
    ("C", "C", r"theme: no colours"),
    ("C", "C", r"theme: colours of the terminal"),
    ("m", "m", r"mouse: clicks select"),
    ("m", "m", r"mouse: it is the terminal's"),
    (".", ".", r"this is no recording"),
    ("y", "y", r"copied: heapspy top --subprocesses \d+$"),
    ("<", "<", r"this is no recording"),
    ("e", "e", r"export JSON to: heapspy-processes-\w+\.json_"),
    ("Tab", "Tab", r"export CSV to: heapspy-processes-\w+\.csv_"),
    ("Esc", "Escape", r"\A(?![\s\S]*export CSV)"),
    ("E", "E", r"export CSV to: "),
    ("Esc", "Escape", r"\A(?![\s\S]*export CSV)"),
    (">", ">", r"this is no recording"),
    ("x", "x", r"snapshot of the heap to: heapspy-\d+-heap-\w+\.core_"),
    ("Esc", "Escape", r"\A(?![\s\S]*snapshot of the heap to)"),
    ("^L", "C-l", r"^\[Processes\]"),
    ("Enter", "Enter", r"\[1 Types\]"),
    ("Esc", "Escape", r"^\[Processes\]"),
    *(
        step
        for number, panel in enumerate(("Types", "GC", "Alloc", "Threads", "Memory", "Log"), 1)
        for step in (
            (str(number), str(number), rf"\[{number} {panel}\]"),
            ("Esc", "Escape", r"^\[Processes\]"),
        )
    ),
    # Nothing of one process alone leads out of its dashboard.
    ("4", "4", r"\[4 Threads\]"),
    ("n", "n", r"TOP FRAME  with C at \d"),
    ("n", "n", r"frames of Python, as they are"),
    ("Esc", "Escape", r"^\[Processes\]"),
    *(
        step
        for name, key in {"/": "/", "c": "c", "S-Tab": "BTab", "z": "z", "o": "o", "A": "A", "v": "v", "T": "T", "g": "g", "t": "t"}.items()
        for step in ((name, key, r"that is for one process: Enter opens it"), (".", ".", r"this is no recording"))
    ),
]  # fmt: skip


@pytest.fixture
def family():
    """A process, and how to ask it for children and for their end; on demand."""
    command = ["/usr/bin/python3", CHECKOUT / "tests" / "programs" / "workers.py"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:

        def ask(line: str) -> str:
            parent.stdin.write(line + "\n")
            parent.stdin.flush()
            return parent.stdout.readline().strip()

        assert parent.stdout.readline() == "ready\n"
        yield parent, ask
        with contextlib.suppress(BrokenPipeError, ValueError):
            parent.stdin.close()


@pytest.mark.parametrize("terminal", [(80, 24), (160, 50)], indirect=True, ids=["80x24", "160x50"])
def test_every_key_of_the_list(terminal, heapspy, family):
    parent, ask = family
    children = [ask("fork 20000"), ask("fork 50000")]
    terminal.line(f"clear; {heapspy.path} top -s {parent.pid} --census 2s; echo status=$?.")
    rows = r"[\s\S]*".join(rf"^[> ][! ] +({'|'.join(children)}) +\d" for _ in children)
    terminal.until(rf"3 processes .*LIVE$[\s\S]*{rows}")
    driven = set()
    for name, key, seen in LIST_KEYS:
        terminal.press(key)
        terminal.until(seen)
        driven.add(name)
    terminal.press("C-z")
    terminal.until(r"Stopped")
    terminal.line("clear; fg")
    terminal.until(r"LIVE$")
    # Those of one process: the table is the same, and test_every_key() knows that it is whole.
    named = {name for name, _, _ in KEYS} | {"/", "m"}
    assert driven == named
    terminal.press("q")
    terminal.assert_restored()


def test_files_of_the_list(terminal, heapspy, family, tmp_path, monkeypatch):
    """The list in each format, and a snapshot of the process that is selected."""
    monkeypatch.chdir(tmp_path)
    terminal.line(f"cd {tmp_path}")
    parent, ask = family
    child = int(ask("fork 20000"))
    terminal.line(f"clear; {heapspy.path} top -s {parent.pid} --census 1s; echo status=$?.")
    terminal.until(rf"2 processes .*LIVE$[\s\S]*^>[! ] +{child} +\d")
    ask_for(terminal, "e", pathlib.Path("list.json"))
    terminal.press("Enter")
    terminal.until(r"written: list\.json, 2 rows")
    document = heapspy.parse(pathlib.Path("list.json").read_text())
    assert document["view"] == "processes" and "target" not in document
    rows = {row["pid"]: row for row in document["rows"]}
    assert set(rows) == {parent.pid, child} and rows[child]["parent"] == parent.pid
    assert rows[child]["state"] == "live" and "workers.py" in rows[child]["command"]
    assert rows[child]["objects"] >= 20000 and rows[child]["private"] > 10**5 and rows[child]["rss"] > rows[child]["private"]
    ask_for(terminal, "E", pathlib.Path("list.csv"))
    terminal.press("Enter")
    terminal.until(r"written: list\.csv, 2 rows")
    lines = pathlib.Path("list.csv").read_text().splitlines()
    assert lines[0].startswith("pid,parent,state,") and sorted(int(line.split(",")[0]) for line in lines[1:]) == sorted(rows)
    terminal.press("e", "Tab", "Tab")
    terminal.until(r"export text to: ")
    terminal.press("Enter")
    terminal.until(r"written: heapspy-processes-\w+\.txt, 2 rows")
    (text,) = tmp_path.glob("heapspy-processes-*.txt")
    assert re.search(rf"^ *{child} +{parent.pid} +live ", text.read_text(), re.M)
    ask_for(terminal, "x", pathlib.Path("child.core"))
    terminal.press("Enter")
    terminal.until(r"written: \S+ on disk in \S+: child\.core")
    terminal.press("q")
    terminal.assert_restored()
    of_file = heapspy.json("dump", "./child.core", "--filter", "*Marked")
    assert of_file["target"]["pid"] == child and of_file["heap"]["types"][0]["objects"] == 20000


def test_several_processes(terminal, heapspy, family):
    """A list of them; one is opened and left again; one comes, one goes."""
    parent, ask = family
    first = ask("fork 20000")
    terminal.line(f"clear; {heapspy.path} top -s {parent.pid} --census 1s; echo status=$?.")
    terminal.until(rf"2 processes .*LIVE$[\s\S]*^[> ][! ] +{first} +\d")
    second = ask("fork 90000")
    terminal.until(rf"3 processes .*LIVE$[\s\S]*^>[! ] +{second} +\d")
    terminal.press("Enter")
    terminal.until(rf"\Aheapspy top  {second} ")
    terminal.until(r"__main__\.Marked +90,000")
    terminal.press("Escape")
    terminal.until(r"^\[Processes\]")
    ask(f"end {first}")
    terminal.until(rf"2 processes  1 gone .*LIVE$[\s\S]*{first} .* GONE ")
    parent.stdin.close()
    terminal.until(r"0 processes  3 gone .*GONE$")
    terminal.press("q")
    terminal.until(r"heapspy: the processes are gone\n +why: [\s\S]*status=3\.")
    terminal.assert_restored()
