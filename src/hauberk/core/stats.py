"""Intervals: how sure a number is. Standard library only.

A policy reads the pessimistic end of an interval, so an interval here is never too narrow to look good.

>>> share = clopper_pearson(95, 100)
>>> f"{share.value} [{share.low:.4f}, {share.high:.4f}]"
'0.95 [0.8872, 0.9836]'
>>> rate("clean_accuracy", 95, 100).unit
'share'
>>> exact("queries", 1200, unit="queries").high
1200.0
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from .canon import Scalar
from .errors import InputError
from .nouns import Measurement

T = TypeVar("T")
HERE: Mapping[str, Scalar] = MappingProxyType({})
"""No coordinates: the check measures this at one point only."""

MIN_RESAMPLES = 100
"""Fewer resamples leave less than three beyond each end of a 95% interval."""


@dataclass(frozen=True)
class Interval:
    """A number and its interval: `low <= value <= high` at `confidence`, from `n` observations."""

    value: float
    low: float
    high: float
    confidence: float
    n: int
    method: str

    def measurement(self, name: str, *, unit: str, at: Mapping[str, Scalar] = HERE) -> Measurement:
        """The same numbers under a name, ready for evidence."""
        return Measurement(name, self.value, self.low, self.high, self.confidence, self.n, unit, self.method, at)


def rate(
    name: str,
    hits: int,
    n: int,
    *,
    unit: str = "share",
    at: Mapping[str, Scalar] = HERE,
    confidence: float = 0.95,
) -> Measurement:
    """`hits` of `n` as a measurement with its Clopper-Pearson interval. Raises InputError as that does."""
    return clopper_pearson(hits, n, confidence).measurement(name, unit=unit, at=at)


def exact(
    name: str, value: float, *, unit: str, n: int = 1, at: Mapping[str, Scalar] = HERE
) -> Measurement:
    """A number without uncertainty (a count, a setting): confidence 0, low == value == high."""
    point = float(value)
    return Measurement(name, point, point, point, 0.0, int(n), unit, "exact", at)


def clopper_pearson(hits: int, n: int, confidence: float = 0.95) -> Interval:
    """The exact interval of a share (Clopper & Pearson 1934): covers it at least as often as it says.

    hits: successes out of n independent trials. Costs microseconds to a few milliseconds (n = 10**6).
    Without trials nothing is known: [0, 1] around 0.5 with n = 0, so that either end is the worst case.
    Raises InputError unless 0 <= hits <= n and 0 < confidence < 1.
    """
    hits, n = _counts(hits, n, confidence)
    if n == 0:
        return Interval(0.5, 0.0, 1.0, confidence, 0, "Clopper-Pearson")
    tail = (1 - confidence) / 2
    low = _lowest_share(hits, n, tail)
    high = 1 - _lowest_share(n - hits, n, tail)
    return _around(hits / n, low, high, confidence, n, "Clopper-Pearson")


def wilson(hits: int, n: int, confidence: float = 0.95) -> Interval:
    """The score interval of a share (Wilson 1927): shorter than Clopper-Pearson, right on average only.

    Same arguments, errors and answer for n = 0 as `clopper_pearson`.
    """
    from statistics import NormalDist

    hits, n = _counts(hits, n, confidence)
    if n == 0:
        return Interval(0.5, 0.0, 1.0, confidence, 0, "Wilson")
    z, share = NormalDist().inv_cdf((1 + confidence) / 2), hits / n
    scale = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return _around(share, max(0.0, centre - half), min(1.0, centre + half), confidence, n, "Wilson")


def bootstrap(
    values: Sequence[T],
    statistic: Callable[[Sequence[T]], float],
    seed: int,
    resamples: int = 1000,
    confidence: float = 0.95,
) -> Interval:
    """The percentile interval of any statistic (Efron 1979): `resamples` draws of n values with replacement.

    values: independent observations of any kind (numbers, or pairs such as (score, label)).
    Costs `resamples` calls of `statistic` on n values. Below some 20 observations it is too narrow.
    Differs: widened to hold the statistic of the sample itself, which a biased statistic can leave outside.
    Raises InputError for fewer than 2 observations (one says nothing about its spread), for fewer than
    100 resamples, and when the statistic of a resample is not finite.
    """
    from random import Random

    sample = list(values)
    _check_confidence(confidence)
    if len(sample) < 2 or resamples < MIN_RESAMPLES:
        raise InputError(
            f"bootstrap: {len(sample)} observations and {resamples} resamples, "
            f"expected at least 2 and {MIN_RESAMPLES}"
        )
    draw, n = Random(seed).choices, len(sample)  # noqa: S311 - resampling, not secrecy
    answers = sorted(_finite(statistic(draw(sample, k=n))) for _ in range(resamples))
    tail = (1 - confidence) / 2
    low, high = _quantile(answers, tail), _quantile(answers, 1 - tail)
    return _around(_finite(statistic(sample)), low, high, confidence, n, "bootstrap percentile")


def _counts(hits: int, n: int, confidence: float) -> tuple[int, int]:
    _check_confidence(confidence)
    if hits != int(hits) or n != int(n) or not 0 <= hits <= n:
        raise InputError(f"a share of {hits} hits in {n} trials: expected whole numbers, 0 <= hits <= trials")
    return int(hits), int(n)  # a numpy integer becomes one that JSON knows


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence}, expected between 0 and 1, such as 0.95")


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise InputError(f"bootstrap: the statistic of a resample is {value}, expected a finite number")
    return float(value)


def _around(value: float, low: float, high: float, confidence: float, n: int, method: str) -> Interval:
    return Interval(value, min(low, value), max(high, value), confidence, n, method)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Linear between neighbours, as numpy's default."""
    position = share * (len(ordered) - 1)
    below = min(int(position), len(ordered) - 2)
    return ordered[below] + (position - below) * (ordered[below + 1] - ordered[below])


def _lowest_share(hits: int, n: int, tail: float) -> float:
    """The share at which `hits` or more of n happen with probability `tail`."""
    if hits == 0:
        return 0.0
    if hits == n:
        return math.exp(math.log(tail) / n)
    return _beta_quantile(tail, float(hits), float(n - hits + 1))


def _beta_quantile(p: float, a: float, b: float) -> float:
    """x with I_x(a, b) = p: Newton steps kept inside a shrinking bracket, bisection where one would leave it."""
    below, above, x = 0.0, 1.0, a / (a + b)
    for _ in range(200):  # bisection alone would need about 60 for a double
        gap = _beta_share(x, a, b) - p
        below, above = (x, above) if gap < 0 else (below, x)
        log_density = (a - 1) * math.log(x) + (b - 1) * math.log1p(-x) - _log_beta(a, b)
        step = gap / math.exp(log_density) if log_density > -700 else math.inf
        following = x - step
        if not below < following < above:
            following = (below + above) / 2
        if abs(following - x) <= 4e-16 * x:
            return following
        x = following
    return x


def _beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b) for 0 < x < 1 (DLMF 8.17)."""
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - _log_beta(a, b))
    if x < (a + 1) / (a + b + 2):  # where the continued fraction converges fast
        return front / (a * _beta_fraction(x, a, b))
    return 1 - front / (b * _beta_fraction(1 - x, b, a))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _beta_fraction(x: float, a: float, b: float) -> float:
    """1 + d1/(1 + d2/(1 + …)), the continued fraction of DLMF 8.17.22, forwards by Lentz's method.

    Needs about sqrt(max(a, b)) terms.
    """
    tiny = 1e-300  # stands for 0 in a denominator
    value, upper, lower = 1.0, 1.0, 0.0
    for k in range(1, 200_000):
        m = k // 2
        if k % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        lower = 1 / ((1 + term * lower) or tiny)
        upper = (1 + term / upper) or tiny
        value *= upper * lower
        if abs(upper * lower - 1) < 1e-16:
            break
    return value
