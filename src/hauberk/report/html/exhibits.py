"""What was seen: curves, pictures and tables, check by check, the attacks first."""

from __future__ import annotations

from itertools import groupby

from ...core.exhibits import Chart, Exhibit, Strip, Table
from ...core.nouns import Dossier
from ..figures import scalar, symbols
from ..words import title
from .charts import chart, numbers
from .coverage import badge
from .markup import Markup, tag
from .pictures import strip
from .series import Shown, gathered
from .tables import scrolling, table

ORDER = ("attack.evasion", "attack.noise", "attack.", "model.", "data.", "artifact.")
MAX_EXHIBITS = 200
HALF_CHARACTERS = 60
"""Characters of a row that fit into half the measure, three of space for each column included."""
HEAD = 0.85
"""Width of a character in the head of a table, in characters of its body."""


def seen(dossier: Dossier) -> Markup:
    """The body of the section."""
    shown = sorted(gathered(dossier), key=_rank)[:MAX_EXHIBITS]
    if not shown:
        return tag("p", "The checks left no charts, pictures or tables.", class_="quiet")
    groups = groupby(shown, key=lambda one: one.evidence[0])
    return tag("div", *(_of_check(dossier, list(group)) for _, group in groups), class_="seen")


def _rank(shown: Shown) -> tuple[int, int]:
    check = shown.evidence[0].check
    place = next((i for i, prefix in enumerate(ORDER) if check.startswith(prefix)), len(ORDER))
    return (place, (Chart, Strip, Table).index(type(shown.exhibit)))


def _of_check(dossier: Dossier, group: list[Shown]) -> Markup:
    evidence = group[0].evidence[0]
    number = dossier.evidence.index(evidence) + 1
    link = tag("a", title(dossier, evidence.check), href=f"#e{number}")
    head = tag("h3", link, " ", badge(evidence.verdict), class_="check")
    small = [_small(one.exhibit) for one in group]
    figures = [_figure(one, half=half) for one, half in zip(group, small, strict=True)]
    alone = small == [True]
    return tag("div", head, *figures, class_="exhibits half" if alone else "exhibits")


def _small(exhibit: Exhibit) -> bool:
    """Whether an exhibit takes half the measure."""
    if isinstance(exhibit, Table):
        heads = [HEAD * len(name) for name in exhibit.columns]
        cells = [max((len(scalar(row[i])) for row in exhibit.rows[:50]), default=0) for i in range(len(heads))]
        return sum(3 + max(pair) for pair in zip(heads, cells, strict=True)) <= HALF_CHARACTERS
    return isinstance(exhibit, Chart)


def _figure(shown: Shown, *, half: bool) -> Markup:
    exhibit = shown.exhibit
    caption = tag("figcaption", symbols(exhibit.title), class_="title")
    if isinstance(exhibit, Chart):
        rows = scrolling(f"{exhibit.title}: numbers", numbers(shown))
        fold = tag("details", tag("summary", "The numbers"), rows, class_="fold")
        return tag("figure", caption, chart(shown), fold, class_="chart half")
    body = strip(exhibit) if isinstance(exhibit, Strip) else table(exhibit)
    return tag("figure", caption, body, class_="half" if half else "wide")
