"""Which charts belong together, and what part each line plays in them.

A line is an attack or a measurement, a *control* (the same size of change at random) or a *reference*
(chance, ideal, clean accuracy). The control arm of `attack.noise` joins the chart of the attack with the same
axes, because a number about an attack means little without it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...core.exhibits import Chart, Exhibit, Line
from ...core.nouns import Dossier, Evidence, Measurement
from ..figures import percent

CONTROL_CHECK = "attack.noise"
_CONTROL = re.compile(r"\b(control|noise|benign|random)\b", re.I)
_REFERENCE = re.compile(r"^(chance|random guess\w*|ideal|perfect\b.*|clean\b.*|guessing)$", re.I)


@dataclass(frozen=True)
class Series:
    """A line and its role: `data`, `control` or `reference`."""

    line: Line
    role: str


@dataclass(frozen=True)
class Shown:
    """An exhibit, the evidence that it stands in (the first of them owns it), and the lines if it is a chart."""

    exhibit: Exhibit
    evidence: tuple[Evidence, ...]
    series: tuple[Series, ...] = ()


def role(label: str) -> str:
    """What part a line plays, by its label.

    >>> role("APGD-CE + APGD-T"), role("uniform noise"), role("chance")
    ('data', 'control', 'reference')
    """
    if _REFERENCE.match(label.strip()):
        return "reference"
    return "control" if _CONTROL.search(label) else "data"


def gathered(dossier: Dossier) -> list[Shown]:
    """Every exhibit once, in the order of the evidence; control arms inside the attacks' charts."""
    controls = [(e, c) for e in dossier.evidence if e.check == CONTROL_CHECK for c in _charts(e)]
    attacks = [c for e in dossier.evidence if _is_attack(e) for c in _charts(e)]
    return [
        _shown(dossier, evidence, exhibit, controls)
        for evidence in dossier.evidence
        for exhibit in evidence.exhibits
        if not (evidence.check == CONTROL_CHECK and isinstance(exhibit, Chart) and _stands_in(exhibit, attacks))
    ]


def _stands_in(control: Chart, attacks: list[Chart]) -> bool:
    """Whether a control arm is seen in the chart of an attack: it joins it, or the attack drew the same line."""
    arms = {(n.label, n.x) for n in control.lines}
    return any(_axes(c) == _axes(control) or arms <= {(n.label, n.x) for n in c.lines} for c in attacks)


def _charts(evidence: Evidence) -> Iterator[Chart]:
    return (x for x in evidence.exhibits if isinstance(x, Chart))


def _is_attack(evidence: Evidence) -> bool:
    return evidence.check.startswith("attack.") and evidence.check != CONTROL_CHECK


def _axes(chart: Chart) -> tuple[str, str, str, str]:
    return (chart.x_label, chart.y_label, chart.x_scale, chart.y_scale)


def _shown(dossier: Dossier, evidence: Evidence, exhibit: Exhibit, controls: list[tuple[Evidence, Chart]]) -> Shown:
    if not isinstance(exhibit, Chart):
        return Shown(exhibit, (evidence,))
    own = [Series(line, _role_in(evidence, line)) for line in exhibit.lines]
    joined = [(e, c) for e, c in controls if _is_attack(evidence) and _axes(c) == _axes(exhibit)]
    labels = {s.line.label for s in own}
    guests = [Series(n, "control") for _, c in joined for n in c.lines if n.label not in labels]
    series = _with_clean(dossier, evidence, exhibit, [*own, *guests])
    return Shown(exhibit, (evidence, *(e for e, _ in joined)), tuple(finite(s) for s in series))


def _role_in(evidence: Evidence, line: Line) -> str:
    by_label = role(line.label)
    return "control" if evidence.check == CONTROL_CHECK and by_label == "data" else by_label


def _with_clean(dossier: Dossier, evidence: Evidence, chart: Chart, series: list[Series]) -> list[Series]:
    """The clean accuracy as a level line, where an attack's curve of accuracy has none."""
    curve = evidence.check.startswith("attack.") and re.search(r"\baccuracy\b", chart.y_label)
    if not curve or any(s.line.label.lower().startswith("clean") for s in series):
        return series
    clean = clean_accuracy(dossier)
    xs = [x for s in series for x in s.line.x]
    if clean is None or not xs:
        return series
    ends = (min(xs), max(xs))
    level = Line(f"clean accuracy {percent(clean.value)}", ends, (clean.value, clean.value))
    return [*series, Series(level, "reference")]


def clean_accuracy(dossier: Dossier) -> Measurement | None:
    """What the model does without an attacker, when some check measured it."""
    measured = (m for e in dossier.evidence for m in e.measurements if e.check == "model.quality" and not m.at)
    return next((m for m in measured if m.name in ("accuracy", "clean_accuracy")), None)


def finite(series: Series) -> Series:
    """The series without the points that cannot be drawn."""
    line = series.line
    keep = [i for i, pair in enumerate(zip(line.x, line.y, strict=True)) if all(math.isfinite(v) for v in pair)]
    banded = bool(line.low and line.high)

    def pick(values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(values[i] for i in keep) if banded else ()

    x, y = tuple(line.x[i] for i in keep), tuple(line.y[i] for i in keep)
    return replace(series, line=Line(line.label, x, y, pick(line.low), pick(line.high)))
