"""Charts laid by hand: inline SVG with direct labels at the line ends, interval bands and few ticks."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.exhibits import Chart
from ..figures import symbols
from ..words import clean
from .labels import Label, placed, wrapped
from .markup import Markup, join, tag
from .scales import Scale, fit
from .series import Series, Shown

WIDTH, HEIGHT = 460, 300
LEFT, TOP, BOTTOM = 47, 34, 44
MAX_POINTS, MAX_DOTS, COLOURS, MAX_LINES = 400, 24, 5, 12


@dataclass(frozen=True)
class Frame:
    """Both axes of a chart."""

    x: Scale
    y: Scale


def chart(shown: Shown) -> Markup:
    """The SVG of a chart exhibit; a sentence instead when there is nothing to draw."""
    assert isinstance(shown.exhibit, Chart)
    series = [s for s in shown.series if s.line.x][:MAX_LINES]
    if not series:
        return tag("p", "This chart has no points.", class_="quiet")
    classes = _classes(series)
    frame, labels = _frame(shown.exhibit, series, classes)
    drawn = [_series(s, c, frame) for s, c in zip(series, classes, strict=True)]
    return tag(
        "svg", _axes(shown.exhibit, frame), *reversed(drawn), *(_label(one) for one in labels),
        viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=described(shown.exhibit, series, frame),
    )  # fmt: skip


def _classes(series: list[Series]) -> list[str]:
    """The style of each line: numbered colours for data, one grey for controls, ink for references."""
    names, seen = [], 0
    for one in series:
        names.append(f"s{seen % COLOURS}" if one.role == "data" else one.role)
        seen += one.role == "data"
    return names


def _frame(chart: Chart, series: list[Series], classes: list[str]) -> tuple[Frame, list[Label]]:
    texts = [wrapped(clean(s.line.label, 60)) for s in series]
    margin = min(160, 20 + 7.2 * max(len(row) for rows in texts for row in rows))
    lines = [s.line for s in series]
    x = fit((v for n in lines for v in n.x), chart.x_label, chart.x_scale == "log", LEFT, WIDTH - margin, whole=False)
    ys = (v for n in lines for v in (*n.y, *n.low, *n.high))
    y = fit(ys, chart.y_label, chart.y_scale == "log", HEIGHT - BOTTOM, TOP, whole=True)
    labels = [
        Label(rows, x(s.line.x[-1]), y(s.line.y[-1]), sum(map(y, s.line.y)) / len(s.line.y), c, x.end)
        for rows, s, c in zip(texts, series, classes, strict=True)
    ]
    return Frame(x, y), placed(labels, TOP, HEIGHT - BOTTOM)


def _axes(chart: Chart, frame: Frame) -> Markup:
    x, y = frame.x, frame.y
    rows = [tag("path", d=f"M{x.start:g} {t.at:.1f}H{x.end:.1f}", class_="grid") for t in y.ticks()]
    columns = [tag("path", d=f"M{t.at:.1f} {y.start:g}v4", class_="tick") for t in x.ticks()]
    if x.log:
        columns += [tag("path", d=f"M{t.at:.1f} {y.start:g}V{y.end:g}", class_="grid") for t in x.ticks()]
    base = tag("path", d=f"M{x.start:g} {y.start:g}H{x.end:.1f}", class_="base")
    left = [tag("text", t.label, x=x.start - 7, y=t.at + 4, class_="ax e") for t in y.ticks()]
    below = [tag("text", t.label, x=t.at, y=y.start + 19, class_="ax m") for t in x.ticks()]
    titles = [
        tag("text", _with_log(chart.y_label, y), x=2, y=14, class_="axt"),
        tag("text", _with_log(chart.x_label, x), x=x.start, y=HEIGHT - 5, class_="axt"),
    ]
    return tag("g", *rows, *columns, base, *left, *below, *titles, aria_hidden="true")


def _with_log(label: str, scale: Scale) -> str:
    return clean(symbols(label), 60) + (", log scale" if scale.log else "")


def _series(series: Series, style: str, frame: Frame) -> Markup:
    points = _points(series.line.x, series.line.y, frame)
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return tag(
        "g", _band(series, frame), tag("path", d=path, class_="line"), *_dots(series, frame),
        tag("title", series.line.label), class_=style,
    )  # fmt: skip


def _points(xs: tuple[float, ...], ys: tuple[float, ...], frame: Frame) -> list[tuple[float, float]]:
    step = -(-len(xs) // MAX_POINTS)
    keep = [*range(0, len(xs) - 1, step), len(xs) - 1]
    return [(frame.x(xs[i]), frame.y(ys[i])) for i in keep]


def _band(series: Series, frame: Frame) -> Markup | None:
    line = series.line
    if not line.low or series.role == "reference":
        return None
    upper, lower = _points(line.x, line.high, frame), _points(line.x, line.low, frame)
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in [*upper, *reversed(lower)]) + "Z"
    return tag("path", d=path, class_="band")


def _dots(series: Series, frame: Frame) -> list[Markup]:
    line = series.line
    if series.role == "reference" or len(line.x) > MAX_DOTS:
        return []
    return [
        tag("circle", tag("title", said(series, i, frame)), cx=frame.x(x), cy=frame.y(y), r=2.7, class_="dot")
        for i, (x, y) in enumerate(zip(line.x, line.y, strict=True))
    ]


def said(series: Series, i: int, frame: Frame) -> str:
    """One point in words: `APGD at 0.1: 31.4 % [27.2 %, 35.9 %]`."""
    line = series.line
    band = f" [{frame.y.show(line.low[i])}, {frame.y.show(line.high[i])}]" if line.low else ""
    return f"{line.label} at {frame.x.show(line.x[i])}: {frame.y.show(line.y[i])}{band}"


def described(chart: Chart, series: list[Series], frame: Frame) -> str:
    """The chart for those who cannot see it: its title, its axes, and where each line starts and ends."""
    lines = [f"{said(s, 0, frame)}; {said(s, len(s.line.x) - 1, frame)}" for s in series]
    return f"Chart: {chart.title}. {chart.y_label} against {chart.x_label}. " + ". ".join(lines)


def _label(label: Label) -> Markup:
    rows = [
        tag("tspan", row, x=label.edge + 10, y=label.top + 11 + 14 * i, class_="lab1" if not i else None)
        for i, row in enumerate(label.rows)
    ]
    middle = label.top + 7
    far = abs(middle - label.y) > 5 or label.edge - label.x > 2
    leader = f"M{label.x + 4:.1f} {label.y:.1f}L{label.edge + 7:.1f} {middle:.1f}" if far else None
    line = tag("path", d=leader, class_="lead") if leader else None
    return tag("g", line, tag("text", *rows, class_="lab"), class_=label.style, aria_hidden="true")


def numbers(shown: Shown, cap: int = 40) -> Markup:
    """The same chart as rows: label, x, y, low, high; for reading, copying and screen readers."""
    assert isinstance(shown.exhibit, Chart)
    rows = [
        tag("tr", tag("th", s.line.label, scope="row"), *(tag("td", c, class_="n") for c in _cells(s, i)))
        for s in shown.series
        for i in range(min(len(s.line.x), cap))
    ]
    names = ("line", shown.exhibit.x_label, shown.exhibit.y_label, "low", "high")
    head = tag("tr", *(tag("th", n, scope="col", class_="n" if i else None) for i, n in enumerate(names)))
    return tag("table", tag("thead", head), tag("tbody", join(rows)))


def _cells(series: Series, i: int) -> list[str]:
    line = series.line
    values = [line.x[i], line.y[i], *([line.low[i], line.high[i]] if line.low else [])]
    return [f"{v:.4g}" for v in values] + ["–"] * (4 - len(values))
