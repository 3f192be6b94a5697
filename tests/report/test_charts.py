"""Scales and labels: round ticks inside the axis, labels that never cover one another."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk.report.html.labels import GAP, ROW, Label, placed, wrapped
from hauberk.report.html.scales import fit

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, min_size=1, max_size=20), st.booleans(), st.sampled_from(["radius", "accuracy", "error rate"]))
def test_every_value_lies_on_the_axis_with_few_ticks(values: list[float], log: bool, label: str) -> None:
    scale = fit(values, label, log, 40.0, 400.0, whole=True)
    assert all(40 - 1e-6 <= scale(v) <= 400 + 1e-6 for v in values)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 7
    assert all(math.isfinite(t.at) for t in ticks)
    assert [t.at for t in ticks] == sorted(t.at for t in ticks)


def test_a_share_axis_is_whole_and_a_radius_axis_is_not() -> None:
    assert [t.label for t in fit([0.2, 0.9], "accuracy", False, 100, 0, whole=True).ticks()] == [
        "0",
        "25",
        "50",
        "75",
        "100 %",
    ]
    assert [t.label for t in fit([0.0, 0.3], "L∞ radius", False, 0, 100, whole=False).ticks()] == [
        "0",
        "0.1",
        "0.2",
        "0.3",
    ]


def test_a_log_axis_shows_whole_decades_and_not_too_many() -> None:
    scale = fit([1e-12, 0.5], "false-positive rate", True, 0, 100, whole=False)
    assert [t.label for t in scale.ticks()] == ["0.001", "0.01", "0.1", "1", "10", "100 %"]
    assert scale(0.0) == scale(1e-12) == 0


@given(st.lists(st.tuples(st.floats(34, 256), st.integers(1, 3)), min_size=1, max_size=6))
def test_labels_do_not_overlap_and_keep_the_order_of_their_lines(lines: list[tuple[float, int]]) -> None:
    labels = [Label(("x",) * rows, 0, y, i, "", 400) for i, (y, rows) in enumerate(lines)]
    out = placed(labels, 34, 256)
    assert [o.y for o in out] == sorted(y for y, _ in lines)
    for above, below in itertools.pairwise(out):
        assert above.top + above.height + GAP <= below.top + 1e-6
    assert out[-1].top + out[-1].height <= 256 + ROW + 1e-6


@pytest.mark.parametrize("words", ["", "a" * 200, "one two three four five six seven eight nine ten eleven"])
def test_wrapped_labels_are_short(words: str) -> None:
    rows = wrapped(words)
    assert 1 <= len(rows) <= 3
    assert all(len(row) <= 21 for row in rows)
