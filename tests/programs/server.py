# SPDX-License-Identifier: MIT
"""A web server of many threads, with timers and children, that says how each of them fares.

    server.py LIBRARY       which is disturbed.c

Prints its port, then "ready". When stdin ends it prints one line of JSON: what went wrong in its threads, and
what was counted.
"""

import ctypes
import http.server
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
library = ctypes.CDLL(sys.argv[1])  # before there are threads: it blocks its signals for them
library.periods.restype = ctypes.c_uint64
COUNTED = "waits waits_interrupted waits_failed ticks ticks_interrupted ticks_failed received out_of_order expired"
PATIENCE = 60
stop = threading.Event()
wrong = []
rounds = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"%d" % len(self.path) * 1000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not stop.is_set():
            wrong.append("server: %r" % (sys.exc_info()[1],))


def again_and_again(step):
    def run():
        while not stop.is_set():
            try:
                step()
            except Exception as error:
                wrong.append("%s: %r" % (step.__name__, error))
            rounds[step.__name__] = rounds.get(step.__name__, 0) + 1

    return run


def wait_in_epoll():
    with selectors.EpollSelector() as selector:
        if selector.select(0.01):
            wrong.append("epoll: an event from nowhere")


def wait_in_select():
    left, right = socket.socketpair()
    with left, right, selectors.SelectSelector() as selector:
        selector.register(left, selectors.EVENT_READ)
        selector.select(0.01)


def run_a_child():
    """One at a time, so that each has a SIGCHLD of its own."""
    before = len(children)
    done = subprocess.run([sys.executable, "-S", "-c", "raise SystemExit(7)"])
    if done.returncode != 7:
        wrong.append("child: %d" % done.returncode)
    if not until(lambda: len(children) > before):
        wrong.append("child: it ended, and there was no SIGCHLD")


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.001)
    return condition()


def sleep_shortly():
    begin = time.monotonic()
    time.sleep(0.005)
    if time.monotonic() - begin < 0.005:
        wrong.append("sleep: woke early")


def wait_for_a_lock():
    threading.Event().wait(0.01)


def counted(name):
    return ctypes.c_uint64.in_dll(library, name).value


alarms, children = [], []
signal.signal(signal.SIGALRM, lambda number, frame: alarms.append(number))
signal.signal(signal.SIGCHLD, lambda number, frame: children.append(number))
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
server = Server(("127.0.0.1", 0), Handler)
threads = [threading.Thread(target=server.serve_forever)]
for work in (wait_in_epoll, wait_in_select, run_a_child, sleep_shortly, wait_for_a_lock):
    threads.append(threading.Thread(target=again_and_again(work)))
for thread in threads:
    thread.start()
os.write(1, b"%d\nready\n" % server.server_address[1])
os.read(0, 1)

# They go on, all of them: a timer whose signal was lost would be silent for good.
before, due = len(alarms), library.periods()
if not until(lambda: len(alarms) > before):
    wrong.append("no alarm came any more")
if not until(lambda: counted("expired") >= due):
    wrong.append("timer: %d periods, %d signals" % (due, counted("expired")))
stop.set()
server.shutdown()
for thread in threads:
    thread.join()  # one that comes just before this waits is handled at the next alarm
signal.setitimer(signal.ITIMER_REAL, 0)
if len(children) != rounds["run_a_child"]:
    wrong.append("children: %d ended, %d SIGCHLD" % (rounds["run_a_child"], len(children)))
counts = {name: counted(name) for name in COUNTED.split()}
if counts["expired"] > library.periods():
    wrong.append("timer: %d periods, %d signals" % (library.periods(), counts["expired"]))
os.write(1, json.dumps({"wrong": wrong, "counts": counts, "rounds": rounds, "alarms": len(alarms)}).encode() + b"\n")
