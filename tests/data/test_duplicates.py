"""Twins are all found, neighbours are left alone, coincidences are a note."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk.core.errors import InputError
from hauberk.core.limits import Limits
from hauberk.core.nouns import Evidence, Severity, Subject, Verdict, decode, encode
from hauberk.core.ports import Check, Inputs
from hauberk.data.duplicates import DUPLICATES, POISON, conflicting
from hauberk.data.neighbours import bits, blocks, groups, near, ruler, scaled
from hauberk.model.dataset import Dataset

CLASSES = ("no", "yes")


def cloud(name: str, rows: int, seed: int, columns: int = 12) -> Dataset:
    rng = np.random.default_rng(seed)
    return Dataset(name, rng.normal(size=(rows, columns)), rng.integers(0, 2, rows), CLASSES)


def look(train: Dataset, test: Dataset, limits: Limits | None = None, **more: Any) -> Evidence:
    subjects = {r: Subject(r, r, "sha256:" + "0" * 64) for r in ("train", "test")}
    clock = {"clock": more.pop("clock")} if "clock" in more else {}
    inputs = Inputs(train=train, test=test, subjects=subjects, options=more, **clock)
    return DUPLICATES.run(inputs, limits or Limits(), 0)


def found(evidence: Evidence) -> dict[str, Severity]:
    return {finding.rule.removeprefix("data.duplicates."): finding.severity for finding in evidence.findings}


def with_rows(data: Dataset, at: slice, x: Any, y: Any = None) -> Dataset:
    new_x, new_y = data.x.copy(), data.y.copy()
    new_x[at] = x
    if y is not None:
        new_y[at] = y
    return Dataset(data.name, new_x, new_y, data.classes)


def test_rows_that_are_only_neighbours_stay_quiet():
    evidence = look(cloud("train", 800, 1), cloud("test", 400, 2))
    assert evidence.verdict is Verdict.HELD
    assert evidence.findings == ()
    assert evidence.measured("duplicates.leak_share").value == 0


def test_every_planted_equal_row_is_found():
    train, test = cloud("train", 500, 1), cloud("test", 300, 2)
    test = with_rows(test, slice(40, 60), train.x[100:120], train.y[100:120])
    evidence = look(train, test)
    assert found(evidence) == {"leak": Severity.HIGH}
    assert evidence.measured("duplicates.leak_share").value == pytest.approx(20 / 300)
    assert evidence.measured("duplicates.leak_equal_share").value == pytest.approx(20 / 300)
    table = evidence.exhibits[0]
    assert {(row[1], row[2]) for row in table.rows} == {(40 + i, 100 + i) for i in range(20)}
    assert all(row[0] == "test" and row[3] == "equal" for row in table.rows)
    assert table.marked == ()


def test_every_planted_near_copy_is_found():
    train, test = cloud("train", 500, 1), cloud("test", 500, 2)
    noise = 0.01 * np.random.default_rng(3).normal(size=(20, 12))
    evidence = look(train, with_rows(test, slice(0, 20), train.x[:20] + noise, 1 - train.y[:20]))
    assert found(evidence) == {"leak": Severity.MEDIUM}
    assert evidence.measured("duplicates.leak_share").value == pytest.approx(0.04)
    assert evidence.measured("duplicates.leak_equal_share").value == 0
    assert {(row[1], row[2], row[3]) for row in evidence.exhibits[0].rows} == {(i, i, "near") for i in range(20)}
    assert len(evidence.exhibits[0].marked) == 20  # the labels of all the pairs differ


def test_without_near_only_equal_rows_are_sought():
    train, test = cloud("train", 500, 1), cloud("test", 500, 2)
    evidence = look(train, with_rows(test, slice(0, 20), train.x[:20] + 1e-3), near=False)
    assert evidence.findings == ()


def test_what_a_search_for_near_copies_would_find_is_measured():
    evidence = look(cloud("train", 500, 1), cloud("test", 100, 2))
    assert evidence.measured("duplicates.near_recall", noise_sd=0.01).value == 1
    assert evidence.measurements[0].name == "duplicates.leak_share"  # the first number stands for the check in reports
    flat = look(cloud("train", 500, 1, columns=2), cloud("test", 100, 2, columns=2))
    assert flat.measured("duplicates.near_recall", noise_sd=0.05).value < 0.1  # a plane is full of neighbours


def test_a_near_copy_of_a_picture_is_found_by_its_sketch():
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(15, 400))
    pictures = (rng.normal(size=(700, 15)) @ basis).reshape(-1, 20, 20).astype(np.float32)
    y = rng.integers(0, 2, 700)
    test = pictures[400:].copy()
    test[:10] = pictures[:10] + rng.normal(scale=0.1, size=(10, 20, 20)).astype(np.float32)
    evidence = look(Dataset("train", pictures[:400], y[:400], CLASSES), Dataset("test", test, y[400:], CLASSES))
    assert {(row[1], row[2]) for row in evidence.exhibits[0].rows} == {(i, i) for i in range(10)}


def test_repeats_and_conflicts_in_the_training_data():
    train = with_rows(cloud("train", 600, 1), slice(0, 4), cloud("train", 600, 1).x[300:304])
    labels = train.y.copy()
    labels[0:2] = 1 - labels[300:302]
    labels[2:4] = labels[302:304]
    evidence = look(Dataset("train", train.x, labels, CLASSES), cloud("test", 100, 2))
    assert found(evidence) == {"train": Severity.LOW, "conflict": Severity.MEDIUM}
    assert evidence.measured("duplicates.train_share").value == pytest.approx(4 / 600)
    assert evidence.measured("duplicates.conflict_share").value == pytest.approx(4 / 600)
    conflicts = next(e for e in evidence.exhibits if e.name == "duplicates.conflicts")
    assert {row[1] for row in conflicts.rows} == {0, 1, 300, 301}
    pairs = next(e for e in evidence.exhibits if e.name == "duplicates.pairs")
    assert {(row[1], row[2]) for row in pairs.rows} == {(300 + i, i) for i in range(4)}
    assert {pairs.rows[i][1] for i, _ in pairs.marked} == {300, 301}


def test_near_copies_inside_train_are_told_once_under_the_later_row():
    train = cloud("train", 600, 1)
    train = with_rows(train, slice(500, 505), train.x[0:5] + 1e-3)
    evidence = look(train, cloud("test", 100, 2))
    assert {(row[1], row[2], row[3]) for row in evidence.exhibits[0].rows} == {(500 + i, i, "near") for i in range(5)}
    assert evidence.measured("duplicates.train_share").value == pytest.approx(5 / 600)


def test_two_rows_are_low_whatever_the_share():
    train, test = cloud("train", 500, 1), cloud("test", 20, 2)
    evidence = look(train, with_rows(test, slice(0, 2), train.x[:2]))
    assert found(evidence) == {"leak": Severity.LOW}
    assert evidence.findings[0].message.startswith("2 of 20 test rows (10.00 %) are also training rows (2 equal")


def test_coincidences_of_common_values_are_a_note():
    rng = np.random.default_rng(0)

    def answers(name: str, rows: int) -> Dataset:
        return Dataset(name, rng.integers(0, 3, (rows, 8)).astype(float), rng.integers(0, 2, rows), CLASSES)

    evidence = look(answers("train", 700), answers("test", 700))
    assert set(found(evidence)) == {"chance"}
    assert evidence.verdict is Verdict.HELD
    assert evidence.measured("duplicates.conflict_share").value == 0


def test_rows_that_were_not_looked_at_are_said():
    evidence = look(cloud("train", 300, 1), cloud("test", 200, 2), most_rows=100)
    assert [s.why for s in evidence.skipped] == [
        "100 of 200 rows were drawn; raise most_rows", "100 of 300 rows were drawn; raise most_rows"
    ]  # fmt: skip
    assert evidence.verdict is Verdict.INCONCLUSIVE


def test_few_training_rows_cannot_say_what_is_near():
    evidence = look(cloud("train", 20, 1), cloud("test", 20, 2))
    assert [s.what for s in evidence.skipped] == ["near duplicates"]


class Late:
    """A clock on which everything takes an hour."""

    def __init__(self) -> None:
        self.t = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        self.t += 3600
        return self.t


def test_a_spent_budget_stops_the_search_and_says_so(monkeypatch):
    monkeypatch.setattr("hauberk.data.neighbours.BLOCK_BYTES", 4 * 300 * 50)  # 50 rows a block
    train, test = cloud("train", 300, 1), cloud("test", 200, 2)
    evidence = look(train, with_rows(test, slice(0, 5), train.x[:5]), Limits(wall_s=1.0), clock=Late())
    assert [s.why for s in evidence.skipped] == [
        "the time was spent after 50 of 195 rows", "the time was spent after 50 of 300 rows"
    ]  # fmt: skip
    assert found(evidence) == {"leak": Severity.MEDIUM}  # equal rows are always looked for


@pytest.mark.parametrize("options", [{"most_rows": 0}, {"most_rows": "all"}, {"colour": 1}])
def test_a_bad_option_is_refused(options):
    with pytest.raises(InputError):
        look(cloud("train", 50, 1), cloud("test", 50, 2), **options)


def test_files_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="shape"):
        look(cloud("train", 50, 1), cloud("test", 50, 2, columns=3))
    with pytest.raises(InputError, match="needs"):
        DUPLICATES.run(Inputs(), Limits(), 0)


def test_evidence_is_plain():
    train, test = cloud("train", 500, 1), cloud("test", 300, 2)
    evidence = look(train, with_rows(test, slice(0, 5), train.x[:5]))
    assert decode(Evidence, encode(evidence)) == evidence


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=40))
def test_conflicting_is_what_a_double_loop_finds(rows):
    values = [value for value, _ in rows]
    y = np.array([label for _, label in rows])
    first = np.array([values.index(value) for value in values])
    slow = [
        i for i, (value, label) in enumerate(rows) if any(value == v and label != other for v, other in rows)
    ]
    assert conflicting(first, y).tolist() == slow


@given(st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=1, max_size=30), st.integers(0, 30))
def test_groups_name_the_first_equal_row(rows, cut):
    x = np.array(rows, dtype=np.float32)
    assert groups(x[:cut], x[cut:].astype(np.float64)).tolist() == [rows.index(row) for row in rows]


def test_blocks_are_squared_distances(monkeypatch):
    from scipy.spatial.distance import cdist

    monkeypatch.setattr("hauberk.data.neighbours.BLOCK_BYTES", 4 * 30 * 7)
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(20, 5)), rng.normal(size=(30, 5))
    parts = list(blocks(a, b))
    assert [at for at, _ in parts] == [0, 7, 14]
    assert np.allclose(np.concatenate([block for _, block in parts]), cdist(a, b) ** 2)


@pytest.mark.parametrize("m", [2, 5, 10])
def test_the_ruler_measures_the_intrinsic_dimension(m):
    rng = np.random.default_rng(m)
    x = rng.uniform(size=(4000, m)) @ rng.normal(size=(m, 30))
    assert ruler(x.astype(np.float32), 1000, 0).dimension == pytest.approx(m, rel=0.2)


@pytest.mark.parametrize("m", [2, 4, 12])
def test_natural_neighbours_are_as_rare_as_the_ruler_says(m):
    pairs = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(500, m)).astype(np.float32)
        queries = rng.normal(size=(500, m)).astype(np.float32)
        pairs += sum(len(part.query) for part in near(queries, x, ruler(x, 500, 0), 0))
    assert pairs <= 5  # 20 searches with 1/20 expected in each: 1; six or more would happen in 6 of 10,000


def test_bits_are_those_of_independent_columns():
    x = np.array([[0.0, 0], [0, 1], [0, 2], [1, 3]])
    rows = np.array([[0.0, 0], [1, 9]])
    assert bits(x, rows).tolist() == pytest.approx([np.log2(5 / 3) + np.log2(5), 2 * np.log2(5)])


def test_scaling_drops_constant_columns_and_keeps_one_scale_for_pictures():
    x = np.array([[1.0, 5, 0], [3, 5, 100]])
    assert scaled(x, x, by_column=True).tolist() == [[-1, 0, -1], [1, 0, 1]]
    one = scaled(x, x, by_column=False)
    assert one[1, 2] / one[1, 0] == pytest.approx(50)


def test_the_references_are_known_ids():
    from hauberk.core.taxonomy import lookup

    assert all(lookup(reference) for reference in POISON)


def test_it_is_a_check():
    check: Check = DUPLICATES
    make: Callable[..., Evidence] = check.run
    assert callable(make)
