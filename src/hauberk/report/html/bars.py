"""A measurement as a small bar: its interval on the scale that it shares with its neighbours."""

from __future__ import annotations

from ...core.nouns import Measurement
from ..figures import SHARES, interval, label
from .markup import Markup, tag

WIDTH, HEIGHT, PAD = 190, 14, 4


def reach(group: list[Measurement]) -> tuple[float, float]:
    """The scale of measurements that are compared: shares from 0 to 1, others from 0 or their lowest end."""
    if all(m.unit in SHARES and m.low >= 0 and m.high <= 1 for m in group):
        return (0.0, 1.0)
    low, high = min(0.0, *(m.low for m in group)), max(0.0, *(m.high for m in group))
    return (low, high) if high > low else (low, low + 1.0)


def bar(m: Measurement, low: float, high: float) -> Markup:
    """The SVG of one measurement on a scale from low to high."""

    def at(value: float) -> float:
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return PAD + share * (WIDTH - 2 * PAD)

    middle = HEIGHT / 2
    ends = [tag("path", d=f"M{at(v):.1f} {middle - 3:g}v6", class_="track") for v in (low, high)]
    track = tag("path", d=f"M{PAD} {middle:g}H{WIDTH - PAD}", class_="track")
    span = tag("rect", x=at(m.low), y=middle - 3, width=max(at(m.high) - at(m.low), 0.5), height=6, class_="span")
    dot = tag("path", d=f"M{at(m.value):.1f} {middle - 5:g}v10", class_="value")
    return tag(
        "svg", track, *ends, span if m.confidence else None, dot,
        viewBox=f"0 0 {WIDTH} {HEIGHT}", class_="bar", role="img", aria_label=f"{label(m)}: {interval(m)}",
    )  # fmt: skip
