# SPDX-License-Identifier: MIT
"""A Python that keeps the word it is given on stdin in every way a program keeps text, and then rests.

It is never in this source or in the arguments: what is written there are names.
"""

import io
import os
import sys

word = sys.stdin.readline().strip()


class Account:
    def __init__(self, number):
        self.owner = word + str(number)
        self.pin = (word + str(number)).encode()


class Text(str):
    pass


kept = [
    [Account(number) for number in range(300)],
    {word + "key" + str(number): word + "value" + str(number) for number in range(300)},
    word * 1000,
    (word + "\xfc\u4e2d") * 30,
    (word + "\U0001f600") * 30,
    Text(word + "sub"),
    (word + "\xe9").encode(),
    bytearray(word.encode() * 10),
    io.BytesIO(word.encode() * 10),
    io.StringIO((word + "\u4e2d") * 10),
    ValueError(word),
    lambda default=word + "default": default,
    (word + "tuple",),
]
os.environ["PASSWORD"] = word + "environment"
freed = [word + "freed" + str(number) for number in range(2000)]
larger = word * 300
del freed, larger
os.write(1, b"ready\n")
os.read(0, 1)
