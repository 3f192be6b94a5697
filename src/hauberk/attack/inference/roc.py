"""How well scores tell members from non-members, where it matters: at few false accusations.

>>> import numpy as np
>>> members, others = np.array([3.0, 2.0, 0.5]), np.array([1.0, 0.0, 0.2, 0.1])
>>> point = tpr_at_fpr(members, others, 0.25)
>>> point.true_positives, point.false_positives, point.threshold
(3, 1, 0.2)
>>> auc(members, others).value
0.9166666666666666
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from hauberk.core.errors import InputError
from hauberk.core.stats import Interval, clopper_pearson

if TYPE_CHECKING:
    from hauberk.core.ports import Floats

SLACK = 1e-9
"""0.01 * 300 is 3 in decimals and 3.0000000000000004 or 2.9999999999999996 in binary."""


@dataclass(frozen=True)
class Roc:
    """The whole curve, from (0, 0) to (1, 1): fpr, tpr and the threshold of each corner (score > threshold)."""

    fpr: Floats
    tpr: Floats
    thresholds: Floats


@dataclass(frozen=True)
class Operating:
    """The threshold for a bound on the false-positive rate, and what it catches: scores strictly above it."""

    threshold: float
    true_positives: int
    members: int
    false_positives: int
    non_members: int
    allowed: int

    @property
    def tpr(self) -> Interval:
        """Share of members caught, with its Clopper-Pearson interval at this threshold."""
        return clopper_pearson(self.true_positives, self.members)

    @property
    def p_value(self) -> float:
        """Chance that scores which know nothing catch as many members at a threshold chosen like this one.

        Exact for exchangeable scores (ties only make it larger): how many of m members rank above the
        (k+1)-th best of n non-members is beta-binomial(m, k+1, n-k). It allows for the threshold being
        settled on few non-members, which the Clopper-Pearson interval does not.
        """
        return _beta_binomial_tail(
            self.true_positives, self.members, self.allowed + 1, self.non_members - self.allowed
        )


def roc(members: Floats, non_members: Floats) -> Roc:
    """The receiver operating characteristic of scores where a higher one claims membership.

    members: (m,), non_members: (n,) finite scores. Raises InputError when either is empty or not finite.
    """
    _check(members, non_members)
    cuts = np.unique(np.concatenate([members, non_members]))[::-1]
    corners = np.concatenate([cuts, [-np.inf]])
    return Roc(_share_above(non_members, corners), _share_above(members, corners), corners)


def tpr_at_fpr(members: Floats, non_members: Floats, fpr: float) -> Operating:
    """The best true-positive rate whose false-positive rate on `non_members` is at most `fpr`.

    Raises InputError for an empty or non-finite side, or fpr outside [0, 1). With fewer than 1/fpr
    non-members the bound is met by 0 false positives only: the caller says so (`measurable`).
    """
    _check(members, non_members)
    if not 0 <= fpr < 1:
        raise InputError(f"false-positive rate {fpr}, expected one in [0, 1)")
    allowed = math.floor(fpr * len(non_members) + SLACK)
    threshold = float(np.sort(non_members)[::-1][allowed])
    caught, accused = int((members > threshold).sum()), int((non_members > threshold).sum())
    return Operating(threshold, caught, len(members), accused, len(non_members), allowed)


def measurable(non_members: int, fpr: float) -> bool:
    """Whether so many non-members resolve that false-positive rate: at least one of them may be accused."""
    return fpr * non_members >= 1 - SLACK


def auc(members: Floats, non_members: Floats, confidence: float = 0.95) -> Interval:
    """The area under the ROC curve with its interval (DeLong, DeLong & Clarke-Pearson 1988), ties at half.

    Costs one sort. Differs: where one side's scores are perfectly apart DeLong's variance is 0; the interval
    then ends at the Clopper-Pearson bound for as many perfect trials as the smaller side has.
    """
    _check(members, non_members)
    beaten, beating = _share_below(non_members, members), 1 - _share_below(members, non_members)
    value, smaller = float(beaten.mean()), min(len(members), len(non_members))
    variance = _variance(beaten) / len(members) + _variance(beating) / len(non_members)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(variance)
    if variance == 0:
        perfect = clopper_pearson(smaller, smaller, confidence)
        half = 1 - perfect.low
    low, high = max(0.0, value - half), min(1.0, value + half)
    return Interval(value, min(low, value), max(high, value), confidence, smaller, "DeLong")


@dataclass(frozen=True)
class Separation:
    """distance: the largest TPR - FPR in absolute value. p_value: chance that equal distributions reach it."""

    distance: float
    p_value: float


def separation(members: Floats, non_members: Floats) -> Separation:
    """The two-sample Kolmogorov-Smirnov test: differs anything at all, such as the spread, not only the rank?

    The p-value is the first term of Smirnov's limit, 2 exp(-2 d^2 mn / (m + n)), which bounds the limit.
    """
    curve = roc(members, non_members)
    distance, m, n = float(np.abs(curve.tpr - curve.fpr).max()), len(members), len(non_members)
    return Separation(distance, min(1.0, 2 * math.exp(-2 * distance**2 * m * n / (m + n))))


def _check(members: Floats, non_members: Floats) -> None:
    for what, scores in (("member", members), ("non-member", non_members)):
        if scores.ndim != 1 or len(scores) == 0:
            raise InputError(f"{what} scores: expected a non-empty vector, got shape {scores.shape}")
        if not np.isfinite(scores).all():
            raise InputError(f"{what} scores: {int((~np.isfinite(scores)).sum())} are not finite")


def _share_above(scores: Floats, cuts: Floats) -> Floats:
    return 1 - np.searchsorted(np.sort(scores), cuts, side="right") / len(scores)


def _share_below(population: Floats, at: Floats) -> Floats:
    """For each of `at` the share of the population below it, ties at half."""
    ordered = np.sort(population)
    both = np.searchsorted(ordered, at, side="left") + np.searchsorted(ordered, at, side="right")
    return both / (2.0 * len(population))


def _variance(values: Floats) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.25  # 0.25: the most that a share can vary


def _beta_binomial_tail(hits: int, n: int, a: int, b: int) -> float:
    """P(X >= hits) for X ~ beta-binomial(n, a, b)."""
    def log_beta(p: float, q: float) -> float:
        return math.lgamma(p) + math.lgamma(q) - math.lgamma(p + q)

    whole = log_beta(a, b)
    logs = (
        math.lgamma(n + 1) - math.lgamma(x + 1) - math.lgamma(n - x + 1) + log_beta(x + a, n - x + b) - whole
        for x in range(hits, n + 1)
    )
    return min(1.0, math.fsum(math.exp(value) for value in logs))
