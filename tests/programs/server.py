# SPDX-License-Identifier: MIT
"""A web server of many threads, with timers and children, that says how each of them fares.

Prints its port, then "ready". When stdin ends it prints one line: what went wrong in its threads, as a list.
"""

import http.server
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
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
    done = subprocess.run([sys.executable, "-S", "-c", "raise SystemExit(7)"])
    if done.returncode != 7:
        wrong.append("child: %d" % done.returncode)


def sleep_shortly():
    begin = time.monotonic()
    time.sleep(0.005)
    if time.monotonic() - begin < 0.005:
        wrong.append("sleep: woke early")


def wait_for_a_lock():
    threading.Event().wait(0.01)


alarms = []
signal.signal(signal.SIGALRM, lambda number, frame: alarms.append(number))
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
server = Server(("127.0.0.1", 0), Handler)
threads = [threading.Thread(target=server.serve_forever)]
for work in (wait_in_epoll, wait_in_select, run_a_child, sleep_shortly, wait_for_a_lock):
    threads.append(threading.Thread(target=again_and_again(work)))
for thread in threads:
    thread.start()
os.write(1, b"%d\nready\n" % server.server_address[1])
os.read(0, 1)
signal.setitimer(signal.ITIMER_REAL, 0)
stop.set()
server.shutdown()
for thread in threads:
    thread.join()
idle = [work.__name__ for work in (wait_in_epoll, wait_in_select, run_a_child) if not rounds.get(work.__name__)]
print(wrong + ["never ran: %s" % name for name in idle] + ([] if alarms else ["no alarm came"]))
