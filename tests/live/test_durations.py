# SPDX-License-Identifier: MIT
"""How long collections took, where CPython records it: against gc.get_stats() before and after each."""

from __future__ import annotations

import json

import pytest

RING = [11, 3, 3]  # collections that are remembered of each generation


@pytest.mark.ten
def test_durations(heapspy, workplace):
    version = tuple(map(int, workplace.interpreter.version.split(".")[:2]))
    if version < (3, 15):
        with workplace.start("sleeper.py") as target:
            generations = heapspy.json("gc", target.pid)["interpreters"][0]["gc"]["generations"]
            assert not any(key in one for one in generations for key in ("duration", "last", "longest"))
        return
    with workplace.start("durations.py") as target:
        took = json.loads(target.read_line())
        generations = heapspy.json("gc", target.pid)["interpreters"][0]["gc"]["generations"]
    for one, theirs, remembered in zip(generations, took, RING):
        assert one["last"] == pytest.approx(theirs[-1], abs=2e-6)
        # Others may have been before, when the interpreter started: they are longer, if any.
        assert one["longest"] >= max(theirs[-remembered:]) - 2e-6
        assert one["duration"] >= one["longest"] - 2e-6
    # Of the older ones no more are remembered than those.
    for one, theirs in list(zip(generations, took))[1:]:
        assert one["longest"] == pytest.approx(max(theirs[-3:]), abs=2e-6)
