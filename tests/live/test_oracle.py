# SPDX-License-Identifier: MIT
"""The oracle itself: it must be at rest, and hold enough to be worth asking."""

from __future__ import annotations

import targets


def test_rests(oracle: targets.Oracle) -> None:
    """Measured anew it says the same, to the byte: nothing of the measuring is in the report."""
    before = oracle.report_path.read_bytes()
    oracle.measure_again()
    assert oracle.report_path.read_bytes() == before


def test_holds_many_types(oracle: targets.Oracle) -> None:
    """Types of Python's own; classes that the menagerie makes by the dozen do not count."""
    names = {name for name, _, _ in oracle.report["types"].values()}
    assert len({name for name in names if not name.startswith(("menagerie.", "__main__."))}) >= 180


def test_has_something_everywhere(oracle: targets.Oracle) -> None:
    report = oracle.report
    assert report["garbage"] >= 5
    assert report["generations"][0] > 1000
    assert report["generations"][2] > 1000
    assert report["objects"] == sum(report["generations"])
    assert not report["enabled"]
