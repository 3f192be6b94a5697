"""`model.quality` against counts by hand and a slow exact calibration error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk.attack.controls.quality import BINS, QUALITY, calibration_error
from hauberk.core.limits import Limits
from hauberk.core.nouns import Verdict
from hauberk.model.callable import from_callable


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_calibration_error_is_the_mean_gap_over_bins(pairs: Any) -> None:
    expected = 0.0
    for b in range(BINS):
        mine = [(c, r) for c, r in pairs if min(int(c * BINS), BINS - 1) == b]
        if mine:
            gap = abs(np.mean([c for c, _ in mine]) - np.mean([r for _, r in mine]))
            expected += len(mine) / len(pairs) * gap
    confidence, right = np.array([c for c, _ in pairs]), np.array([r for _, r in pairs])
    assert calibration_error(confidence, right) == pytest.approx(expected, abs=1e-9)


def test_counts(build: Any) -> None:
    """Column 0 is the answer; rows 0-5 are right, 6-9 wrong: 4 of 5 zeros and 2 of 5 ones are right."""
    said = np.array([0, 0, 0, 0, 1, 1, 1, 0, 0, 0])
    y = np.array([0, 0, 0, 0, 1, 1, 0, 1, 1, 1])
    model = from_callable(lambda v: np.stack([1 - v[:, 0], v[:, 0]], 1), (1,), 2, answers="probabilities")
    inputs = build.inputs(model, np.where(said == 1, 0.8, 0.2)[:, None].astype(np.float32), y)
    evidence = QUALITY.run(inputs, Limits(), 0)
    assert evidence.measured("accuracy").value == 0.6
    assert evidence.measured("class_accuracy", **{"class": "class 0"}).value == 0.8
    assert evidence.measured("balanced_accuracy").value == pytest.approx((4 / 5 + 2 / 5) / 2)
    assert evidence.measured("ece").value == pytest.approx(0.2)
    assert evidence.measured("majority_rate").value == 0.5
    confusion = next(e for e in evidence.exhibits if e.name == "quality.confusion")
    assert confusion.rows == (("class 0", 4, 1), ("class 1", 3, 2))
    assert set(confusion.marked) == {(0, 2), (1, 1)}
    assert model.queries == 10


def test_a_good_model_holds_and_a_constant_one_is_found(build: Any) -> None:
    linear = build.linear(3, (6,), seed=0)
    x, y = linear.examples(90, seed=0)
    assert QUALITY.run(build.inputs(linear.model(), x, y), Limits(), 0).verdict is Verdict.HELD
    constant = from_callable(lambda v: np.zeros(len(v), int), (6,), 3, answers="labels")
    evidence = QUALITY.run(build.inputs(constant, x, y), Limits(), 0)
    assert [(f.rule, str(f.severity)) for f in evidence.findings] == [("model.quality.degenerate", "high")]
    assert evidence.measured("ece") is None, "labels have no confidence"


def test_a_model_at_the_majority_rate_is_found(build: Any) -> None:
    y = np.array([0] * 45 + [1] * 15)
    x = np.zeros((60, 1), np.float32)
    x[:1] = 1
    model = from_callable(lambda v: (v[:, 0] > 0.5).astype(int), (1,), 2, answers="labels")
    evidence = QUALITY.run(build.inputs(model, x, y), Limits(), 0)
    assert evidence.findings[0].rule == "model.quality.degenerate"
    assert "majority" in evidence.findings[0].message


def test_one_example_and_a_budget(build: Any) -> None:
    linear = build.linear(2, (3,), seed=0)
    x, y = linear.examples(1, seed=0)
    assert QUALITY.run(build.inputs(linear.model(), x, y), Limits(), 0).measured("accuracy").n == 1
    x, y = linear.examples(30, seed=0)
    short = QUALITY.run(build.inputs(linear.model(max_queries=10), x, y), Limits(), 0)
    assert short.verdict is Verdict.INCONCLUSIVE
    assert QUALITY.run(build.inputs(linear.model(), x, y, samples=7), Limits(), 0).measured("accuracy").n == 7


def test_a_small_query_budget_gives_a_sample_of_every_class_and_a_wide_interval(build: Any) -> None:
    linear = build.linear(3, (3,), seed=0)
    x, y = linear.examples(300, seed=0)
    whole = QUALITY.run(build.inputs(linear.model(), x, y), Limits(), 0).measured("accuracy")
    evidence = QUALITY.run(build.inputs(linear.model(max_queries=30), x, y, samples=200), Limits(queries=30), 0)
    part = evidence.measured("accuracy")
    assert (part.n, evidence.parameters["settled_examples"]) == (30, 30)
    assert part.high - part.low > whole.high - whole.low
    assert not evidence.skipped
    shown = {m.at["class"] for m in evidence.measurements if m.name == "class_accuracy"}
    assert len(shown) == len(np.unique(y))
