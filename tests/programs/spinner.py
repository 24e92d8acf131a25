# SPDX-License-Identifier: MIT
"""A target whose threads call and return all the time. Says "ready" and ends with stdin."""

import os
import threading


def bottom():
    return sum(range(50))


def down(depth):
    return down(depth - 1) if depth else bottom()


def spin():
    while True:
        for depth in range(20):
            down(depth)


for number in range(3):
    threading.Thread(target=spin, name="spin %d" % number, daemon=True).start()
os.write(1, b"ready\n")
os.read(0, 1)
