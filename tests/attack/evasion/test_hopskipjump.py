"""HopSkipJump against the closed form; budgets; a hopeless example."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hauberk.attack.evasion.hopskipjump import hopskipjump
from hauberk.attack.threat import Space
from hauberk.core.features import Feature
from hauberk.model.callable import from_callable


@pytest.mark.parametrize(("norm", "classes", "tolerance"), [("l2", 2, 0.05), ("l2", 4, 0.10), ("linf", 2, 0.10)])
def test_reaches_the_closed_form(build: Any, norm: str, classes: int, tolerance: float) -> None:
    linear = build.linear(classes, (16,), seed=1)
    x, y = linear.examples(40, seed=1)
    model = linear.model()
    found = hopskipjump(model, x, y, linear.space, norm, queries=4000)
    ratio = linear.space.distance(found.x_adv, x, norm) / linear.distance(x, y, norm)
    assert (linear.logits(found.x_adv).argmax(axis=1) != y).all()
    assert ratio.min() > 0.999
    assert np.median(ratio) < 1 + tolerance
    assert found.queries.sum() == model.queries
    assert found.queries.max() <= 4000


def test_labels_are_enough(build: Any) -> None:
    linear = build.linear(3, (6,), seed=2)
    x, y = linear.examples(15, seed=2)
    scored, labelled = linear.model(), from_callable(lambda v: linear.logits(v).argmax(axis=1), (6,), 3, (0.0, 1.0))
    runs = [hopskipjump(m, x, y, linear.space, "l2", queries=300) for m in (scored, labelled)]
    assert labelled.label_only
    assert np.array_equal(runs[0].x_adv, runs[1].x_adv)


def test_a_hopeless_example_costs_the_others_nothing(build: Any) -> None:
    """Row 3 can never be fooled: the answer for anything near its marker is fixed."""
    linear = build.linear(2, (6,), seed=3)
    x, y = linear.examples(8, seed=3)
    x[:, 0] = 0.25
    x[3, 0] = 0.75
    y = linear.logits(x).argmax(axis=1)
    locked = Space(np.zeros(6), np.ones(6), np.array([0.0, 1, 1, 1, 1, 1]))

    def answer(v: Any) -> Any:
        said = linear.logits(v).argmax(axis=1)
        return np.where(v[:, 0] == np.float32(0.75), y[3], said)

    starts = 1 - x
    starts[:, 0] = x[:, 0]
    model = from_callable(answer, (6,), 2, (0.0, 1.0), answers="labels")
    found = hopskipjump(model, x, y, locked, "l2", starts=starts, queries=300)
    assert np.array_equal(found.x_adv[3], x[3])
    others = np.arange(8) != 3
    assert (answer(found.x_adv)[others] != y[others]).all()
    assert found.queries[3] <= 21


def test_a_constant_model_breaks_nothing(build: Any) -> None:
    model = from_callable(lambda v: np.zeros(len(v), int), (4,), 2, (0.0, 1.0), answers="labels")
    x = np.full((3, 4), 0.5, np.float32)
    space = Space(np.zeros(4), np.ones(4), np.ones(4))
    found = hopskipjump(model, x, np.zeros(3, int), space, "linf", queries=50)
    assert np.array_equal(found.x_adv, x)
    assert found.queries.sum() == model.queries


def test_small_budgets_and_the_meter(build: Any) -> None:
    linear = build.linear(3, (9,), seed=4)
    x, y = linear.examples(6, seed=4)
    for queries in (1, 5, 30, 77):
        model = linear.model()
        found = hopskipjump(model, x, y, linear.space, "l2", queries=queries)
        assert found.queries.max() <= queries
        assert found.queries.sum() == model.queries
    limited = linear.model(max_queries=100)
    found = hopskipjump(limited, x, y, linear.space, "l2", queries=500)
    assert found.exhausted == "queries"
    assert found.queries.sum() == limited.queries


def test_more_queries_come_nearer(build: Any) -> None:
    linear = build.linear(5, (20,), seed=5)
    x, y = linear.examples(20, seed=5)
    runs = [hopskipjump(linear.model(), x, y, linear.space, "l2", queries=q) for q in (60, 400, 2000)]
    near = [np.median(linear.space.distance(run.x_adv, x, "l2")) for run in runs]
    assert near[0] > near[1] > near[2]


def test_columns_that_did_not_matter_are_put_back() -> None:
    """Only income decides: whatever else the start differed in is as it was, and the label is still wrong."""
    features = (
        Feature("income", "numeric", 0, 100), Feature("age", "integer", 18, 98), Feature("debt", "numeric", 0, 1),
        Feature("job", "categorical", 0, 4), Feature("own", "onehot", 0, 1, group="home"),
        Feature("rent", "onehot", 0, 1, group="home"),
    )  # fmt: skip
    low, high = (np.array([getattr(f, end) for f in features], float) for end in ("low", "high"))
    space = Space(low, high, high - low, features)
    x = np.array([[20.0 + i, 30 + i, 0.1 * i, i % 5, 1, 0] for i in range(8)])
    starts = np.array([[90.0, 70, 0.9, (i + 1) % 5, 0, 1] for i in range(8)])
    model = from_callable(lambda v: (v[:, 0] > 50).astype(int), (6,), 2, answers="labels")
    for norm in ("l2", "linf"):
        found = hopskipjump(model, x, np.zeros(8, int), space, norm, starts=starts, queries=80)
        assert (found.x_adv[:, 0] > 50).all()
        assert np.array_equal(found.x_adv[:, 1:], x[:, 1:])
        assert found.queries.max() <= 80
