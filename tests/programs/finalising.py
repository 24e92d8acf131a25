# SPDX-License-Identifier: MIT
"""Stays in the middle of its own end: a __del__ that the teardown of modules calls says "ready" and waits."""

import os


class Last:
    def __del__(self, write=os.write, read=os.read):
        write(1, b"ready\n")
        read(0, 1)


last = Last()
