# SPDX-License-Identifier: MIT
"""A small web service that leaks: each page it renders stays in its cache for ever.

It plays its own clients, says when it has served the first requests, and goes on until its standard
input is closed.
"""

import itertools
import select
import sys

from app.cache import Cache

FIRST = 20_000
A_SECOND = 500


def render(path):
    return "<html><body>" + path + "</body></html>"


def serve(cache, path):
    body = cache.get(path)
    if body is None:
        body = render(path)
        cache.put(path, body)
    return body


def main():
    cache = Cache()
    requests = ("/article/%d?session=%x" % (number % 300, number) for number in itertools.count())
    for path in itertools.islice(requests, FIRST):
        serve(cache, path)
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0.1)[0]:
        for path in itertools.islice(requests, A_SECOND // 10):
            serve(cache, path)
        cache.evict()


if __name__ == "__main__":
    main()
