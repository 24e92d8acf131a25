# SPDX-License-Identifier: MIT
"""A process with children that come and go. Obeys lines on stdin, and answers each with one on stdout:

    fork N      a child by os.fork() that holds N objects of the class Marked: its PID
    spawn N     the same, as a program of its own that is started by a shell
    end PID     it is told to end, and is reaped

Says "ready" at first, and ends with all its children when its stdin does.
"""

import os
import signal
import subprocess
import sys


class Marked:
    pass


def be_worker(count):
    held = [Marked() for _ in range(count)]
    while held:
        signal.pause()


children = []


def fork(count):
    pid = os.fork()
    if pid == 0:
        os.close(0)
        be_worker(count)
        os._exit(0)
    children.append(pid)
    return pid


def spawn(count):
    """The shell stays: it is no Python, and what it starts is."""
    script = '"$@" & echo $!; wait'
    command = ["sh", "-c", script, "sh", sys.executable, __file__, "worker", str(count)]
    shell = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, universal_newlines=True)
    children.append(shell.pid)
    pid = int(shell.stdout.readline())
    children.append(pid)
    return pid


def end(pid):
    os.kill(pid, signal.SIGKILL)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass  # the shell's
    return pid


def main():
    print("ready", flush=True)
    for line in sys.stdin:
        word, number = line.split()
        print({"fork": fork, "spawn": spawn, "end": end}[word](int(number)), flush=True)
    for pid in children:
        try:
            end(pid)
        except ProcessLookupError:
            pass


if sys.argv[1:2] == ["worker"]:
    be_worker(int(sys.argv[2]))
else:
    main()
