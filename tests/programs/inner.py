# SPDX-License-Identifier: MIT
"""A target with a second interpreter, which rests in code of its own. Says "ready" and ends with stdin."""

import os
import threading

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

CODE = """import os
def inside():
    os.write(%d, b"."); os.read(0, 1)
inside()
"""
started, start = os.pipe()


def run():
    inner = interpreters.create()
    run_string = getattr(interpreters, "run_string", None) or interpreters.exec
    run_string(inner, CODE % start)
    os._exit(0)


threading.Thread(target=run, daemon=True).start()
os.read(started, 1)
os.write(1, b"ready\n")
threading.Event().wait()
