"""Intervals against scipy and numpy, and their behaviour where there is little or nothing to count."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as oracle

from hauberk.core.errors import InputError
from hauberk.core.stats import bootstrap, clopper_pearson, exact, rate, wilson

COUNTS = sorted(
    {
        (hits, n)
        for n in (1, 2, 3, 7, 10, 99, 500, 1_000, 10_000, 1_000_000)
        for hits in {0, 1, 2, n // 100, n // 3, n // 2, n - n // 10, n - 1, n}
        if 0 <= hits <= n
    }
)
CONFIDENCES = (0.5, 0.9, 0.95, 0.99, 0.999, 0.999999)


def test_clopper_pearson_is_scipys_beta_quantiles() -> None:
    for hits, n in COUNTS:
        for confidence in CONFIDENCES:
            tail = (1 - confidence) / 2
            low = oracle.beta.ppf(tail, hits, n - hits + 1) if hits else 0.0
            high = oracle.beta.isf(tail, hits + 1, n - hits) if hits < n else 1.0
            mine = clopper_pearson(hits, n, confidence)
            assert (mine.low, mine.high) == pytest.approx((low, high), rel=1e-10, abs=1e-10), (hits, n, confidence)


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_wilson_is_scipys(confidence: float) -> None:
    for hits, n in COUNTS:
        theirs = oracle.binomtest(hits, n).proportion_ci(confidence, method="wilson")
        mine = wilson(hits, n, confidence)
        assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@given(st.integers(0, 3000), st.integers(0, 3000), st.floats(0.01, 0.9999))
def test_intervals_hold_their_value_and_mirror(hits: int, misses: int, confidence: float) -> None:
    n = hits + misses
    for method in (clopper_pearson, wilson):
        mine, mirrored = method(hits, n, confidence), method(misses, n, confidence)
        assert 0 <= mine.low <= mine.value <= mine.high <= 1
        assert (mine.low, mine.high) == pytest.approx((1 - mirrored.high, 1 - mirrored.low), abs=1e-12)


@given(st.integers(1, 400), st.data())
def test_more_trials_narrow_it(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    once, tenfold = clopper_pearson(hits, n), clopper_pearson(10 * hits, 10 * n)
    assert tenfold.high - tenfold.low < once.high - once.low


def test_coverage_of_clopper_pearson_is_never_below_its_confidence() -> None:
    n = 30
    intervals = [clopper_pearson(k, n, 0.9) for k in range(n + 1)]
    for share in np.linspace(0.01, 0.99, 99):
        mass = oracle.binom.pmf(range(n + 1), n, share)
        assert sum(m for m, i in zip(mass, intervals, strict=True) if i.low <= share <= i.high) >= 0.9


@pytest.mark.parametrize("method", [clopper_pearson, wilson])
def test_no_trials_tell_nothing(method: type) -> None:
    nothing = method(0, 0)
    assert (nothing.low, nothing.value, nothing.high, nothing.n) == (0, 0.5, 1, 0)


@pytest.mark.parametrize(
    ("hits", "n", "confidence"), [(2, 1, 0.95), (-1, 5, 0.95), (1.5, 5, 0.95), (1, 5, 0), (1, 5, 1), (1, 5, 95)]
)
def test_impossible_counts_are_refused(hits: int, n: int, confidence: float) -> None:
    for method in (clopper_pearson, wilson):
        with pytest.raises(InputError):
            method(hits, n, confidence)


def test_bootstrap_of_a_mean_approaches_the_normal_interval() -> None:
    values = np.random.default_rng(0).normal(size=400).tolist()
    mine = bootstrap(values, fmean, seed=1, resamples=2000)
    half = 1.96 * np.std(values) / np.sqrt(len(values))
    assert (mine.low, mine.high) == pytest.approx((fmean(values) - half, fmean(values) + half), abs=0.012)
    assert mine.value == fmean(values)


def test_bootstrap_takes_numpys_percentiles_of_its_resamples() -> None:
    values, seen = list(range(50)), []

    def record(sample: object) -> float:
        seen.append(float(np.mean(sample)))
        return seen[-1]

    mine = bootstrap(values, record, seed=3, confidence=0.9)
    assert (mine.low, mine.high) == pytest.approx(tuple(np.quantile(seen[:-1], [0.05, 0.95])))


def test_bootstrap_repeats_with_its_seed_and_takes_pairs() -> None:
    pairs = [(i / 40, i % 3 == 0) for i in range(40)]

    def mean_where_true(sample: object) -> float:
        return fmean(score for score, label in sample if label)  # type: ignore[attr-defined]

    assert bootstrap(pairs, mean_where_true, seed=5) == bootstrap(pairs, mean_where_true, seed=5)
    assert bootstrap(pairs, mean_where_true, seed=5) != bootstrap(pairs, mean_where_true, seed=6)


def test_bootstrap_widens_to_hold_a_biased_statistic() -> None:
    mine = bootstrap(list(range(100)), lambda sample: len(set(sample)), seed=1)  # a resample has about 63
    assert mine.high == mine.value == 100
    assert mine.low < 65


@pytest.mark.parametrize(("values", "resamples"), [([], 1000), ([1.0], 1000), ([1.0, 2.0], 99)])
def test_bootstrap_refuses_too_little(values: list[float], resamples: int) -> None:
    with pytest.raises(InputError):
        bootstrap(values, fmean, 0, resamples)


def test_bootstrap_refuses_a_statistic_without_a_value() -> None:
    with pytest.raises(InputError, match="expected a finite number"):
        bootstrap([1.0, float("nan")], fmean, 0)


def test_rate_and_exact_make_measurements() -> None:
    robust = rate("robust_accuracy", np.int64(40), np.int64(100), at={"eps": 0.1})  # type: ignore[arg-type]
    assert (robust.value, robust.n, robust.unit, robust.method) == (0.4, 100, "share", "Clopper-Pearson")
    assert type(robust.n) is int
    assert dict(robust.at) == {"eps": 0.1}
    queries = exact("queries", 12, unit="queries")
    assert (queries.low, queries.value, queries.high, queries.confidence) == (12, 12, 12, 0)
