"""Categories of a table: what a radius leaves out, and what rewriting a single one does.

A changed category costs 1 width, whatever its code: no order is assumed, and no radius below 1 reaches it. A table
of categories would look robust for that reason alone. So the evidence names the columns that the declared radii
leave out of the attacker's reach, and one more arm tries every other value of every such column, one at a time.
The arm is exhaustive (up to MOST values a column), not a search: its number is exact for an attacker who rewrites
one category and nothing else. Numeric columns stay as they are there, so it cannot be mistaken for a radius.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from hauberk.core.errors import LimitExceeded
from hauberk.core.notebook import Notebook
from hauberk.core.nouns import Place, Severity
from hauberk.core.stats import rate

from ..referee import Referee
from ..setting import Setting
from ..threat import Space, Threat

if TYPE_CHECKING:
    from hauberk.core.ports import Floats, Ints

MOST = 64  # values tried of one column: a column with more is drawn from
SHOWN = 4  # names of columns in a message
ATTACK = "one category"
REACH = Threat("linf", 1.0, "label")
"""One category costs 1 width in every norm."""


def one_category(book: Notebook, setting: Setting, referee: Referee) -> None:
    """The arm of one rewritten category, where there are categories and no query budget."""
    try:
        if not rewrite(setting, referee, book.seed):
            return
    except LimitExceeded as spent:
        book.skip("attack.evasion: one rewritten category", str(spent))
        return
    stands = referee.right & ~referee.by_attack(ATTACK, REACH)
    book.measure(rate("robust_accuracy_one_category", int(stands.sum()), len(setting.y)))


def note_left_out(book: Notebook, setting: Setting) -> None:
    """A note when columns that an attacker may change cannot change within any declared radius."""
    left_out = out_of_reach(setting.space, max(setting.eps.values()))
    if not left_out:
        return
    radii = ", ".join(f"{norm} {eps:g}" for norm, eps in setting.eps.items())
    shown = ", ".join(left_out[:SHOWN]) + (", …" if len(left_out) > SHOWN else "")
    message = (f"{len(left_out)} columns cannot change within {radii}: {shown}. A changed category costs 1 width, a "
               "whole number at least 1 / width, so robust accuracy there says nothing about them")  # fmt: skip
    remedy = ("declare immutable what an attacker cannot rewrite; for the rest read the accuracy with one category "
              "rewritten, or set attack.evasion.eps to { linf = 1.0, l2 = 1.0 }")  # fmt: skip
    book.find("attack.evasion.out_of_reach", Severity.INFO, "model", Place("", "categories"), message, remedy=remedy,
              references=("AML.T0015", "CWE-1039"))  # fmt: skip


def out_of_reach(space: Space, reach: float) -> tuple[str, ...]:
    """Columns and one-hot groups that may change, but whose smallest step costs more than `reach` widths.

    A category and a group cost 1, a whole number 1 / width.
    """
    cost: dict[str, float] = {}
    for feature in space.features:
        if feature.immutable or feature.kind == "numeric" or feature.width <= 0:
            continue
        step = 1.0 if feature.kind != "integer" else 1.0 / feature.width
        cost.setdefault(feature.group if feature.kind == "onehot" else feature.name, step)
    return tuple(name for name, step in cost.items() if step > reach * (1 + 1e-9))


def rewrite(setting: Setting, referee: Referee, seed: int) -> bool:
    """Show the referee every row with one category changed; False where there is none to change.

    Costs one query for every row that is right and every other value. Raises LimitExceeded.
    """
    random, rows = np.random.default_rng(seed), np.flatnonzero(referee.right)
    tried = False
    for candidates in _candidates(setting.space, setting.x[rows], random):
        referee.judge(rows, candidates, REACH, ATTACK)
        referee.queries[rows] += (candidates != setting.x[rows]).any(axis=1)
        tried = True
    return tried


def _candidates(space: Space, x: Floats, random: np.random.Generator) -> Iterator[Floats]:
    """(m, columns) each: x with one column or group set to one value, and made valid."""
    groups: dict[str, list[int]] = {}
    for j, feature in enumerate(space.features):
        if feature.kind == "onehot":
            groups.setdefault(feature.group, []).append(j)
        if feature.kind == "categorical" and not feature.immutable:
            for code in _drawn(np.arange(np.ceil(feature.low), np.floor(feature.high) + 1), random):
                yield _changed(space, x, [j], [code])
    for columns in groups.values():
        for chosen in _drawn(np.array([j for j in columns if not space.features[j].immutable]), random):
            yield _changed(space, x, columns, [float(j == chosen) for j in columns])


def _changed(space: Space, x: Floats, columns: list[int], values: list[float]) -> Floats:
    out = x.copy()
    out[:, columns] = values
    return space.feasible(out, x)


def _drawn(values: Ints | Floats, random: np.random.Generator) -> Ints | Floats:
    return values if len(values) <= MOST else np.sort(random.choice(values, MOST, replace=False))
