"""Feature constraints: the projection against the independent validator, and distances by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hauberk.core.errors import InputError
from hauberk.core.features import Feature
from hauberk.model.constraints import distance, groups, project, violations

SCHEMA = (
    Feature("age", "integer", 18, 99),
    Feature("income", "numeric", 0, 1e5),
    Feature("sex", "numeric", 0, 1, immutable=True),
    Feature("job", "categorical", 0, 3, categories=("a", "b", "c", "d")),
    Feature("home=own", "onehot", 0, 1, group="home"),
    Feature("home=rent", "onehot", 0, 1, group="home"),
    Feature("home=free", "onehot", 0, 1, group="home"),
)
ROW = np.array([[30, 2e4, 0.3, 1, 0, 1, 0]])

odd = st.sampled_from([0.0, 0.5, 1.0, np.nan, np.inf])
odd = st.sampled_from([0.0, 0.5, 1.0, np.nan, np.inf])
wild = hnp.arrays(np.float64, (4, 7), elements=st.floats(-1e7, 1e7) | odd)
origins = hnp.arrays(np.float64, (4, 7), elements=st.floats(-50, 2e5) | st.sampled_from([0.0, 1.0, 18.0, 17.5]))


def changed(**cells: float) -> np.ndarray:
    names = [f.name for f in SCHEMA]
    row = ROW.copy()
    for name, value in cells.items():
        row[0, names.index(name.replace("__", "="))] = value
    return row


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(x_adv=wild, x=origins)
def test_what_is_projected_is_valid(dtype: type, x_adv: np.ndarray, x: np.ndarray) -> None:
    x_adv, x = x_adv.astype(dtype), x.astype(dtype)
    out = project(x_adv, x, SCHEMA)
    assert out.dtype == dtype
    assert not violations(out, x, SCHEMA).any()
    assert np.array_equal(project(out, x, SCHEMA), out)


@given(x=origins)
def test_an_unchanged_row_is_valid_and_stays(x: np.ndarray) -> None:
    assert not violations(x, x, SCHEMA).any()
    assert np.array_equal(project(x, x, SCHEMA), x)


@given(x_adv=wild)
def test_a_valid_row_is_its_own_projection(x_adv: np.ndarray) -> None:
    x = np.repeat(ROW, 4, axis=0)
    valid = ~violations(x_adv, x, SCHEMA).any(axis=1)
    assert np.array_equal(project(x_adv, x, SCHEMA)[valid], x_adv[valid])


@pytest.mark.parametrize(
    ("name", "value"),
    [("age", 17), ("age", 30.5), ("age", 100), ("income", -1), ("income", 1e5 + 1), ("sex", 0.31), ("job", 1.5),
     ("job", 4), ("job", -1), ("income", np.nan), ("sex", np.inf)],
)  # fmt: skip
def test_one_wrong_cell_is_the_one_that_is_named(name: str, value: float) -> None:
    wrong = violations(changed(**{name: value}), ROW, SCHEMA)
    assert [SCHEMA[j].name for j in np.flatnonzero(wrong[0])] == [name]


def test_two_hot_and_none_hot_groups_are_wrong_as_a_whole() -> None:
    for row in (changed(home__own=1), changed(home__rent=0), changed(home__own=0.5, home__rent=0.5)):
        assert violations(row, ROW, SCHEMA)[0].tolist() == [False] * 4 + [True] * 3
    assert not violations(changed(home__own=1, home__rent=0), ROW, SCHEMA).any()


def test_a_float32_bound_that_is_not_representable_is_no_violation() -> None:
    schema = (Feature("p", "numeric", 0, 0.1),)
    x = np.zeros((1, 1), np.float32)
    assert not violations(project(np.ones_like(x), x, schema), x, schema).any()
    assert violations(np.full((1, 1), 0.1001, np.float32), x, schema).all()


def test_the_group_goes_to_its_largest_column_and_keeps_the_original_on_a_tie() -> None:
    assert project(changed(home__own=0.2, home__free=3.0, home__rent=1.0), ROW, SCHEMA)[0, 4:].tolist() == [0, 0, 1]
    assert project(changed(home__own=1, home__free=1, home__rent=1), ROW, SCHEMA)[0, 4:].tolist() == [0, 1, 0]


def test_an_immutable_member_holds_its_group() -> None:
    schema = (
        Feature("a", "onehot", 0, 1, immutable=True, group="g"),
        Feature("b", "onehot", 0, 1, group="g"),
        Feature("c", "onehot", 0, 1, group="g"),
    )
    held, free = np.array([[1.0, 0, 0]]), np.array([[0.0, 1, 0]])
    assert project(np.array([[0.0, 9, 0]]), held, schema).tolist() == [[1, 0, 0]]
    assert project(np.array([[9.0, 0, 5]]), free, schema).tolist() == [[0, 0, 1]]


def test_a_column_that_cannot_be_one_is_never_chosen() -> None:
    schema = (Feature("a", "onehot", 0, 1, group="g"), Feature("b", "onehot", 0, 0, group="g"))
    x = np.array([[1.0, 0.0]])
    assert project(np.array([[0.2, 9.0]]), x, schema).tolist() == [[1, 0]]
    assert violations(np.array([[0.0, 1.0]]), x, schema)[0, 1]


def test_whole_numbers_within_bounds_that_are_not_whole() -> None:
    schema = (Feature("n", "integer", 0.5, 3.5),)
    x_adv, x = np.array([[0.2], [3.5], [9.0]]), np.array([[2.0]] * 3)
    assert project(x_adv, x, schema).tolist() == [[1], [3], [3]]


def test_an_original_outside_the_bounds_may_stay_but_not_move_within_the_outside() -> None:
    x = changed(age=120)
    assert project(x, x, SCHEMA)[0, 0] == 120
    moved = changed(age=119)
    assert violations(moved, x, SCHEMA)[0, 0]
    assert project(moved, x, SCHEMA)[0, 0] == 120
    assert project(changed(age=100), x, SCHEMA)[0, 0] == 99


def test_distances_are_in_widths() -> None:
    far = changed(age=30 + 81 * 0.5, income=2e4 + 1e4, job=3, home__own=1, home__rent=0)
    assert distance(far, ROW, "linf", SCHEMA) == pytest.approx([1.0])
    assert distance(far, ROW, "l1", SCHEMA) == pytest.approx([0.5 + 0.1 + 1 + 1])
    assert distance(far, ROW, "l2", SCHEMA) == pytest.approx([np.sqrt(0.25 + 0.01 + 1 + 1)])
    assert distance(far, ROW, "l0", SCHEMA) == pytest.approx([4])
    constant = (Feature("k", "numeric", 2, 2),)
    assert distance(np.array([[2.5]]), np.array([[2.0]]), "l2", constant) == np.inf


@given(x_adv=hnp.arrays(np.float32, (3, 2, 2), elements=st.floats(-5, 5, width=32)))
def test_plain_distances_are_numpys_norms(x_adv: np.ndarray) -> None:
    x = np.ones_like(x_adv)
    flat = (x_adv.astype(float) - 1).reshape(3, -1)
    for norm, order in (("linf", np.inf), ("l2", 2), ("l1", 1), ("l0", 0)):
        assert distance(x_adv, x, norm) == pytest.approx(np.linalg.norm(flat, order, axis=1), abs=1e-9)


def test_rows_that_do_not_fit_the_schema_are_refused() -> None:
    with pytest.raises(InputError, match="do not fit 7 features"):
        project(ROW[:, :3], ROW[:, :3], SCHEMA)
    with pytest.raises(InputError, match="norm 'l3'"):
        distance(ROW, ROW, "l3")  # type: ignore[arg-type]
    assert groups(SCHEMA) == {"home": [4, 5, 6]}
