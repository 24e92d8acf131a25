# SPDX-License-Identifier: MIT
"""A cache whose eviction never finds anything: the leak of the demonstration."""

import time


class Entry:
    """What is kept of one answer."""

    def __init__(self, key, body):
        self.key = key
        self.body = body
        self.headers = {"content-type": "text/html", "x-request": key}
        self.expires = time.time() + 60


class Cache:
    """Answers by path, for a minute each."""

    def __init__(self):
        self._entries = {}

    def put(self, key, body):
        self._entries[key] = Entry(key, body)

    def get(self, key):
        entry = self._entries.get(key)
        return entry.body if entry and entry.expires > time.time() else None

    def evict(self):
        """Drop what has expired."""
        now = time.time()
        # The mistake: this finds what expires more than an hour from now, and nothing ever does.
        for key in [key for key, entry in self._entries.items() if entry.expires > now + 3600]:
            del self._entries[key]
