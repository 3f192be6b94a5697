"""APGD against the closed form of a linear model, and its own invariants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hauberk.attack.evasion.apgd import apgd, apgd_targeted
from hauberk.attack.evasion.losses import LOSSES, settle
from hauberk.attack.evasion.pgd import pgd
from hauberk.attack.threat import Space

torch = pytest.importorskip("torch")

CASES = [(classes, norm) for classes in (2, 3, 10) for norm in ("linf", "l2")]


def _wrong(linear: Any, x: Any, y: Any) -> Any:
    return linear.logits(x).argmax(axis=1) != y


@pytest.mark.parametrize(("classes", "norm"), CASES)
@pytest.mark.parametrize("loss", ["ce", "dlr"])
def test_breaks_exactly_what_the_closed_form_says(build: Any, classes: int, norm: str, loss: str) -> None:
    linear = build.linear(classes, (1, 4, 5), seed=classes)
    x, y = linear.examples(80, seed=1)
    distance = linear.distance(x, y, norm)
    eps = float(np.median(distance))
    found = apgd(linear.module(), x, y, linear.space, norm, eps, loss=loss, steps=60)
    broken = _wrong(linear, found.x_adv, y)
    assert not broken[distance > eps * 1.0001].any()
    # with several classes the ascent may run to a farther one: the targeted attack, below, is exact there
    assert broken[distance < eps * 0.98].mean() >= (1.0 if classes == 2 else 0.8)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_plain_descent_breaks_the_same(build: Any, norm: str) -> None:
    linear = build.linear(2, (1, 4, 5), seed=2)
    x, y = linear.examples(60, seed=1)
    distance = linear.distance(x, y, norm)
    eps = float(np.median(distance))
    found = pgd(linear.module(), x, y, linear.space, norm, eps)
    broken = _wrong(linear, found.x_adv, y)
    assert not broken[distance > eps * 1.0001].any()
    assert broken[distance < eps * 0.98].all()
    assert (found.best >= found.first).all()
    assert found.gradients.max() <= 40


@pytest.mark.parametrize("classes", [3, 4, 10])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_targeted_finds_the_nearest_class(build: Any, classes: int, norm: str) -> None:
    linear = build.linear(classes, (20,), seed=classes)
    x, y = linear.examples(60, seed=2)
    distance = linear.distance(x, y, norm)
    eps = float(np.median(distance))
    found = apgd_targeted(linear.module(), x, y, linear.space, norm, eps, steps=60)
    broken = _wrong(linear, found.x_adv, y)
    assert not broken[distance > eps * 1.0001].any()
    assert broken[distance < eps * 0.98].all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_one_radius_an_example(build: Any, norm: str) -> None:
    linear = build.linear(2, (12,), seed=0)
    x, y = linear.examples(40, seed=3)
    distance = linear.distance(x, y, norm)
    factor = np.where(np.arange(40) % 2 == 0, 0.95, 1.05)
    found = apgd(linear.module(), x, y, linear.space, norm, distance * factor, loss="margin", steps=60)
    assert (_wrong(linear, found.x_adv, y) == (factor > 1)).all()
    assert (linear.space.distance(found.x_adv, x, norm) <= distance * factor + 1e-6).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_stays_in_ball_and_box_near_the_edge(build: Any, norm: str) -> None:
    linear = build.linear(3, (6,), seed=4)
    x = np.random.default_rng(0).integers(0, 2, (30, 6)).astype(np.float32)
    y = linear.logits(x).argmax(axis=1)
    found = apgd(linear.module(), x, y, linear.space, norm, 0.3, steps=20)
    assert found.x_adv.dtype == x.dtype
    assert found.x_adv.min() >= 0
    assert found.x_adv.max() <= 1
    assert (linear.space.distance(found.x_adv, x, norm) <= 0.3 + 1e-6).all()


def test_units_stretch_the_ball_and_unit_zero_freezes(build: Any) -> None:
    linear = build.linear(2, (3,), seed=5)
    space = Space(np.zeros(3), np.array([1.0, 1000.0, 1.0]), np.array([1.0, 1000.0, 0.0]))
    x = np.array([[0.5, 500.0, 0.5]], np.float32)
    y = linear.logits(x).argmax(axis=1)
    moved = apgd(linear.module(), x, y, space, "linf", 0.1, steps=10).x_adv - x
    assert abs(moved[0, 1]) > 1
    assert abs(moved[0, 1]) <= 100.001
    assert moved[0, 2] == 0


def test_same_seed_same_result_and_one_gradient_a_step(build: Any) -> None:
    linear = build.linear(4, (10,), seed=6)
    x, y = linear.examples(20, seed=6)
    runs = [apgd(linear.module(), x, y, linear.space, "l2", 0.05, steps=15, seed=s) for s in (1, 1, 2)]
    assert np.array_equal(runs[0].x_adv, runs[1].x_adv)
    assert not np.array_equal(runs[0].x_adv, runs[2].x_adv)
    assert runs[0].gradients.max() == 15


def test_counts_what_the_module_saw(build: Any) -> None:
    linear = build.linear(2, (10,), seed=7)
    x, y = linear.examples(30, seed=7)
    module, seen = linear.module(), []
    eps = float(np.median(linear.distance(x, y, "linf")))
    found = apgd(lambda v: seen.append((v.requires_grad, len(v))) or module(v), x, y, linear.space, "linf", eps,
                 loss="ce", steps=12)  # fmt: skip
    assert sum(n for wants, n in seen if wants) == found.gradients.sum()
    assert found.gradients.min() < 12, "a broken example leaves the batch"


def test_no_examples_and_no_time(build: Any) -> None:
    linear = build.linear(3, (5,), seed=8)
    x, y = linear.examples(4, seed=8)
    module = linear.module()
    assert apgd(module, x[:0], y[:0], linear.space, "linf", 0.1).x_adv.shape == (0, 5)
    assert apgd_targeted(module, x[:0], y[:0], linear.space, "linf", 0.1).x_adv.shape == (0, 5)
    halted = apgd(module, x, y, linear.space, "linf", 0.1, stop=lambda: True)
    assert halted.gradients.sum() == 0
    assert np.isfinite(halted.x_adv).all()


def test_a_flat_model_is_reported_flat(build: Any) -> None:
    linear = build.linear(3, (5,), seed=9)
    x, y = linear.examples(4, seed=9)
    steps = apgd(lambda v: torch.round(linear.module()(v) * 0) + v.sum() * 0, x, y * 0, linear.space, "linf", 0.1)
    assert steps.flat.all()


def test_losses_agree_with_their_formulas() -> None:
    z = torch.tensor([[3.0, 1.0, 0.5, -1.0], [0.0, 2.0, 1.5, 1.0]])
    y, t = torch.tensor([0, 0]), torch.tensor([1, 2])
    assert LOSSES["dlr"](z, y, t).tolist() == pytest.approx([-2 / 2.5, 2 / 1.0])
    assert LOSSES["margin"](z, y, t).tolist() == pytest.approx([-2.0, 2.0])
    assert LOSSES["margin_targeted"](z, y, t).tolist() == pytest.approx([-2.0, 1.5])
    assert LOSSES["dlr_targeted"](z, y, t).tolist() == pytest.approx([-2 / (3 + 0.25), 1.5 / (2 - 0.5)])
    assert LOSSES["dlr"](z * 7 + 3, y, t).tolist() == pytest.approx(LOSSES["dlr"](z, y, t).tolist())


def test_too_few_classes_fall_back_to_the_margin() -> None:
    assert [settle("dlr", k) for k in (2, 3)] == ["margin", "dlr"]
    assert [settle("dlr_targeted", k) for k in (3, 4)] == ["margin_targeted", "dlr_targeted"]
