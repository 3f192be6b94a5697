"""APGD against the closed form of a linear model, and its own invariants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hauberk.attack.evasion.apgd import apgd, apgd_targeted
from hauberk.attack.evasion.losses import LOSSES, settle
from hauberk.attack.evasion.pgd import pgd
from hauberk.attack.threat import Space
from hauberk.core.features import Feature
from hauberk.model.constraints import violations

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


TABLE = (
    Feature("amount", "numeric", 0, 1000),
    Feature("age", "integer", 0, 20),
    Feature("status", "numeric", 0, 1, immutable=True),
    Feature("job", "categorical", 0, 2, categories=("a", "b", "c")),
)


class Scorecard:
    """Two classes over amount / 1000, age / 20, status and job: its best move inside a ball is known exactly."""

    weights = np.array([1.0, 2.0, 5.0, 0.5]) / np.array([1000, 20, 1, 1])

    def module(self, seen: list[Any]) -> Any:
        weights = torch.tensor(self.weights, dtype=torch.float32)

        def logits(v: Any) -> Any:
            seen.append(v.detach().numpy().copy())
            z = 8 * ((v * weights).sum(1) - 3.0)
            return torch.stack([-z, z], dim=1)

        return logits

    def margin(self, x: Any) -> Any:
        return np.abs(x @ self.weights - 3.0)

    def reach(self, x: Any, y: Any, eps: float) -> Any:
        """The largest drop of the margin within an L-infinity ball of eps widths: amounts, and whole years."""
        up = y == 0
        amount = np.minimum(1000 * eps, np.where(up, 1000 - x[:, 0], x[:, 0]))
        years = np.minimum(np.floor(20 * eps + 1e-9), np.where(up, 20 - x[:, 1], x[:, 1]))
        return amount / 1000 + 2 * years / 20


@pytest.mark.parametrize("attack", [apgd, pgd])
@pytest.mark.parametrize("eps", [0.12, 0.2])
def test_tables_are_attacked_through_their_rounding(attack: Any, eps: float) -> None:
    random, card = np.random.default_rng(3), Scorecard()
    x = np.stack([random.uniform(0, 1000, 300), random.integers(0, 21, 300), random.uniform(0, 0.6, 300),
                  random.integers(0, 3, 300)], axis=1).astype(np.float64)  # fmt: skip
    y = (x @ card.weights > 3.0).astype(int)
    space = Space(np.array([f.low for f in TABLE]), np.array([f.high for f in TABLE]),
                  np.array([1000.0, 20.0, 0.0, 2.0]), TABLE)  # fmt: skip
    seen: list[Any] = []
    found = attack(card.module(seen), x, y, space, "linf", eps, loss="margin", steps=40)
    broken = (found.x_adv @ card.weights > 3.0).astype(int) != y
    gap = card.margin(x) - card.reach(x, y, eps)
    assert 20 < (gap < 0).sum() < 250
    assert not broken[gap > 1e-5].any()
    assert broken[gap < -1e-3].mean() > (0.98 if attack is apgd else 0.95)
    assert not violations(found.x_adv, x, TABLE).any()
    assert (space.distance(found.x_adv, x, "linf") <= eps * (1 + 1e-6)).all()
    shown = np.concatenate(seen)  # the model was never shown half a year, nor another job
    assert np.allclose(shown[:, [1, 3]], np.round(shown[:, [1, 3]]), atol=1e-4)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_steps_shrink_onto_a_peak_inside_the_ball(norm: str) -> None:
    """A round peak: steps as long as the ball jump over it for ever; halved ones climb it."""
    random = np.random.default_rng(0)
    x, peak = np.full((40, 6), 0.5, np.float32), random.uniform(0.45, 0.55, (40, 6)).astype(np.float32)
    centre, y = torch.tensor(peak), np.zeros(40, int)

    def logits(v: Any) -> Any:
        height = -(v - centre).square().sum(1)
        return torch.stack([torch.zeros_like(height), height - 1e-3], dim=1)

    space = Space(np.zeros(6), np.ones(6), np.ones(6))
    found = apgd(logits, x, y, space, norm, 0.2, loss="margin", steps=80)
    missed = -1e-3 - found.best
    assert (missed > -1e-6).all()
    assert np.median(missed) < 1e-5
    assert missed.max() < 1e-4
    assert np.allclose(logits(torch.tensor(found.x_adv))[:, 1].numpy(), found.best, atol=1e-6)


def test_what_broke_is_kept_while_the_loss_climbs_elsewhere() -> None:
    """Three rows may be broken where they begin; the targeted loss then leads away from there."""

    def logits(v: Any) -> Any:
        trap = (v[:, 0] < 0.25) & (v[:, 1] > 0.5)
        return torch.stack([torch.ones(len(v)), torch.where(trap, 2.0, -9.0), 5 * v[:, 0] - 8], dim=1)

    x = np.full((64, 2), 0.5, np.float32)
    x[:, 1] = np.arange(64) < 3
    space, y = Space(np.zeros(2), np.ones(2), np.array([1.0, 0.0])), np.zeros(64, int)
    found = apgd(logits, x, y, space, "linf", 0.3, loss="margin_targeted", target=y + 2, steps=10, seed=1)
    assert (logits(torch.tensor(found.x_adv)).argmax(1).numpy() == 1).sum() >= 1
    assert (found.x_adv[3:, 0] > 0.79).all()
