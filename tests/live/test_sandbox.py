# SPDX-License-Identifier: MIT
"""heapspy cannot write into, signal or trace what it reads, and does not try to.

That the sandbox refuses is tested in unit/test_sandbox.c, act by act; here, that every command is in it, and under
strace that none does what would be refused.
"""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest
import targets

SOME = pytest.mark.only("debian-3.11", "sid-3.15")

CAPABILITIES = {"SYS_PTRACE": 19, "DAC_READ_SEARCH": 2, "FOWNER": 3, "CHECKPOINT_RESTORE": 40}

# All that could reach another process, and all that opens.
WATCHED = (
    "ptrace,process_vm_writev,process_madvise,process_mrelease,kill,tkill,tgkill,rt_sigqueueinfo,rt_tgsigqueueinfo,"
    "pidfd_send_signal,pidfd_getfd,prlimit64,setpriority,sched_setaffinity,ioprio_set,move_pages,migrate_pages,kcmp,"
    "open,openat,openat2,creat,write,pwrite64,writev,pwritev,pwritev2,seccomp,execve,setns,fcntl"
)
REQUESTS = {"PTRACE_SEIZE", "PTRACE_INTERRUPT", "PTRACE_DETACH", "PTRACE_GETREGSET"}


@pytest.fixture(scope="module")
def moving(workplace: targets.Workplace):
    """One whose threads have to be stopped, for they never rest."""
    library = workplace.directory / "restless-sandbox.so"
    subprocess.run(
        ["cc", "-O", "-shared", "-fPIC", "-pthread", "-o", library, targets.PROGRAMS / "restless.c"], check=True
    )
    with workplace.oracle("--small", "--load", workplace.as_target_sees(library)) as oracle:
        yield oracle


def commands(pid: int, directory: pathlib.Path) -> dict[str, list[str]]:
    stop = ["--stop", "--max-pause", "5s"]
    return {
        "dump": ["dump", pid],
        "dump-stop": ["dump", pid, *stop, "-o", directory / "dump.json", "--json"],
        "gc": ["gc", pid, "10ms", "2"],
        "stack": ["stack", pid],
        "stack-stop": ["stack", pid, *stop],
        "stack-native": ["stack", pid, "--native"],
        "stack-both": ["stack", pid, "--native", *stop],
        "instances": ["dump", pid, "--instances", "dict"],
        "snapshot": ["snapshot", pid, "-o", directory / "one.core"],
        "snapshot-stop": ["snapshot", pid, *stop, "-o", directory / "two.core"],
        "file": ["dump", directory / "one.core"],
        "diff": ["diff", directory / "one.core", pid, *stop],
        "diff-after": ["diff", pid, "--after", "10ms"],
        "top": ["top", pid, "--plain", "-n", "2", "-i", "50ms"],
        "top-screen": ["top", pid, "-n", "3", "-i", "50ms", "--census", "50ms"],
        "record": ["record", pid, "-d", "200ms", "-o", directory / "record.ndjson"],
        "report": ["report", directory / "record.ndjson"],
        "report-file": ["report", directory / "record.ndjson", "--format", "svg", "-o", directory / "grown.svg"],
        "report-lines": ["report", directory / "record.ndjson", "--format", "ndjson", "-o", directory / "again.ndjson"],
        "doctor": ["doctor", pid],
        "ps": ["ps"],
    }


def forbidden(line: str, pid: int, directory: pathlib.Path) -> bool:
    """Is this a call that could change anything about the target, or anything but the output?"""
    call = re.match(r"\d+ +(\w+)", line)[1]
    if call in ("open", "openat", "openat2"):
        writes = re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC|TMPFILE)", line)
        return bool(writes) and not re.search(rf'"/dev/null"|"/proc/self/oom_score_adj"|<{directory}>, "[^/]+"', line)
    if call in ("write", "writev", "pwrite64"):
        return f"</proc/{pid}" in line
    if call == "ptrace":
        request = re.search(r"ptrace\((\w+)", line)
        return bool(request) and request[1] not in REQUESTS or "EXITKILL" in line
    if call == "kill":
        return not re.search(r", 0\)", line)
    if call in ("tgkill", "tkill"):
        return f"({pid}," in line
    if call == "prlimit64":
        return not re.search(r"prlimit64\(0", line)
    if call == "setpriority":
        return not re.search(r"PRIO_PROCESS, 0, ", line)
    if call == "fcntl":
        return "F_SETOWN" in line or "F_SETSIG" in line
    return call not in ("seccomp", "execve")


@pytest.mark.parametrize(
    "line",
    [
        "12 ptrace(PTRACE_ATTACH, 7) = 0",
        "12 ptrace(PTRACE_SEIZE, 7, NULL, PTRACE_O_EXITKILL) = 0",
        "12 process_vm_writev(7, [], 0, [], 0, 0 <unfinished ...>",
        '12 openat(5</proc/7>, "mem", O_RDWR|O_CLOEXEC) = 9</proc/7/mem>',
        "12 write(9</proc/7/clear_refs>, 1, 1) = 1",
        "12 kill(7, SIGTERM) = 0",
        "12 tgkill(7, 7, SIGUSR1) = 0",
        "12 prlimit64(7, RLIMIT_NOFILE, NULL, {}) = 0",
        "12 fcntl(3</dev/pts/0>, F_SETOWN, 7) = 0",
    ],
)
def test_what_is_forbidden(line: str) -> None:
    assert forbidden(line, 7, pathlib.Path("/tmp/x"))


@SOME
def test_strace(heapspy, moving: targets.Oracle, tmp_path: pathlib.Path) -> None:
    if not shutil.which("strace"):
        pytest.fail("strace is not here")
    log, stopped = tmp_path / "log", False
    for name, command in commands(moving.pid, tmp_path).items():
        strace = ["strace", "-f", "-y", "-o", log, "-e", f"trace={WATCHED}", "-e", "signal=none"]
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0", "TERM": "xterm"}
        run = list(map(str, [*strace, heapspy.path, *command]))
        if name.endswith("-screen"):
            run = ["script", "-qec", shlex.join(run), "/dev/null"]
        done = subprocess.run(run, capture_output=True, text=True, timeout=120, env=environment)
        assert not name.endswith("-screen") or "\x1b[" in done.stdout
        lines = [line for line in log.read_text().splitlines() if not re.match(r"\d+ +(\+\+\+|---|<\.\.\.)", line)]
        # Two exit statuses may come of a heap that moves: whole, and not.
        assert done.returncode in (0, 7), (name, done.stderr)
        assert [line for line in lines if forbidden(line, moving.pid, tmp_path)] == [], name
        main = lines[0].split()[0]
        filtered = [number for number, line in enumerate(lines) if line.startswith(f"{main} ") and "seccomp(" in line]
        assert filtered, name
        if not {"--stop", "--native"} & set(command):
            assert "ptrace(" not in log.read_text(), name
        stopped |= "ptrace(PTRACE_DETACH" in log.read_text()
        assert not any(line.startswith(f"{main} ") and " ptrace(" in line for line in lines) or heapspy.sanitized, name
        # What it opens for writing is open before.
        behind = [line for line in lines[filtered[0] :] if line.startswith(f"{main} ")]
        assert not any(re.search("O_(WRONLY|RDWR|CREAT)", line) for line in behind), name
    assert stopped
    targets.assert_agrees(moving, heapspy.json("dump", moving.pid, "--limit", 0, "--stop", "--max-pause", "5s"))


def status_of(pid: int) -> dict[str, str]:
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


@pytest.mark.only("debian-3.11")
def test_locked_in(heapspy, oracle: targets.Oracle) -> None:
    """A heapspy at work, as the kernel sees it."""
    command = [heapspy.path, "gc", str(oracle.pid), "60s", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert json.loads(process.stdout.readline())
        status = status_of(process.pid)
        limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
        process.terminate()
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
    kept = sum(1 << number for number in CAPABILITIES.values())
    assert int(status["CapEff"], 16) & ~kept == 0 and int(status["CapPrm"], 16) & ~kept == 0
    assert re.search(r"Max core file size +0 +0 ", limits)


@pytest.mark.only("debian-3.11")
def test_without(heapspy, oracle: targets.Oracle) -> None:
    """Not wanted: said in one line, and nothing else is different."""
    done = heapspy.run("dump", oracle.pid, "--limit", 0, "--no-sandbox", "--json")
    assert (done.returncode, done.stderr) == (0, "heapspy: no sandbox: what it reads is trusted\n")
    targets.assert_agrees(oracle, heapspy.parse(done.stdout))
    assert heapspy.run("dump", oracle.pid, "--no-sandbox", "--quiet").stderr == ""


def forbid_seccomp() -> None:
    """From here on this process cannot have filters of its own, as under an old kernel."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    filters = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(0x7FFF0000)))
    number = library.seccomp_syscall_resolve_name(b"seccomp")
    # SCMP_ACT_ERRNO(EINVAL)
    assert library.seccomp_rule_add(filters, ctypes.c_uint32(0x00050000 | 22), number, 0) == 0
    assert library.seccomp_load(filters) == 0


@pytest.mark.only("debian-3.11")
def test_kernel_has_none(heapspy, moving: targets.Oracle) -> None:
    done = heapspy.run("dump", moving.pid, "--stop", "--max-pause", "5s", "--json", preexec_fn=forbid_seccomp)
    assert done.returncode in (0, 7) and done.stderr.startswith("heapspy: no sandbox: Invalid argument\n")
    assert heapspy.parse(done.stdout)["heap"]["objects"] > 1000
