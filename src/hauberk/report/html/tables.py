"""Tables of any size: a few rows at once, more folded away, the rest counted. Wide ones stand on their side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from ...core.canon import Scalar
from ...core.exhibits import Table
from ..figures import count, scalar, symbols
from .markup import Markup, join, tag

FIRST, FOLDED, MAX_COLUMNS = 8, 200, 60
WIDE, FEW = 12, 8
"""More columns than WIDE in no more rows than FEW: features read better downwards."""


def table(exhibit: Table) -> Markup:
    """The table as a figure body, with marked cells pointed at."""
    upright = _turned(exhibit) if len(exhibit.columns) > WIDE and len(exhibit.rows) <= FEW else exhibit
    if upright is not exhibit and upright.marked:
        return _only_marked_rows(upright)
    return _folded(upright, range(len(upright.rows)))


def _turned(exhibit: Table) -> Table:
    """Rows become columns."""
    named = all(isinstance(row[0], str) for row in exhibit.rows)
    names = tuple(str(row[0]) if named else f"row {i}" for i, row in enumerate(exhibit.rows, 1))
    columns = list(enumerate(exhibit.columns))[int(named) :]
    rows = tuple((c, *(row[j] for row in exhibit.rows)) for j, c in columns)
    marked = tuple((column - named, row + 1) for row, column in exhibit.marked if column >= named)
    return Table(exhibit.name, exhibit.title, ("feature", *names), rows, marked)


def _only_marked_rows(exhibit: Table) -> Markup:
    marked = sorted({row for row, _ in exhibit.marked if 0 <= row < len(exhibit.rows)})
    rest = [i for i in range(len(exhibit.rows)) if i not in set(marked)]
    return join([
        _folded(exhibit, marked),
        _details(f"{count(len(rest), 'row')} without a change", _rows_table(exhibit, rest[:FOLDED])) if rest else None,
    ])  # fmt: skip


def _folded(exhibit: Table, order: Sequence[int]) -> Markup:
    first, more, left = order[:FIRST], order[FIRST : FIRST + FOLDED], len(order) - FIRST - FOLDED
    if len(more) <= 4:
        first, more = order[: FIRST + 4], ()
    return join([
        _rows_table(exhibit, first),
        _details(count(len(more), "more row"), _rows_table(exhibit, more)) if more else None,
        left_out(left),
    ])  # fmt: skip


def left_out(n: int) -> Markup | None:
    """What a table does not show."""
    return tag("p", f"{count(n, 'more row')} in report.json.", class_="quiet") if n > 0 else None


def _details(summary: str, body: Markup) -> Markup:
    return tag("details", tag("summary", summary), body, class_="fold")


def _rows_table(exhibit: Table, order: Sequence[int]) -> Markup:
    marked, numeric, decimals = set(exhibit.marked), _numeric(exhibit), _decimals(exhibit)
    heads = [tag("th", symbols(c), scope="col", class_="n" if numeric[j] else None) for j, c in _shown(exhibit.columns)]
    rows = [
        tag(
            "tr",
            *(_cell(exhibit.rows[i][j], numeric[j], decimals[j], (i, j) in marked) for j, _ in _shown(exhibit.columns)),
        )
        for i in order
    ]
    return scrolling(exhibit.title, tag("table", tag("thead", tag("tr", *heads)), tag("tbody", join(rows))))


def _shown(columns: tuple[str, ...]) -> list[tuple[int, str]]:
    return list(enumerate(columns))[:MAX_COLUMNS]


def _numeric(exhibit: Table) -> list[bool]:
    sample = exhibit.rows[:100]
    return [
        any(isinstance(row[j], int | float) for row in sample)
        and all(row[j] is None or isinstance(row[j], int | float) for row in sample)
        for j in range(len(exhibit.columns))
    ]


def _decimals(exhibit: Table) -> list[int | None]:
    """How many decimals a column of fractions needs, so that its points stand below each other; else None."""
    found: list[int | None] = []
    for j in range(len(exhibit.columns)):
        floats = [scalar(row[j]) for row in exhibit.rows[:FOLDED] if isinstance(row[j], float)]
        points = [len(shown.partition(".")[2]) for shown in floats]
        uniform = bool(points) and max(points) <= 4 and not any("e" in s for s in floats)
        found.append(max(points) if uniform else None)
    return found


def _cell(value: Scalar, numeric: bool, decimals: int | None, marked: bool) -> Markup:
    shown = f"{value:,.{decimals}f}" if decimals is not None and _is_number(value) else scalar(value)
    return tag("td", tag("mark", shown) if marked else shown, class_="n" if numeric or _is_number(value) else None)


def _is_number(value: Scalar) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def scrolling(name: str, body: Markup) -> Markup:
    """A table that scrolls by itself when the page is narrower, reachable by keyboard."""
    return tag("div", body, class_="scroll", role="region", tabindex=0, aria_label=name)
