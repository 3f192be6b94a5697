"""Planted flips are found, clean and overlapping data stay quiet, and cleanlab agrees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk.core.errors import InputError
from hauberk.core.limits import Limits
from hauberk.core.nouns import Evidence, Severity, Subject, Verdict, decode, encode
from hauberk.core.ports import Check, Inputs
from hauberk.data.confident import condensed, confident, contradicted, judged, planted, suspects, thresholds
from hauberk.data.labels import LABELS, REFERENCES, skill
from hauberk.model.dataset import Dataset


def blobs(rows: int, seed: int, *, apart: float = 3.0, classes: int = 3) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(classes, 6)) * apart
    y = rng.integers(0, classes, rows)
    return centres[y] + rng.normal(size=(rows, 6)), y


def flipped(y: Any, share: float, seed: int = 5) -> tuple[Any, Any]:
    return planted(y, int(y.max()) + 1, round(share * len(y)), seed)


def look(x: Any, y: Any, limits: Limits | None = None, **options: Any) -> Evidence:
    train = Dataset("train", x, y, tuple("abc"))
    subjects = {"train": Subject("train", "train", "sha256:" + "0" * 64)}
    return LABELS.run(Inputs(train=train, subjects=subjects, options=options), limits or Limits(), 0)


def answers_for(seed: int, rows: int = 400, classes: int = 4) -> tuple[Any, Any]:
    """Probabilities that lean to a true label, and labels of which a tenth is wrong."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, rows)
    weights = rng.gamma(1.0, size=(rows, classes)) + 2.5 * np.eye(classes)[true]
    return weights / weights.sum(axis=1, keepdims=True), planted(true, classes, rows // 10, seed)[0]


@pytest.mark.parametrize("seed", range(5))
def test_suspects_are_those_of_cleanlab(seed):
    filters = pytest.importorskip("cleanlab.filter")
    answers, y = answers_for(seed)
    theirs = filters.find_label_issues(y, answers, filter_by="confident_learning", n_jobs=1)
    assert sorted(suspects(answers, y).rows.tolist()) == np.flatnonzero(theirs).tolist()
    assert len(suspects(answers, y).rows) > 10


def test_suspects_by_the_definition_row_by_row():
    answers, y = answers_for(7)
    mean = [answers[y == j, j].mean() for j in range(4)]
    slow = set()
    for i, row in enumerate(answers):
        above = [j for j in range(4) if row[j] >= mean[j]]
        if above and max(above, key=lambda j: row[j]) != y[i] and row.argmax() != y[i]:
            slow.add(i)
    assert set(suspects(answers, y).rows.tolist()) == slow
    assert thresholds(answers, y).tolist() == pytest.approx(mean)


def test_a_label_that_is_likeliest_is_no_suspect_though_another_clears_its_threshold():
    # class 1 is never given with much confidence: 0.35 clears its threshold of 0.3, but 0.65 is more
    answers = np.array([[0.95, 0.05], [0.95, 0.05], [0.65, 0.35], [0.7, 0.3], [0.7, 0.3]])
    y = np.array([0, 0, 0, 1, 1])
    assert confident(answers, y).tolist()[2] == 1
    assert suspects(answers, y).rows.tolist() == []
    filters = pytest.importorskip("cleanlab.filter")
    assert not filters.find_label_issues(y, answers, filter_by="confident_learning", n_jobs=1).any()


def test_suspects_come_worst_first_with_the_likely_label():
    answers, y = answers_for(3)
    found = suspects(answers, y)
    assert (np.diff(answers[found.rows, y[found.rows]]) >= 0).all()
    assert (confident(answers, y)[found.rows] == found.likely).all()
    assert (found.likely != y[found.rows]).all()


@given(st.integers(2, 6), st.integers(0, 30), st.integers(0, 99))
def test_planting_changes_just_so_many_labels(k, flips, seed):
    y = np.random.default_rng(seed).integers(0, k, 30)
    wrong, changed = planted(y, k, flips, seed)
    assert changed.sum() == flips
    assert ((wrong != y) == changed).all()
    assert wrong.min() >= 0
    assert wrong.max() < k


def test_clean_labels_are_quiet():
    evidence = look(*blobs(600, 1))
    assert evidence.verdict is Verdict.HELD
    assert all(f.severity is Severity.INFO for f in evidence.findings)
    assert evidence.measured("labels.flip_rate").value <= 0.01


@pytest.mark.parametrize(("share", "severity"), [(0.03, Severity.MEDIUM), (0.1, Severity.HIGH)])
def test_flips_are_found_and_counted(share, severity):
    x, y = blobs(2500, 1)
    wrong, changed = flipped(y, share)
    evidence = look(x, wrong)
    assert {f.rule: f.severity for f in evidence.findings} == {"data.labels.suspect": severity}
    rate = evidence.measured("labels.flip_rate")
    assert rate.low <= share <= rate.high
    assert evidence.measured("labels.power_recall").low > 0.5
    rows = [row[0] for row in evidence.exhibits[0].rows]
    assert changed[rows].mean() > 0.9
    for row, label, likely, *_ in evidence.exhibits[0].rows[:10]:
        assert (label, likely) == ("abc"[wrong[row]], "abc"[y[row]])


def test_flips_of_one_class_into_another_are_found():
    x, y = blobs(1500, 1)
    wrong = y.copy()
    some = np.flatnonzero(y == 0)[:60]
    wrong[some] = 1
    evidence = look(x, wrong)
    assert [f.rule for f in evidence.findings] == ["data.labels.suspect"]
    assert np.isin([row[0] for row in evidence.exhibits[0].rows], some).mean() > 0.9


def test_overlapping_classes_are_not_called_errors():
    x, y = blobs(900, 1, apart=0.15)
    evidence = look(x, y)
    assert all(f.severity is Severity.INFO for f in evidence.findings)
    assert [s.what for s in evidence.skipped] == ["labels verdict"]
    assert evidence.verdict is Verdict.INCONCLUSIVE
    assert evidence.measured("labels.suspect_share").value > 0.03  # confident learning alone would accuse them


def test_pictures_are_condensed():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    x = rng.normal(size=(400, 12, 12)) + 2.0 * (y * 2 - 1)[:, None, None] * (np.arange(12) > 5)
    assert condensed(x, 0).shape == (400, 64)
    wrong, _ = flipped(y, 0.1)
    assert "data.labels.suspect" in [f.rule for f in look(x, wrong).findings]


def test_out_of_fold_answers_do_not_know_the_label():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 5)), rng.integers(0, 2, 400)
    answers = judged(x, y, 0)
    assert (answers.argmax(axis=1) == y).mean() < 0.6
    assert skill(answers, y) < 0.3


def test_contradicted_counts_within_each_predicted_class():
    # class 1 is predicted less surely everywhere, and all its labels are wrong
    answers = np.repeat([[0.99, 0.01], [0.3, 0.7]], 1000, axis=0)
    count = contradicted(answers, np.zeros(2000, dtype=int))
    assert (count.hits, count.n) == (100, 200)


def test_a_class_that_is_not_there_does_no_harm():
    x, y = blobs(400, 1)
    evidence = look(x[y != 1], y[y != 1])
    assert evidence.verdict is Verdict.HELD


@pytest.mark.parametrize(("rows", "label"), [(60, None), (300, 1)])
def test_too_little_is_skipped(rows, label):
    x, y = blobs(rows, 1)
    evidence = look(x, y if label is None else np.full(rows, label))
    assert evidence.measurements == ()
    assert "are needed" in evidence.skipped[0].why


def test_rows_that_were_not_judged_are_said():
    evidence = look(*blobs(600, 1), most_rows=300)
    assert evidence.skipped[0].why == "300 of 600 rows were drawn; raise most_rows"
    assert evidence.measured("labels.suspect_share").n == 300


def test_without_time_for_the_power_there_is_no_verdict():
    evidence = look(*blobs(300, 1), limits=Limits(wall_s=0.0))
    assert [s.what for s in evidence.skipped] == ["labels verdict"]
    assert evidence.findings == ()


@pytest.mark.parametrize("options", [{"most_rows": 0}, {"planted_share": 0.9}, {"planted_share": "2%"}, {"colour": 1}])
def test_a_bad_option_is_refused(options):
    with pytest.raises(InputError):
        look(*blobs(200, 1), **options)


def test_nothing_given_is_refused():
    with pytest.raises(InputError, match="training data"):
        LABELS.run(Inputs(), Limits(), 0)


def test_evidence_is_plain_and_comes_out_the_same_twice():
    x, y = blobs(200, 1)
    first, second = look(x, flipped(y, 0.1)[0]), look(x, flipped(y, 0.1)[0])
    assert decode(Evidence, encode(first)) == first
    assert (first.measurements, first.exhibits) == (second.measurements, second.exhibits)


def test_the_references_are_known_ids():
    from hauberk.core.taxonomy import lookup

    assert all(lookup(reference) for reference in REFERENCES)


def test_it_is_a_check():
    check: Check = LABELS
    assert check.id == "data.labels"


def test_contradicted_looks_at_the_surest_rows_only():
    answers = np.repeat([[0.95, 0.05], [0.55, 0.45]], 500, axis=0)
    y = np.repeat([0, 1], 500)  # every unsure row is contradicted, no sure one is
    assert contradicted(answers, y).hits == 0
    assert contradicted(answers, 1 - y).hits == contradicted(answers, 1 - y).n
