"""ROC numbers against brute force, scikit-learn, scipy and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hauberk.attack.inference.roc import auc, measurable, roc, separation, tpr_at_fpr
from hauberk.core.errors import InputError

SCORES = arrays(np.float64, st.integers(1, 30), elements=st.integers(0, 6).map(float))
"""Few distinct values: many ties."""


@given(SCORES, SCORES, st.sampled_from([0.0, 0.01, 0.1, 0.3, 0.5, 0.9]))
def test_tpr_at_fpr_is_the_best_of_all_thresholds(members, others, fpr):
    cuts = [-np.inf, *members, *others]
    allowed = [(members > cut).mean() for cut in cuts if (others > cut).mean() <= fpr + 1e-12]
    point = tpr_at_fpr(members, others, fpr)
    assert point.tpr.value == max(allowed)
    assert point.false_positives / point.non_members <= fpr + 1e-12
    assert point.true_positives == (members > point.threshold).sum()


@given(SCORES, SCORES)
def test_area_and_curve_agree_with_scikit_learn(members, others):
    from sklearn.metrics import roc_auc_score, roc_curve

    y = np.r_[np.ones(len(members)), np.zeros(len(others))]
    scores = np.r_[members, others]
    assert auc(members, others).value == pytest.approx(roc_auc_score(y, scores), abs=1e-12)
    curve = roc(members, others)
    fpr, tpr, _ = roc_curve(y, scores, drop_intermediate=False)
    assert np.allclose(curve.fpr, fpr)
    assert np.allclose(curve.tpr, tpr)


@given(SCORES, SCORES)
def test_the_interval_holds_the_area_and_stays_in_range(members, others):
    area = auc(members, others)
    assert 0 <= area.low <= area.value <= area.high <= 1


@given(SCORES, SCORES)
def test_separation_is_the_kolmogorov_smirnov_distance(members, others):
    from scipy.stats import ks_2samp

    distance = separation(members, others).distance
    assert distance == pytest.approx(ks_2samp(members, others, method="asymp").statistic, abs=1e-12)


def test_the_chance_of_a_separation_is_scipys_within_a_little():
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(2)
    members, others = rng.normal(0.3, 1, 300), rng.normal(0, 1, 500)
    expected = ks_2samp(members, others).pvalue
    assert expected < separation(members, others).p_value < 2 * expected


def test_the_delong_interval_covers_the_true_area():
    rng, hits = np.random.default_rng(0), 0
    truth = 0.760250  # Phi(1 / sqrt 2): normal scores one deviation apart
    for _ in range(400):
        area = auc(rng.normal(1, 1, 60), rng.normal(0, 1, 80))
        hits += area.low <= truth <= area.high
    assert 0.92 <= hits / 400 <= 0.98


def test_perfect_separation_keeps_some_doubt():
    area = auc(np.arange(10.0) + 10, np.arange(20.0) - 20)
    assert area.value == 1
    assert 0.6 < area.low < 0.8


@pytest.mark.parametrize(("hits", "fpr"), [(0, 0.1), (3, 0.1), (7, 0.05), (20, 0.1)])
def test_the_p_value_is_scipys_beta_binomial(hits, fpr):
    from scipy.stats import betabinom

    others = np.arange(100.0)
    allowed = int(fpr * 100)
    members = np.r_[np.full(hits, 1000.0), np.full(20 - hits, -1.0)]
    expected = betabinom.sf(hits - 1, 20, allowed + 1, 100 - allowed)
    assert tpr_at_fpr(members, others, fpr).p_value == pytest.approx(expected, rel=1e-9)


def test_scores_that_know_nothing_are_rarely_significant():
    rng = np.random.default_rng(1)
    values = [tpr_at_fpr(rng.normal(size=150), rng.normal(size=150), 0.01).p_value for _ in range(2000)]
    assert np.mean(np.array(values) < 0.05) <= 0.06


def test_what_the_non_members_resolve():
    assert measurable(100, 0.01)
    assert not measurable(99, 0.01)
    assert measurable(300, 0.01)
    assert not measurable(999, 0.001)


@pytest.mark.parametrize("bad", [np.array([]), np.array([1.0, np.nan]), np.array([[1.0]])])
def test_scores_that_cannot_be_ranked_are_refused(bad):
    good = np.array([1.0, 2.0])
    for pair in ((bad, good), (good, bad)):
        for look in (auc, roc, lambda a, b: tpr_at_fpr(a, b, 0.01)):
            with pytest.raises(InputError):
                look(*pair)


def test_a_rate_of_one_is_refused():
    with pytest.raises(InputError, match="false-positive rate"):
        tpr_at_fpr(np.ones(2), np.ones(2), 1.0)
