"""The referee believes nobody."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hauberk.attack.referee import Referee
from hauberk.attack.threat import Threat
from hauberk.core.errors import InputError

EPS = 0.25


@pytest.fixture
def court(build: Any) -> Any:
    linear = build.linear(2, (4,), seed=0)
    x, y = linear.examples(6, seed=0)
    return linear, Referee(linear.model(), linear.space, x, y)


def _towards_the_other_side(linear: Any, x: Any, y: Any, length: float) -> Any:
    sign = np.where(y == 0, 1.0, -1.0)[:, None] * np.sign(linear.w[1] - linear.w[0])
    return (x + length * sign).astype(np.float32)


def test_a_true_one_is_recorded_with_its_distances(court: Any) -> None:
    linear, referee = court
    far = linear.distance(referee.x, referee.y, "linf").max() * 1.01
    there = _towards_the_other_side(linear, referee.x, referee.y, far)
    assert referee.judge(np.arange(6), there, Threat("linf", far), "by hand").all()
    assert referee.closest["linf"].distance == pytest.approx(np.full(6, far), rel=1e-5)
    assert referee.closest["l2"].distance == pytest.approx(np.full(6, 2 * far), rel=1e-5)
    assert referee.closest["linf"].by == ["by hand"] * 6
    assert not referee.robust("linf", far).any()
    assert referee.robust("linf", far * 0.99).all()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda a: a * np.nan, "not finite"),
        (lambda a: a + 2, "outside the box or constraints"),
        (lambda a: a, "outside the ball"),
    ],
)
def test_an_invalid_one_is_not_broken_and_is_counted(court: Any, spoil: Any, reason: str) -> None:
    linear, referee = court
    there = spoil(_towards_the_other_side(linear, referee.x, referee.y, 0.3))
    asked = referee.model.queries
    assert not referee.judge(np.arange(6), there, Threat("linf", EPS), "cheat").any()
    assert referee.invalid[reason] == 6
    assert referee.model.queries == asked, "what is invalid is not worth a query"
    assert referee.robust("linf", 9.0).all()


def test_the_original_is_never_adversarial_and_costs_nothing(court: Any) -> None:
    _, referee = court
    asked = referee.model.queries
    assert not referee.judge(np.arange(6), referee.x.copy(), Threat("l2", EPS), "lazy").any()
    assert referee.model.queries == asked


def test_what_was_wrong_before_is_nobodys_success(build: Any) -> None:
    linear = build.linear(2, (4,), seed=0)
    x, y = linear.examples(6, seed=0)
    referee = Referee(linear.model(), linear.space, x, 1 - y)
    assert not referee.judge(np.arange(6), x + np.float32(0.01), Threat("linf", EPS), "late").any()
    assert not referee.robust("linf", 0.0).any()


def test_the_nearest_is_kept(court: Any) -> None:
    linear, referee = court
    far = linear.distance(referee.x, referee.y, "linf").max()
    for factor in (1.2, 1.05, 1.1):
        there = _towards_the_other_side(linear, referee.x, referee.y, far * factor)
        referee.judge(np.arange(6), there, Threat("linf", 1.0), f"x{factor}")
    assert set(referee.closest["linf"].by) == {"x1.05"}
    assert referee.by_attack("x1.2", Threat("linf", 1.0)).all()


def test_a_wrong_shape_is_refused(court: Any) -> None:
    with pytest.raises(InputError):
        court[1].judge(np.arange(6), np.zeros((6, 5), np.float32), Threat("linf", 1.0), "odd")


def test_no_candidates(court: Any) -> None:
    _, referee = court
    empty = np.arange(0)
    assert referee.judge(empty, referee.x[:0], Threat("linf", EPS), "none").shape == (0,)
