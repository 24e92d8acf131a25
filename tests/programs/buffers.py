# SPDX-License-Identifier: MIT
"""A small heap beside large buffers: of numbers, which nobody needs to look into, and of pointers.

    buffers.py MEGABYTES

Says "ready" when they are filled.
"""

import array
import os
import sys

size = int(sys.argv[1]) << 20
kept = [
    bytearray(b"x" * 4096) * (size // 4096),
    array.array("d", [1.25]) * (size // 8),
    [object()] * (1 << 20),
    {number: None for number in range(1 << 18)},
]
os.write(1, b"ready\n")
os.read(0, 1)
