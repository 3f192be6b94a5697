"""Examples are laid out for a model only where there is one way to do it."""

from __future__ import annotations

import numpy as np
import pytest

from hauberk.core.errors import InputError
from hauberk.core.features import Feature
from hauberk.data.read_layout import laid_out
from hauberk.model.dataset import Dataset


def images(*shape: int) -> Dataset:
    x = np.arange(2 * int(np.prod(shape)), dtype=np.float32).reshape(2, *shape)
    return Dataset("d", x, np.array([0, 1]), ("a", "b"))


@pytest.mark.parametrize(
    ("own", "wanted", "axes"),
    [((3, 4, 5), (4, 5, 3), (0, 2, 3, 1)), ((4, 5, 3), (3, 4, 5), (0, 3, 1, 2)), ((1, 4, 5), (4, 5, 1), None),
     ((4, 5), (1, 4, 5), None), ((4, 5, 1), (4, 5), None), ((7,), (1, 7), None), ((3, 4, 5), (3, 4, 5), None)],
)  # fmt: skip
def test_ways_that_are_the_only_one(
    own: tuple[int, ...], wanted: tuple[int, ...], axes: tuple[int, ...] | None
) -> None:
    data = images(*own)
    out = laid_out(data, wanted)
    assert out.shape == wanted
    assert np.array_equal(out.x, data.x.transpose(axes) if axes else data.x.reshape(2, *wanted))


@pytest.mark.parametrize(
    ("own", "wanted"),
    [((64,), (8, 8)), ((8, 8), (64,)), ((4, 5), (5, 4)), ((7, 4, 5), (4, 5, 7)), ((3, 4, 5), (5, 4, 3)), ((4,), (5,))],
)
def test_all_else_is_refused(own: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="the model takes"):
        laid_out(images(*own), wanted)


def test_a_table_keeps_its_columns() -> None:
    table = Dataset("t", np.zeros((2, 1)), np.array([0, 1]), ("a", "b"), (Feature("f", "numeric", 0, 1),))
    assert laid_out(table, (1,)) is table
    with pytest.raises(InputError):
        laid_out(table, (1, 1))
