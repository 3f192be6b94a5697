"""The setting: who is attacked, and how far, where nobody said."""

from __future__ import annotations

import numpy as np
import pytest

from hauberk.attack.setting import default_eps, derived_l2, percent, stratified
from hauberk.attack.threat import Space
from hauberk.core.features import Feature


@pytest.mark.parametrize(
    ("shape", "linf", "l2"),
    [((3, 32, 32), 8 / 255, 0.52), ((32, 32, 3), 8 / 255, 0.52), ((1, 28, 28), 0.1, 0.84), ((28, 28), 0.1, 0.84),
     ((1, 64, 64), 8 / 255, 0.6), ((3, 8, 8), 8 / 255, 0.13), ((100,), 0.03, 0.09)],
)  # fmt: skip
def test_usual_radii(shape: tuple[int, ...], linf: float, l2: float) -> None:
    space = Space(np.zeros(shape), np.ones(shape), np.ones(shape))
    assert default_eps(space, shape) == pytest.approx({"linf": linf, "l2": l2})
    bytes_ = Space(np.zeros(shape), np.full(shape, 255.0), np.ones(shape))
    assert default_eps(bytes_, shape)["linf"] == pytest.approx(255 * linf)


def test_radii_of_a_table_count_what_can_change() -> None:
    features = tuple(Feature(f"c{j}", "numeric", 0, 7, immutable=j == 0) for j in range(5))
    space = Space(np.zeros(5), np.full(5, 7.0), np.array([0.0, 7, 7, 7, 7]), features)
    assert default_eps(space, (5,)) == {"linf": 0.1, "l2": 0.06}
    assert derived_l2(0.5, space) == 0.3


def test_every_class_in_proportion_the_rarest_first() -> None:
    y = np.repeat([0, 1, 2], [80, 16, 4])
    rows = stratified(y, 25, seed=3)
    assert (np.diff(rows) > 0).all()
    assert np.bincount(y[rows]).tolist() == [20, 4, 1]
    assert len(np.unique(y[stratified(y, 5, seed=3)])) >= 2
    assert not np.array_equal(rows, stratified(y, 25, seed=4))
    assert stratified(y, 1000, seed=3).tolist() == list(range(100))


def test_shares_are_written_as_in_the_report() -> None:
    assert [percent(share) for share in (0.985, 1.0, 0.0)] == ["98.5 %", "100.0 %", "0.0 %"]
