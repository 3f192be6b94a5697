"""Space and Threat: nothing leaves the ball, the box or a table's constraints, whatever an attack proposes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hauberk.attack.evasion.hopskipjump import hopskipjump
from hauberk.attack.evasion.square import square
from hauberk.attack.referee import allowed
from hauberk.attack.threat import Space, Threat, space_of
from hauberk.core.errors import InputError
from hauberk.core.features import Feature
from hauberk.model.callable import from_callable
from hauberk.model.constraints import distance, violations

TABLE = (
    Feature("income", "numeric", 0.0, 5000.0),
    Feature("age", "integer", 18, 99),
    Feature("sex", "categorical", 0, 2, immutable=True, categories=("a", "b", "c")),
    Feature("job", "categorical", 0, 3, categories=("w", "x", "y", "z")),
    Feature("red", "onehot", 0, 1, group="colour"),
    Feature("green", "onehot", 0, 1, group="colour"),
    Feature("blue", "onehot", 0, 1, group="colour"),
    Feature("fixed", "numeric", 3.0, 3.0),
)


def rows(n: int, seed: int, dtype: Any = np.float64) -> Any:
    random = np.random.default_rng(seed)
    colour = np.eye(3)[random.integers(3, size=n)]
    columns = [random.uniform(0, 5000, n), random.integers(18, 100, n), random.integers(3, size=n),
               random.integers(4, size=n), *colour.T, np.full(n, 3.0)]  # fmt: skip
    return np.stack(columns, axis=1).astype(dtype)


def table_space() -> Space:
    low, high = (np.array([getattr(f, end) for f in TABLE]) for end in ("low", "high"))
    free = np.array([not f.immutable for f in TABLE])
    return Space(low, high, np.where(free, high - low, 0.0), TABLE)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["linf", "l2"]), st.floats(0, 3), st.floats(0.001, 1e4))
def test_what_is_put_into_the_ball_is_valid(seed: int, norm: str, eps: float, size: float) -> None:
    x = rows(12, seed, np.float32 if seed % 2 else np.float64)
    wild = x + np.random.default_rng(seed).normal(0, size, x.shape)
    there = table_space().into_ball(wild, x, norm, eps)
    assert not violations(there, x, TABLE).any()
    assert (distance(there, x, "linf" if norm == "linf" else "l2", TABLE) <= allowed(x, norm, eps) + 1e-6).all()
    assert there.dtype == x.dtype


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["linf", "l2"]), st.floats(0.05, 1.5))
def test_attacks_on_tables_only_make_rows_that_can_be(seed: int, norm: str, eps: float) -> None:
    x = rows(10, seed)
    weights = np.random.default_rng(seed).normal(size=8) / [5000, 81, 1, 3, 1, 1, 1, 1]
    middle = float(np.median(x @ weights))
    model = from_callable(lambda v: v @ weights - middle, (8,), 2, answers="margin")
    y = model.predict(x).argmax(axis=1)
    before = model.queries
    searched = square(model, x, y, table_space(), norm, eps, queries=40, seed=seed)
    assert model.queries == before + searched.queries.sum()
    walked = hopskipjump(model, x, y, table_space(), norm, queries=90, seed=seed)
    assert model.queries == before + searched.queries.sum() + walked.queries.sum()
    for found in (searched, walked):
        assert not violations(found.x_adv, x, TABLE).any()


def test_a_table_is_broken_at_its_closed_form() -> None:
    """One numeric column decides: the threshold is 10% of the width away, so 0.11 breaks and 0.09 does not."""
    x = rows(20, 0)
    x[:, 0] = 2000.0
    model = from_callable(lambda v: v[:, 0] - 2500.0, (8,), 2, answers="margin")
    y = np.zeros(20, int)
    for eps, broken in ((0.09, False), (0.11, True)):
        found = square(model, x, y, table_space(), "linf", eps, queries=200)
        assert ((model.predict(found.x_adv).argmax(axis=1) != y) == broken).all()
    near = hopskipjump(model, x, y, table_space(), "l2", queries=400)
    assert np.median(distance(near.x_adv, x, "l2", TABLE)) == pytest.approx(0.1, rel=0.05)
    changed = (near.x_adv != x).sum(axis=1)
    assert np.median(changed) == 1, "columns that do not matter are put back"


def test_a_space_comes_from_features_bounds_or_data(build: Any) -> None:
    linear = build.linear(2, (3,), seed=0)
    x, y = linear.examples(5, seed=0)
    boxed = space_of(linear.model(), build.inputs(linear.model(), x, y).test)
    assert (boxed.low == 0).all()
    assert (boxed.high == 1).all()
    bare = from_callable(linear.probabilities, (3,), 2)
    seen = space_of(bare, build.inputs(bare, x, y).test)
    assert np.allclose(seen.high, x.max(axis=0))
    table = from_callable(lambda v: v[:, 0] - 9, (8,), 2, answers="margin")
    space = space_of(table, build.inputs(table, rows(4, 0), [0, 1, 0, 1], TABLE).test)
    assert space.unit.tolist() == [5000, 81, 0, 3, 1, 1, 1, 0]


def test_infinite_where_what_cannot_change_changed() -> None:
    space = Space(np.zeros(2), np.ones(2), np.array([1.0, 0.0]))
    x = np.zeros((2, 2))
    assert space.distance(np.array([[0.5, 0.0], [0.5, 0.1]]), x, "linf").tolist() == [0.5, np.inf]


@pytest.mark.parametrize("bad", [("l3", 0.1, "score"), ("linf", -1.0, "score"), ("l2", 0.1, "psychic")])
def test_a_threat_says_what_it_is(bad: tuple[str, float, str]) -> None:
    with pytest.raises(InputError):
        Threat(*bad)
