# SPDX-License-Identifier: MIT
"""Recordings as heapspy record writes them (schema heapspy.record/1), made up line by line, and what a report
must say of them, computed another way than heapspy does."""

from __future__ import annotations

import collections
import json
import pathlib

MIB = 1 << 20


class Recording:
    """Lines of a recording. Frames and stacks are defined when they are first named: a frame is (function, file,
    line), with a fourth, a module, one of C; a stack is a tuple of frames, newest first."""

    def __init__(self, **header) -> None:
        self.lines: list[dict] = []
        self.frames: dict[tuple, int] = {}
        self.stacks: dict[tuple, int] = {}
        sources = [{"source": name, "available": True} for name in ("growth", "samples", "census", "timeline")]
        self.lines.append(
            {
                "type": "recording",
                "schema": "heapspy.record/1",
                "heapspy": "0.1.0",
                "started_at": "2023-11-14T22:13:20.000Z",
                "target": {
                    "kind": "process",
                    "pid": 4711,
                    "command": ["python3", "-m", "app server"],
                    "executable": "/usr/bin/python3.11",
                    "uptime": 12.5,
                },
                "python": {
                    "version": "3.11.7",
                    "hexversion": 51054576,
                    "debug": False,
                    "free_threaded": False,
                    "allocator": "pymalloc",
                    "layout": {"id": "cpython-3.11", "source": "table"},
                },
                "options": {"rate": 100, "census": 10.0, "native": False, "duration": 60.0},
                "sources": sources,
                **header,
            }
        )

    def frame(self, frame: tuple) -> int:
        if frame not in self.frames:
            self.frames[frame] = len(self.frames)
            line = {"type": "frame", "id": self.frames[frame], "function": frame[0]}
            if frame[1] is not None:
                line["file"] = frame[1]
            if frame[2] is not None:
                line["line"] = frame[2]
            if len(frame) > 3:
                line |= {"native": True, "module": frame[3]}
            self.lines.append(line)
        return self.frames[frame]

    def stack(self, stack: tuple) -> int:
        if stack not in self.stacks:
            frames = [self.frame(frame) for frame in stack]
            self.stacks[stack] = len(self.stacks)
            self.lines.append({"type": "stack", "id": self.stacks[stack], "frames": frames})
        return self.stacks[stack]

    def growth(self, time: float, stack: tuple, size: int, counter: str = "arenas", **more) -> None:
        if "of" in more:
            more["of"] = self.stack(more["of"])
        self.lines.append(
            {"type": "growth", "time": time, "counter": counter, "bytes": size, "tid": 1, "stack": self.stack(stack), **more}
        )

    def sample(self, time: float, stack: tuple, *, gil: bool = True, tid: int = 1, **changes) -> None:
        self.lines.append(
            {"type": "sample", "time": time, "tid": tid, "stack": self.stack(stack), "gil": gil, **changes}
        )

    def census(self, time: float, types: dict[str, tuple[int, int]]) -> None:
        self.lines.append(
            {
                "type": "census",
                "time": time,
                "objects": sum(objects for objects, _ in types.values()),
                "bytes": sum(size for _, size in types.values()),
                "types": [{"type": name, "objects": objects, "bytes": size} for name, (objects, size) in types.items()],
            }
        )

    def timeline(self, time: float, **values) -> None:
        self.lines.append({"type": "timeline", "time": time, **values})

    def end(self, time: float, reason: str = "duration", lost: int = 0, **more) -> None:
        self.lines.append({"type": "end", "time": time, "reason": reason, "lost": lost, **more})

    def text(self) -> str:
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in self.lines)

    def write(self, path: pathlib.Path) -> str:
        path.write_text(self.text())
        return path.name


def leaking(source: str = "/srv/app/cache.py") -> Recording:
    """A minute of a service that leaks, has a buffer that comes and goes, and makes objects that do not stay."""
    main = ("main", "/srv/app/server.py", 90)
    handle = ("Server.handle", "/srv/app/server.py", 31)
    put = (("Cache.put", source, 17), handle, main)
    key = (("Cache.key", source, 30), ("Cache.put", source, 16), handle, main)
    load = (("Loader.load", "/srv/app/loader.py", 52), ("refresh", "/srv/app/jobs.py", 12), main)
    render = (("render", "/srv/app/pages.py", 8), handle, main)
    made = Recording()
    made.timeline(0.0, rss=60 * MIB, heap=40 * MIB, live=30 * MIB, objects=300_000, collections=[10, 1, 0])
    made.census(0.0, {"dict": (20_000, 4 * MIB), "app.cache.Entry": (10_000, 1 * MIB), "str": (90_000, 6 * MIB)})
    kept = 0
    for second in range(1, 61):
        for part, (stack, size) in enumerate([(put, 2 * MIB), (key, MIB // 2)]):
            kept += size
            made.growth(second - 0.5 + part / 10, stack, size, "arenas", thread="MainThread")
        if second % 20 == 10:
            made.growth(second - 0.3, load, 24 * MIB, "mmapped", tid=2, thread="loader")
            kept += 24 * MIB
        if second % 20 == 16:
            made.growth(second - 0.3, load, -24 * MIB, "mmapped", tid=2, thread="loader", of=load)
            kept -= 24 * MIB
        for tick in range(4):
            made.sample(second - 1 + tick / 4, render if tick else put, young=400 if tick else 120, rss=MIB, arenas=0)
        made.timeline(
            second, rss=60 * MIB + kept, heap=40 * MIB + kept, live=30 * MIB + kept * 9 // 10,
            objects=300_000 + second * 4_000, collections=[10 + 2 * second, 1 + second // 5, second // 30],
        )  # fmt: skip
        if second % 10 == 0:
            made.census(
                second,
                {
                    "dict": (20_000 + 2_000 * second, 4 * MIB + 1_400_000 * second),
                    "app.cache.Entry": (10_000 + 2_000 * second, MIB + 112_000 * second),
                    "str": (90_000 + 10 * second, 6 * MIB + 700 * second),
                },
            )
    made.end(60.0)
    return made


class Truth:
    """What stacks kept, at most and at the end, from the lines alone: what goes is taken from whom it is said to be of,
    or, of RSS, from the latest that grew."""

    def __init__(self, lines: list[dict], key=lambda frames: frames) -> None:
        frames, stacks = {}, {}
        self.key = key
        self.kept = collections.Counter()
        self.peak = collections.Counter()
        self.total = collections.Counter()
        self.freed_before = 0
        mine = collections.Counter()
        latest: list[list] = []
        for line in lines:
            if line["type"] == "frame":
                frames[line["id"]] = (line["function"], line.get("file"), line.get("line"), line.get("module"))
            if line["type"] == "stack":
                stacks[line["id"]] = tuple(frames[frame] for frame in line["frames"])
        watched = lines[0]["sources"][0]["available"]
        kind, what = ("growth", "bytes") if watched else ("sample", "rss")
        events = [line for line in lines if line["type"] == kind and line.get(what)]
        for line in sorted(events, key=lambda line: line["time"]):
            size, who = line[what], stacks[line["stack"]]
            if size > 0:
                mine[line.get("counter"), who] += size
                latest.append([who, size])
                self._add(who, size)
            elif watched:
                who = stacks.get(line.get("of"))
                taken = min(-size, mine[line["counter"], who])
                mine[line["counter"], who] -= taken
                self._add(who, -taken)
                self.freed_before += -size - taken
            else:
                size = -size
                while size and latest:
                    taken = min(size, latest[-1][1])
                    self._add(latest[-1][0], -taken)
                    latest[-1][1] -= taken
                    size -= taken
                    if not latest[-1][1]:
                        latest.pop()
                self.freed_before += size

    def _add(self, who, size) -> None:
        names = self.key(who) if who is not None else set()
        for name in names if isinstance(names, set) else {names}:
            self.kept[name] += size
            self.total[name] += max(size, 0)
            self.peak[name] = max(self.peak[name], self.kept[name])


def own_line(frames: tuple):
    """The newest of Python, else the newest."""
    return next((frame for frame in frames if frame[3] is None), frames[0] if frames else None)
