"""Planted flips are found, clean and overlapping data stay quiet, and cleanlab agrees."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk.core.errors import InputError
from hauberk.core.limits import Limits
from hauberk.core.nouns import Evidence, Severity, Subject, Verdict, decode, encode
from hauberk.core.ports import Check, Inputs
from hauberk.core.stats import clopper_pearson
from hauberk.data.confident import condensed, confident, contradicted, joint, judged, planted, suspects, thresholds
from hauberk.data.labels import LABELS, REFERENCES, _blind, skill, skills
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


def leaning(seed: int) -> tuple[Any, Any, Any]:
    """Answers over ten classes, the true labels, and labels of which a tenth is wrong."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 10, 800)
    weights = rng.gamma(1.0, size=(800, 10)) + 12.0 * np.eye(10)[true]
    return weights / weights.sum(axis=1, keepdims=True), true, planted(true, 10, 80, seed)[0]


@pytest.mark.parametrize(("seed", "k"), [(seed, k) for seed in range(6) for k in (2, 3, 6)])
def test_the_joint_by_the_definition_row_by_row(seed, k):
    rng = np.random.default_rng(seed)
    answers, y = rng.dirichlet(np.ones(k), 60), rng.integers(0, k, 60)
    usual = [answers[y == j, j].mean() if (y == j).any() else 0.0 for j in range(k)]
    counted = np.zeros((k, k))
    for row, label in zip(answers, y, strict=True):
        if above := [j for j in range(k) if row[j] >= usual[j] - 1e-9]:
            counted[label, max(above, key=lambda j: row[j])] += 1
    assert (joint(answers, y)[counted.sum(axis=1) == 0] == 0).all()
    for label in np.flatnonzero(counted.sum(axis=1)):
        exact = counted[label] / counted[label].sum() * (y == label).sum()
        up, rest = joint(answers, y)[label] > exact + 1e-9, exact - np.floor(exact + 1e-9)
        assert np.abs(joint(answers, y)[label] - exact).max() < 1
        assert not up.any() or rest[up].min() >= rest[~up].max() - 1e-9  # the largest remainders are rounded up
        assert joint(answers, y)[label].sum() == (y == label).sum()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_the_joint_is_that_of_cleanlab(seed):
    counts = pytest.importorskip("cleanlab.count")
    answers, y = answers_for(seed)
    theirs = counts.compute_confident_joint(y, answers)
    assert np.abs(joint(answers, y) - theirs).max() <= 1  # equal remainders may be rounded the other way
    assert (joint(answers, y).sum(axis=1) == theirs.sum(axis=1)).all()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_more_flips_are_found_than_by_cleanlab_at_no_worse_precision(seed):
    filters = pytest.importorskip("cleanlab.filter")
    answers, true, wrong = leaning(seed)
    theirs = filters.find_label_issues(wrong, answers, n_jobs=1)
    ours = np.isin(np.arange(len(wrong)), suspects(answers, wrong).rows)
    changed = wrong != true
    assert (ours & changed).sum() >= (theirs & changed).sum() > 20
    assert changed[ours].mean() >= changed[theirs].mean()


def test_suspects_by_the_definition_row_by_row():
    answers, y = answers_for(7)
    usual = [answers[y == j, j].mean() for j in range(4)]
    margins = {}
    for i, row in enumerate(answers):
        above = [(row[j] - usual[j]) - (row[y[i]] - usual[y[i]]) for j in range(4) if row[j] > row[y[i]]]
        if above:
            margins[i] = max(above)
    counts = joint(answers, y)
    wrong = int(counts.sum() - np.trace(counts))
    assert suspects(answers, y).rows.tolist() == sorted(margins, key=lambda i: -margins[i])[:wrong]
    assert 10 < wrong < len(margins)
    assert thresholds(answers, y).tolist() == pytest.approx(usual)


def test_a_label_that_is_likeliest_is_no_suspect_though_another_clears_its_threshold():
    # class 1 is never given with much confidence: 0.35 clears its threshold of 0.3, but 0.65 is more
    answers = np.array([[0.95, 0.05], [0.95, 0.05], [0.65, 0.35], [0.7, 0.3], [0.7, 0.3]])
    y = np.array([0, 0, 0, 1, 1])
    assert confident(answers, y).tolist()[2] == 1
    assert joint(answers, y).tolist() == [[2, 1], [0, 2]]
    assert 2 not in suspects(answers, y).rows


def test_a_rare_label_is_no_suspect_for_being_rare():
    # label 1 is given to few and usually held at 0.45, so row 4 is as usual; row 5 contradicts its label more
    answers = np.array([[0.9, 0.1]] * 4 + [[0.55, 0.45], [0.4, 0.6], [0.55, 0.45], [0.55, 0.45]])
    y = np.array([0, 0, 0, 0, 1, 0, 1, 1])
    assert suspects(answers, y).rows.tolist() == [5]


def test_without_a_sure_row_nobody_is_suspect():
    answers, y = np.full((6, 2), 0.5), np.array([0, 0, 0, 1, 1, 1])
    assert suspects(answers, y).rows.tolist() == []


def test_suspects_come_worst_first_with_the_likely_label():
    answers, y = answers_for(3)
    found, usual = suspects(answers, y), thresholds(answers, y)
    given = answers[found.rows, y[found.rows]]
    above = answers[found.rows, found.likely] - usual[found.likely] - (given - usual[y[found.rows]])
    assert (np.diff(above) <= 1e-12).all()
    assert (answers[found.rows, found.likely] > given).all()


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


@pytest.mark.parametrize(("rows", "share", "severity"), [(2500, 0.03, Severity.MEDIUM), (800, 0.1, Severity.HIGH)])
def test_flips_are_found_and_counted(rows, share, severity):
    x, y = blobs(rows, 1)
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
    x, y = blobs(1000, 1)
    wrong = y.copy()
    some = np.flatnonzero(y == 0)[:45]
    wrong[some] = 1
    evidence = look(x, wrong)
    assert [f.rule for f in evidence.findings] == ["data.labels.suspect"]
    assert np.isin([row[0] for row in evidence.exhibits[0].rows], some).mean() > 0.9


def test_overlapping_classes_are_not_called_errors():
    x, y = blobs(500, 1, apart=0.15)
    evidence = look(x, y)
    assert all(f.severity is Severity.INFO for f in evidence.findings)
    assert [s.what for s in evidence.skipped] == ["labels verdict"]
    why = evidence.skipped[0].why
    assert re.fullmatch(r"labels hardly follow from the data \(a forest (avoids \d+ % of|does not avoid) .*", why)
    assert "have a sample labelled a second time" in why
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


def test_why_there_is_no_verdict():
    many, few = clopper_pearson(15, 20), clopper_pearson(3, 20)
    assert _blind(many, 0.07, False).endswith("(a forest avoids 7 % of a constant guess's errors)")
    assert _blind(many, -0.2, False).endswith("(a forest does not avoid a constant guess's errors)")
    assert _blind(many, 0.9, True) == "no label follows clearly from the data"
    assert _blind(few, 0.9, False) == "of flips planted on purpose only 15 % were found"
    assert _blind(many, 0.9, False) == ""


def test_skills_are_those_beside_a_constant_guess_of_the_label():
    answers = np.eye(3)[[0, 0, 0, 0, 1, 1]]
    y = np.array([0, 0, 0, 1, 1, 1])  # 3 of 4 right where half is guessed; all right; never answered
    assert skills(answers, y).tolist() == pytest.approx([0.5, 1.0, 0.0])
    assert skill(answers, y) == pytest.approx(1 - (1 / 6) / 0.5)


def test_classes_that_cannot_be_told_apart_are_left_out_and_said():
    x, y = blobs(1200, 1, classes=4)
    hidden = np.where(y >= 2, np.random.default_rng(0).integers(2, 4, len(y)), y)
    train = Dataset("train", x, hidden, tuple("abcd"))
    subjects = {"train": Subject("train", "train", "sha256:" + "0" * 64)}
    evidence = LABELS.run(Inputs(train=train, subjects=subjects), Limits(), 0)
    assert all(f.severity is Severity.INFO for f in evidence.findings)
    assert [s.what for s in evidence.skipped] == ["labels of 2 of 4 classes"]
    assert evidence.skipped[0].why.startswith("c, d: a wrong label cannot be told from a hard row; have a sample")
    assert evidence.measured("labels.flip_rate").value < 0.01


def test_flips_beside_classes_that_cannot_be_told_apart_are_still_found():
    x, y = blobs(1600, 1, classes=4)
    mixed = np.where(y >= 2, np.random.default_rng(0).integers(2, 4, len(y)), y)
    wrong, _ = planted(mixed, 4, 64, 3)
    train = Dataset("train", x, wrong, tuple("abcd"))
    subjects = {"train": Subject("train", "train", "sha256:" + "0" * 64)}
    evidence = LABELS.run(Inputs(train=train, subjects=subjects), Limits(), 0)
    assert [f.rule for f in evidence.findings] == ["data.labels.suspect"]
    rate = evidence.measured("labels.flip_rate")
    assert rate.low <= 0.04 <= rate.high


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
