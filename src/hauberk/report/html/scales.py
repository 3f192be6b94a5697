"""Axes: from data to pixels, and few round ticks.

>>> [t.label for t in Scale(0.0, 1.0, 0, 100, share=True).ticks()]
['0', '25', '50', '75', '100 %']
>>> [t.label for t in Scale(0.001, 1.0, 0, 100, log=True, share=True).ticks()]
['0.1', '1', '10', '100 %']
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..figures import number

MAX_DECADES = 5
HUGE, TINY = 1e200, 1e-200
"""Beyond these a chart says nothing, and arithmetic on its axis would overflow."""
_SHARE = re.compile(r"accuracy|\brate\b|share|fraction|positive|confidence|frequency|probability|\bcorrect\b|%", re.I)


@dataclass(frozen=True)
class Tick:
    """A position in pixels and what stands beside it."""

    at: float
    label: str


@dataclass(frozen=True)
class Scale:
    """low, high: the ends of the data axis; start, end: their pixels. share: show as per cent."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    share: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value; what lies outside the axis is drawn at its end."""
        low, high, v = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, v = math.log10(low), math.log10(high), math.log10(v)
        return self.start + (v - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[Tick]:
        """Three to six round places."""
        values = self._decades() if self.log else self._steps()
        labels = [number(round(v * 100, 9) if self.share else v) for v in values]
        if self.share and labels:
            labels[-1] += " %"
        return [Tick(self(v), text) for v, text in zip(values, labels, strict=True)]

    def show(self, value: float) -> str:
        """A value in words, as a tooltip says it."""
        return f"{value * 100:.3g} %" if self.share else number(value)

    def _decades(self) -> list[float]:
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        return [10.0**k for k in range(first, last + 1)]

    def _steps(self) -> list[float]:
        step = 0.25 if self.share and self.high - self.low == 1 else nice_step((self.high - self.low) / 4)
        first = math.ceil(self.low / step - 1e-9)
        return [float(f"{k * step:.12g}") for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


def nice_step(rough: float) -> float:
    """The 1, 2 or 5 times a power of ten nearest above `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= rough * 0.99)


def fit(values: Iterable[float], label: str, log: bool, start: float, end: float, *, whole: bool) -> Scale:
    """A scale that holds these values: logs to whole decades, others from 0 when near it.

    whole: shares reach from 0 to 1 even when the values do not.
    """
    finite = [max(-HUGE, min(HUGE, v)) for v in values if math.isfinite(v)] or [0.0, 1.0]
    share = bool(_SHARE.search(label)) and all(0 <= v <= 1 for v in finite)
    if log:
        return _fit_log([v for v in finite if v > TINY] or [0.1, 1.0], share, start, end)
    if share and (whole or max(finite) > 0.5):
        return Scale(0.0, 1.0, start, end, share=True)
    low, high = min(finite), max(finite)
    low = min(low, 0.0) if low < (high - low) else low
    if high - low <= max(TINY, 1e-9 * max(abs(low), abs(high))):
        low, high = low - abs(low) / 2 - (low == 0), high + abs(high) / 2 + (high == 0)
    return Scale(low, high, start, end, share=share)


def _fit_log(positive: list[float], share: bool, start: float, end: float) -> Scale:
    high = 1.0 if share else 10.0 ** math.ceil(math.log10(max(positive)) - 1e-9)
    low = 10.0 ** math.floor(math.log10(min(positive)) + 1e-9)
    low = max(low, high / 10.0**MAX_DECADES)
    return Scale(low if low < high else high / 10, high, start, end, log=True, share=share)
