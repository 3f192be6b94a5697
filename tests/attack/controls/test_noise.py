"""`attack.noise`: of the announced size, inside box and constraints, and harmless where it should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hauberk.attack.controls.noise import NOISE, noisy
from hauberk.attack.setting import Setting, default_eps, stratified
from hauberk.attack.threat import Space, space_of
from hauberk.core.features import Feature
from hauberk.core.limits import Limits
from hauberk.core.nouns import Verdict
from hauberk.model.callable import from_callable
from hauberk.model.constraints import violations


def _setting(model: Any, data: Any) -> Setting:
    return Setting(model, data, space_of(model, data), np.arange(len(data.y)), np.array(data.x), np.array(data.y),
                   {"linf": 0.1, "l2": 0.1}, (0.0, 1.0))  # fmt: skip


def test_noise_has_the_size_it_says(build: Any) -> None:
    linear = build.linear(2, (50,), seed=0)
    x, y = linear.examples(30, seed=0)
    setting = _setting(linear.model(), build.inputs(linear.model(), x, y).test)
    random = np.random.default_rng(0)
    uniform = linear.space.distance(noisy(setting, "linf", 0.1, random), x, "linf")
    gaussian = linear.space.distance(noisy(setting, "l2", 0.1, random), x, "l2")
    assert (uniform <= 0.1 + 1e-6).all()
    assert uniform.mean() > 0.095
    assert gaussian == pytest.approx(np.full(30, 0.1), rel=1e-4)


def test_noise_on_a_table_makes_rows_that_can_be(build: Any) -> None:
    features = (Feature("a", "integer", 0, 9), Feature("b", "numeric", 0, 1, immutable=True),
                Feature("c", "numeric", 0, 5))  # fmt: skip
    random = np.random.default_rng(0)
    x = np.stack([random.integers(0, 10, 50), random.random(50), random.uniform(0, 5, 50)], 1).astype(float)
    model = from_callable(lambda v: v[:, 0] - 4.5, (3,), 2, answers="margin")
    setting = _setting(model, build.inputs(model, x, np.zeros(50, int), features).test)
    for norm in ("linf", "l2"):
        moved = noisy(setting, norm, 0.5, random)
        assert not violations(moved, x, features).any()
        assert (moved != x).any(axis=0).tolist() == [True, False, True]


def test_accuracy_falls_with_noise_and_is_exact_without(build: Any) -> None:
    linear = build.linear(3, (8,), seed=1)
    x, y = linear.examples(60, seed=1)
    inputs = build.inputs(linear.model(), x, y, eps={"linf": 1.0, "l2": 3.0})
    evidence = NOISE.run(inputs, Limits(), 0)
    for name, eps in (("accuracy.uniform", 1.0), ("accuracy.gaussian", 3.0)):
        assert evidence.measured(name, eps=0.0).value == 1.0
        assert evidence.measured(name, eps=eps).value < 0.95
    assert {f.rule for f in evidence.findings} == {"attack.noise.fragile"}
    assert [e.name for e in evidence.exhibits] == ["noise.linf", "noise.l2"]
    assert NOISE.run(inputs, Limits(), 0).measurements == evidence.measurements


def test_small_noise_is_no_finding(build: Any) -> None:
    linear = build.linear(2, (8,), seed=2)
    x, y = linear.examples(60, seed=2)
    evidence = NOISE.run(build.inputs(linear.model(), x, y, eps={"linf": 1e-4, "l2": 1e-4}), Limits(), 0)
    assert evidence.verdict is Verdict.HELD


def test_a_query_budget_is_kept(build: Any) -> None:
    linear = build.linear(2, (8,), seed=3)
    x, y = linear.examples(20, seed=3)
    for budget in (60, 300):
        model = linear.model(max_queries=budget)
        evidence = NOISE.run(build.inputs(model, x, y), Limits(queries=budget), 0)
        assert model.queries <= budget
        assert (evidence.verdict is Verdict.HELD) == (budget == 300)


def test_the_sample_keeps_the_classes_proportions() -> None:
    y = np.array([0] * 80 + [1] * 15 + [2] * 5)
    counts = np.bincount(y[stratified(y, 20, 0)])
    assert counts.tolist() == [16, 3, 1]
    assert np.array_equal(stratified(y, 20, 0), stratified(y, 20, 0))
    assert len(stratified(y, 1000, 0)) == 100


def test_radii_are_settled_from_the_kind_of_input() -> None:
    def of(shape: tuple[int, ...], top: float = 1.0) -> float:
        return default_eps(Space(np.zeros(shape), np.full(shape, top), np.ones(shape)), shape)["linf"]

    assert of((1, 28, 28)) == of((8, 8)) == 0.1
    assert of((3, 32, 32)) == of((224, 224, 3)) == 8 / 255
    assert of((8, 8), top=16.0) == pytest.approx(1.6)
    assert of((16_000,)) == pytest.approx(0.03)
