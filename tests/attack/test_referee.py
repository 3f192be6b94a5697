"""The referee believes nobody."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hauberk.attack.referee import Referee
from hauberk.attack.threat import Space, Threat
from hauberk.core.errors import InputError
from hauberk.core.features import Feature
from hauberk.model.callable import from_callable

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
    short = _towards_the_other_side(linear, referee.x, referee.y, 1e-4)
    assert not referee.judge(np.arange(6), short, Threat("linf", 1.0), "short").any()
    assert not referee.by_attack("short", Threat("linf", 1.0)).any()


def test_a_wrong_shape_is_refused(court: Any) -> None:
    with pytest.raises(InputError):
        court[1].judge(np.arange(6), np.zeros((6, 5), np.float32), Threat("linf", 1.0), "odd")


def test_no_candidates(court: Any) -> None:
    _, referee = court
    empty = np.arange(0)
    assert referee.judge(empty, referee.x[:0], Threat("linf", EPS), "none").shape == (0,)


def test_a_row_of_a_table_that_cannot_be_is_refused() -> None:
    """The attacker's moves would break the model, if there were half children and open one-hot groups."""
    features = (Feature("children", "integer", 0, 10), Feature("a", "onehot", 0, 1, group="g"),
                Feature("b", "onehot", 0, 1, group="g"))  # fmt: skip
    space = Space(np.zeros(3), np.array([10.0, 1, 1]), np.array([10.0, 1, 1]), features)
    x = np.array([[2.0, 1, 0]] * 4)
    model = from_callable(lambda v: np.where((v == x[0]).all(axis=1), 0, 1), (3,), 2, answers="labels")
    referee = Referee(model, space, x, np.zeros(4, int))
    there = np.array([[2.5, 1, 0], [2, 1, 1], [2, 0, 1], [3, 1, 0]])
    assert referee.judge(np.arange(4), there, Threat("linf", 1.0), "odd").tolist() == [False, False, True, True]
    assert referee.invalid["outside the box or constraints"] == 2
    assert referee.closest["linf"].distance.tolist() == pytest.approx([np.inf, np.inf, 1.0, 0.1])


def test_the_slack_of_a_ball_is_small(court: Any) -> None:
    linear, referee = court
    far = linear.distance(referee.x, referee.y, "linf").max() * 1.05
    there = _towards_the_other_side(linear, referee.x, referee.y, far)
    assert not referee.judge(np.arange(6), there, Threat("linf", far * 0.999), "too far").any()
    assert referee.invalid["outside the ball"] == 6
