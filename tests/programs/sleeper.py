# SPDX-License-Identifier: MIT
"""The smallest target: says "ready" and sleeps until stdin ends.

--undumpable lets the kernel refuse everybody but root, as it does for programs that changed their user.
"""

import os
import sys

if "--undumpable" in sys.argv:
    import ctypes

    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
os.write(1, b"ready\n")
os.read(0, 1)
