"""Categories: which columns the radii leave out, and the exhaustive arm beside a slow exact version."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hauberk.attack.evasion import categories
from hauberk.attack.evasion.categories import out_of_reach
from hauberk.attack.evasion.check import EVASION
from hauberk.attack.threat import Space
from hauberk.core.features import Feature
from hauberk.core.limits import Limits
from hauberk.core.nouns import Severity
from hauberk.model.callable import from_callable

SCHEMA = (
    Feature("amount", "numeric", 0, 1),
    Feature("age", "integer", 0, 50),
    Feature("flag", "integer", 0, 1),
    Feature("job", "categorical", 0, 3, categories=("a", "b", "c", "d")),
    Feature("sex", "categorical", 0, 1, immutable=True),
    Feature("home=own", "onehot", 0, 1, group="home"),
    Feature("home=rent", "onehot", 0, 1, group="home"),
    Feature("home=free", "onehot", 0, 1, group="home"),
)
WEIGHTS = np.array([0.3, 0.01, 0.4, 0.0, 0.9, 0.2, -0.6, 0.5])
JOB = np.array([0.1, -0.5, 0.8, 0.0])


def answer(x: Any) -> Any:
    z = x @ WEIGHTS + JOB[x[:, 3].astype(int)] - 0.8
    return np.stack([1 / (1 + np.exp(4 * z)), 1 / (1 + np.exp(-4 * z))], axis=1)


def table(n: int = 60) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    x = np.stack([random.random(n), random.integers(0, 51, n), random.integers(0, 2, n), random.integers(0, 4, n),
                  random.integers(0, 2, n)], axis=1).astype(np.float64)  # fmt: skip
    x = np.concatenate([x, np.eye(3)[random.integers(0, 3, n)]], axis=1)
    return x, answer(x).argmax(axis=1)


def black(build: Any, features: Any = SCHEMA, **options: Any) -> Any:
    x, y = table()
    model = from_callable(answer, (8,), 2, answers="probabilities")
    return build.inputs(model, x, y, features, samples=60, queries=20, radii=[1], **options)


def by_hand(x: Any, y: Any, columns: set[str]) -> int:
    """Rows that stand against every one-column rewrite, one at a time."""
    stands = 0
    for row, label in zip(x, y, strict=True):
        twins = []
        if "job" in columns:
            twins += [np.concatenate([row[:3], [code], row[4:]]) for code in range(4)]
        if "home" in columns:
            twins += [np.concatenate([row[:5], np.eye(3)[k]]) for k in range(3)]
        stands += bool((answer(np.array(twins)).argmax(axis=1) == label).all())
    return stands


@pytest.mark.parametrize("shut", ["", "job"])
def test_arm_is_exact(build: Any, shut: str) -> None:
    features = tuple(replace(f, immutable=True) if f.name == shut else f for f in SCHEMA)
    evidence = EVASION.run(black(build, features), Limits(), 0)
    (found,) = (m for m in evidence.measurements if m.name == "robust_accuracy_one_category")
    wanted = by_hand(*table(), {"job", "home"} - {shut})
    assert 0 < wanted < 60
    assert found.value == wanted / 60


def test_columns_out_of_reach() -> None:
    space = Space(np.zeros(8), np.ones(8), np.ones(8), SCHEMA)
    assert out_of_reach(space, 0.01) == ("age", "flag", "job", "home")
    assert out_of_reach(space, 0.02) == ("flag", "job", "home")
    assert out_of_reach(space, 0.99) == ("flag", "job", "home")
    assert out_of_reach(space, 1.0) == ()


def test_what_the_radii_leave_out_is_named(build: Any) -> None:
    evidence = EVASION.run(black(build), Limits(), 0)
    (note,) = (f for f in evidence.findings if f.rule == "attack.evasion.out_of_reach")
    assert note.severity is Severity.INFO
    assert "3 columns cannot change within linf 0.1" in note.message
    assert all(name in note.message for name in ("flag", "job", "home"))
    wide = EVASION.run(black(build, eps={"linf": 0.1, "l2": 1.0}), Limits(), 0)
    assert not any(f.rule == "attack.evasion.out_of_reach" for f in wide.findings)


def test_a_query_budget_pays_no_arm(build: Any) -> None:
    evidence = EVASION.run(black(build), Limits(queries=20_000), 0)
    assert not any(m.name == "robust_accuracy_one_category" for m in evidence.measurements)


def test_numbers_alone_have_no_arm_and_no_note(build: Any) -> None:
    linear = build.linear(2, (3,), seed=0)
    x, y = linear.examples(10, seed=0)
    features = tuple(Feature(f"c{j}", "numeric", 0, 1) for j in range(3))
    evidence = EVASION.run(build.inputs(linear.model(), x, y, features, queries=20), Limits(), 0)
    assert not any(m.name == "robust_accuracy_one_category" for m in evidence.measurements)
    assert not any(f.rule == "attack.evasion.out_of_reach" for f in evidence.findings)


def test_a_column_of_many_values_is_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(categories, "MOST", 2)
    drawn = categories._drawn(np.arange(100), np.random.default_rng(0))
    assert len(set(drawn.tolist())) == 2
    assert categories._drawn(np.arange(2), np.random.default_rng(0)).tolist() == [0, 1]
