"""The Square Attack against the closed form, the meter, and the shapes of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hauberk.attack.evasion.square import picture_axes, share, square
from hauberk.attack.evasion.squares import _window, bump, squares_l2, squares_linf


def test_a_linear_model_falls_as_the_closed_form_says(build: Any) -> None:
    linear = build.linear(3, (12,), seed=0)
    x, y = linear.examples(120, seed=1)
    distance = linear.distance(x, y, "linf")
    eps = float(np.median(distance))
    found = square(linear.model(), x, y, linear.space, "linf", eps, queries=600)
    stands = (linear.logits(found.x_adv).argmax(axis=1) == y).mean()
    assert stands == pytest.approx((distance > eps).mean(), abs=0.02)
    assert stands >= (distance > eps).mean() - 1e-9


@pytest.mark.parametrize("shape", [(1, 6, 6), (6, 6), (6, 6, 3), (3, 7, 5), (18,), (1, 2, 1)])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_every_shape_stays_inside_and_the_meter_agrees(build: Any, shape: tuple[int, ...], norm: str) -> None:
    linear = build.linear(4, shape, seed=2)
    x, y = linear.examples(25, seed=3)
    model = linear.model()
    eps = 1.5 * float(np.median(linear.distance(x, y, norm)))
    found = square(model, x, y, linear.space, norm, eps, queries=80, seed=5)
    assert found.queries.sum() == model.queries
    assert found.queries.max() <= 80
    assert found.x_adv.dtype == x.dtype
    assert (linear.space.distance(found.x_adv, x, norm) <= eps * (1 + 1e-6) + 1e-6).all()
    again = square(linear.model(), x, y, linear.space, norm, eps, queries=80, seed=5)
    assert np.array_equal(found.x_adv, again.x_adv)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (40,)])
def test_search_beats_as_many_random_points(build: Any, norm: str, shape: tuple[int, ...]) -> None:
    linear = build.linear(2, shape, seed=4)
    x, y = linear.examples(40, seed=4)
    eps = 1.6 * float(np.median(linear.distance(x, y, norm)))
    found = square(linear.model(), x, y, linear.space, norm, eps, queries=200)
    broken = (linear.logits(found.x_adv).argmax(axis=1) != y).mean()
    random = np.random.default_rng(0)
    chance = np.zeros(40, bool)
    for _ in range(200):
        step = random.choice([-1.0, 1.0], x.shape) if norm == "linf" else random.standard_normal(x.shape)
        moved = linear.space.into_ball(x + 99 * step, x, norm, eps)
        chance |= linear.logits(moved).argmax(axis=1) != y
    assert broken > chance.mean() + 0.1


def test_the_models_own_budget_ends_it_with_what_it_has(build: Any) -> None:
    linear = build.linear(3, (5, 5), seed=6)
    x, y = linear.examples(10, seed=6)
    model = linear.model(max_queries=35)
    found = square(model, x, y, linear.space, "linf", 1e-4, queries=100)
    assert found.exhausted == "queries"
    assert found.queries.sum() == model.queries == 30


def test_time_ends_it(build: Any) -> None:
    linear = build.linear(3, (5, 5), seed=6)
    x, y = linear.examples(3, seed=6)
    found = square(linear.model(), x, y, linear.space, "linf", 1e-4, stop=lambda: True)
    assert (found.exhausted, found.queries.sum()) == ("time", 0)
    assert np.array_equal(found.x_adv, x)


def test_the_share_follows_the_papers_schedule() -> None:
    assert [share(k, 10_000, 0.8) for k in (0, 11, 51, 201, 8001)] == [0.8, 0.4, 0.2, 0.1, 0.8 / 2**9]
    assert share(80, 1000, 0.8) == share(800, 10_000, 0.8)


@pytest.mark.parametrize("side", [1, 2, 3, 5, 8, 15])
def test_a_bump_has_norm_one_and_two_signs(side: int) -> None:
    heap = bump(side, np.random.default_rng(0))
    assert heap.shape == (side, side)
    assert np.square(heap).sum() == pytest.approx(1.0)
    assert side == 1 or (heap.min() < 0 < heap.max())


def test_axes_of_pictures() -> None:
    assert picture_axes((1, 28, 28)) == (0, 1, 2)
    assert picture_axes((224, 224, 3)) == (2, 0, 1)
    assert picture_axes((5,)) is None


class Counted:
    """A model that counts its calls."""

    def __init__(self, model: Any) -> None:
        self._model, self.calls = model, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def predict(self, x: Any) -> Any:
        self.calls += 1
        return self._model.predict(x)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_lanes_save_calls_not_answers_and_break_as_much(build: Any, norm: str) -> None:
    linear = build.linear(3, (12,), seed=0)
    x, y = linear.examples(80, seed=1)
    distance = linear.distance(x, y, norm)
    eps = float(np.median(distance))
    calls, broken = [], []
    for lanes in (1, 8):
        model = Counted(linear.model())
        found = square(model, x, y, linear.space, norm, eps, queries=400, lanes=lanes)
        assert found.queries.sum() == model.queries
        assert found.queries.max() == 400  # a row that stands spends all, and no more
        wrong = linear.logits(found.x_adv).argmax(axis=1) != y
        assert not wrong[distance > eps * 1.0001].any()
        calls.append(model.calls)
        broken.append(wrong.mean())
    assert calls[0] == 400
    assert calls[1] < 130
    assert abs(broken[1] - broken[0]) <= 0.05


def test_a_radius_for_every_row_is_kept(build: Any) -> None:
    linear = build.linear(3, (12,), seed=0)
    x, y = linear.examples(40, seed=1)
    distance = linear.distance(x, y, "linf")
    radius = distance * np.where(np.arange(40) % 2, 2.0, 0.9)
    found = square(linear.model(), x, y, linear.space, "linf", radius, queries=300)
    assert (linear.space.distance(found.x_adv, x, "linf") <= radius * (1 + 1e-6) + 1e-7).all()
    assert ((linear.logits(found.x_adv).argmax(axis=1) != y) == (radius > distance)).all()


def test_windows_of_large_pictures_leave_the_last_row_and_column_out() -> None:
    random = np.random.default_rng(0)
    for side, length, last in ((3, 28, 27), (3, 8, 8), (28, 28, 28)):
        ends = {_window(length, length, side, random)[2].stop for _ in range(400)}
        assert max(ends) == last


def test_a_move_in_l2_empties_one_window_and_fills_another() -> None:
    random, reach, side = np.random.default_rng(1), 1.5, 7
    x = np.full((4, 2, 20, 20), 0.5)
    step = random.standard_normal(x.shape)
    step *= 0.9 * reach / np.sqrt(np.square(step).sum(axis=(1, 2, 3), keepdims=True))
    moved = squares_l2(x, x + step, np.full((4, 1, 1, 1), reach), side**2 / 400, np.random.default_rng(5), start=False)
    found, same = moved - x, np.random.default_rng(5)
    into, out_of = (_window(20, 20, side, same) for _ in range(2))
    shape = bump(side, same)
    assert np.sqrt(np.square(found).sum(axis=(1, 2, 3))) == pytest.approx(np.full(4, reach))
    filled, emptied = np.zeros(x.shape, bool), np.zeros(x.shape, bool)
    filled[into], emptied[out_of] = True, True
    assert (found[emptied & ~filled] == 0).all()
    for n, c in np.ndindex(4, 2):  # elsewhere only the length has changed; in the window a bump lies on what was there
        rest = ~(filled | emptied)[n, c]
        assert np.corrcoef(found[n, c][rest], step[n, c][rest])[0, 1] > 0.999999
        old, new = (a[into][n, c] / np.linalg.norm(a[into][n, c]) for a in (step, found))
        assert max(abs(np.sum(new * (old + s * shape))) / np.linalg.norm(old + s * shape) for s in (1, -1)) > 0.999999


def test_the_start_fills_the_ball() -> None:
    x, reach = np.full((3, 1, 12, 12), 0.5), np.full((3, 1, 1, 1), 0.7)
    begun = squares_l2(x, x, reach, 0.8, np.random.default_rng(0), start=True) - x
    assert np.sqrt(np.square(begun).sum(axis=(1, 2, 3))) == pytest.approx(np.full(3, 0.7))
    stripes = squares_linf(x, x, reach, 0.8, np.random.default_rng(0), start=True) - x
    assert np.abs(stripes) == pytest.approx(np.full(x.shape, 0.7))
    assert (stripes == stripes[:, :, :1]).all()
