"""The schema of a table: what is inferred, what a person may override, how train and test share it."""

from __future__ import annotations

import numpy as np
import pytest

from hauberk.core.errors import InputError
from hauberk.core.features import Feature
from hauberk.data.schema import apply, infer, merge, override, relabel
from hauberk.model.dataset import Dataset

NAMES = ["age", "rate", "job", "home_own", "home_rent", "home_is_free", "flag", "other"]
X = np.array(
    [
        [30, 0.5, 0, 1, 0, 0, 1, 1],
        [41, 1.5, 2, 0, 1, 0, 1, 0],
        [18, 2.0, 1, 0, 0, 1, 0, 1],
        [77, 0.0, 0, 1, 0, 0, 1, 1],
    ],
    dtype=float,
)
JOBS = {"job": ("clerk", "cook", "smith")}


def table(x: np.ndarray = X, jobs: tuple[str, ...] = JOBS["job"], **config: object) -> Dataset:
    features = override(infer(NAMES, x, {"job": jobs}), config)  # type: ignore[arg-type]
    return Dataset("t", x, np.arange(len(x)) % 2, ("no", "yes"), features)


def test_kinds_groups_and_bounds_are_inferred() -> None:
    age, rate, job, own, rent, free, flag, other = infer(NAMES, X, JOBS)
    assert (age.kind, age.low, age.high) == ("integer", 18, 77)
    assert (rate.kind, rate.low, rate.high) == ("numeric", 0, 2)
    assert (job.kind, job.low, job.high, job.categories) == ("categorical", 0, 2, JOBS["job"])
    assert {f.group for f in (own, rent, free)} == {"home"}
    assert {f.kind for f in (own, rent, free)} == {"onehot"}
    assert (flag.kind, flag.group, other.kind) == ("integer", "", "integer")
    assert not any(f.immutable for f in (age, rate, job, own))


@pytest.mark.parametrize(
    ("names", "block"),
    [
        (["a_x", "a_y"], [[1, 0], [0, 0]]),  # one row has none
        (["a_x", "a_y"], [[1, 1], [0, 1]]),  # one row has two
        (["ax", "ay"], [[1, 0], [0, 1]]),  # no common beginning
        (["a_x", "a_y"], [[1, 0], [1, 0]]),  # never another
        (["a_x", "a_y"], [[2, 0], [0, 2]]),  # not 0 and 1
        (["_x", "_y"], [[1, 0], [0, 1]]),  # nothing before the separator
    ],
)
def test_near_misses_are_no_group(names: list[str], block: list[list[float]]) -> None:
    assert all(f.kind == "integer" for f in infer(names, np.array(block, dtype=float)))


def test_the_longest_common_beginning_that_fits_wins() -> None:
    names = ["a_b_1", "a_b_2", "a_c_1", "a_c_2"]
    x = np.array([[1, 0, 0, 1], [0, 1, 1, 0]], dtype=float)
    assert [f.group for f in infer(names, x)] == ["a_b", "a_b", "a_c", "a_c"]
    assert [f.group for f in infer(names, np.eye(4))] == ["a"] * 4


def test_overrides_reach_columns_and_whole_groups() -> None:
    schema = override(
        infer(NAMES, X, JOBS),
        {"age": {"immutable": True, "low": 18, "high": 99}, "home": {"immutable": True},
         "home_rent": {"immutable": False}, "flag": {"kind": "numeric", "low": -1}},
    )  # fmt: skip
    by = {f.name: f for f in schema}
    assert by["age"] == Feature("age", "integer", 18, 99, immutable=True)
    assert [by[n].immutable for n in NAMES[3:6]] == [True, False, True]
    assert by["flag"] == Feature("flag", "numeric", -1, 1)


@pytest.mark.parametrize(
    ("config", "message", "hint"),
    [
        ({"agee": {"immutable": True}}, "features.agee: there is no such column", "did you mean 'age'"),
        ({"age": {"imutable": True}}, "unknown key 'imutable'", "immutable"),
        ({"age": {"immutable": 1}}, "expected bool, got 1", ""),
        ({"age": {"low": "18"}}, "expected float, got '18'", ""),
        ({"age": {"low": True}}, "expected float", ""),
        ({"age": {"low": 99, "high": 1}}, "low 99.0 is above high 1.0", ""),
        ({"age": {"kind": "ordinal"}}, "none of numeric", ""),
        ({"age": {"kind": "onehot"}}, "needs a group", ""),
        ({"age": True}, "not a table", "immutable = true"),
        ({"job": {"categories": ["clerk", "cook"]}}, "categories lack 'smith'", ""),
    ],
)
def test_bad_overrides_are_refused(config: dict[str, object], message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        override(infer(NAMES, X, JOBS), config)  # type: ignore[arg-type]
    assert hint in caught.value.hint


def test_codes_follow_the_schema_that_is_applied() -> None:
    reference = infer(NAMES, X, {"job": ("smith", "nurse", "cook", "clerk")})
    again = apply(reference, table())
    assert again.x[:, 2].tolist() == [3, 0, 2, 3]
    assert again.features == reference
    assert again.x[:, 0].tolist() == X[:, 0].tolist()


def test_columns_are_matched_by_name() -> None:
    order = [1, 0, *range(2, 8)]
    shuffled = infer([NAMES[j] for j in order], X[:, order], JOBS)
    assert np.array_equal(apply(shuffled, table()).x, X[:, order])
    with pytest.raises(InputError, match="column 'extra' is missing"):
        apply((*shuffled, Feature("extra", "numeric", 0, 1)), table())


def test_a_category_that_the_schema_does_not_know_is_refused_only_where_it_occurs() -> None:
    known = infer(NAMES, X, {"job": ("clerk", "cook")})
    with pytest.raises(InputError, match="'job' holds 'smith'"):
        apply(known, table())
    assert apply(known, table().take([0, 2])).x[:, 2].tolist() == [0, 1]
    numeric = tuple(f if f.name != "job" else Feature("job", "numeric", 0, 2) for f in known)
    with pytest.raises(InputError, match="is categorical, expected numeric"):
        apply(numeric, table())


def test_numbers_can_be_declared_category_codes() -> None:
    schema = override(infer(NAMES, X, JOBS), {"flag": {"kind": "categorical", "categories": ["off", "on"]}})
    assert schema[6] == Feature("flag", "categorical", 0, 1, categories=("off", "on"))
    assert apply(schema, table()).x[:, 6].tolist() == X[:, 6].tolist()
    wrong = override(infer(NAMES, X, JOBS), {"rate": {"kind": "categorical"}})
    with pytest.raises(InputError, match="'rate' holds values that are no codes 0 … 2"):
        apply(wrong, table())


def test_merged_schemas_take_both_tables() -> None:
    second = X.copy()
    second[:, 0] += 10.5
    second[:, 3:6] = [[1, 1, 0]] * 4
    train, test = table(age={"immutable": True}), table(second, ("cook", "smith", "vet"))
    both = merge(train.features, test.features)
    by = {f.name: f for f in both}
    assert (by["age"].kind, by["age"].low, by["age"].high, by["age"].immutable) == ("numeric", 18, 87.5, True)
    assert by["job"].categories == ("clerk", "cook", "smith", "vet")
    assert {by[n].kind for n in NAMES[3:6]} == {"integer"}
    assert apply(both, test).x[:, 2].tolist() == [1, 3, 2, 1]
    assert next(f for f in merge(test.features, train.features) if f.name == "age").immutable
    with pytest.raises(InputError, match="differ in columns: other"):
        merge(train.features, test.features[:-1])


def test_labels_are_matched_by_name() -> None:
    data = relabel(table(), ("yes", "maybe", "no"))
    assert data.y.tolist() == [2, 0, 2, 0]
    assert apply(data.features, table(), ("no", "yes", "maybe")).y.tolist() == [0, 1, 0, 1]
    with pytest.raises(InputError, match="label 'yes' is none of no, maybe"):
        relabel(table(), ("no", "maybe"))
    assert relabel(table().take([0, 2]), ("no", "maybe")).y.tolist() == [0, 0]
