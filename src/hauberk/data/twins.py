"""Pairs of rows that are equal or near, with who is whose twin and whether chance could have done it.

A row of few, common values (nine yes/no answers) can come up twice by chance: a pair tells something only
when the row carries more bits than a coincidence among the training rows could explain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.stats import rate

from .neighbours import Near, bits, flat, near, ruler, scaled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hauberk.core.notebook import Notebook
    from hauberk.core.nouns import Measurement
    from hauberk.core.ports import Dataset, Floats, Ints

    from .neighbours import Ruler

CHANCE_BITS = 7.0
"""A pair tells something when fewer than 2**-7 such twins are expected by chance in the training data."""

DEPENDENCE = 0.5
"""Columns depend on one another: half of the bits that independent ones would carry are believed."""

NOISES = (0.01, 0.05)
"""Copies planted to measure what a search finds: noise of so many deviations on every column."""

PLANTED = 200

PRICED = 5_000
"""Training rows that the shares of values are read from."""


@dataclass(frozen=True)
class Pairs:
    """(p,) rows of one file and their twins in the training data. closeness: 0 equal, below 1 near.

    telling: (p,) bool, false where the pair can be chance.
    """

    row: Ints
    twin: Ints
    closeness: Floats
    telling: NDArray[Any]

    def rows(self, *, equal: bool) -> int:
        """Rows with a telling twin of that kind."""
        return len(np.unique(self.row[self.telling & ((self.closeness == 0) == equal)]))

    @property
    def by_chance(self) -> int:
        """Rows whose twin can be chance."""
        return len(np.unique(self.row[~self.telling]))

    def __add__(self, other: Pairs) -> Pairs:
        return Pairs(
            np.concatenate([self.row, other.row]), np.concatenate([self.twin, other.twin]),
            np.concatenate([self.closeness, other.closeness]), np.concatenate([self.telling, other.telling]),
        )  # fmt: skip


@dataclass(frozen=True)
class Twins:
    """across: test rows with their twin in train. within: train rows with an earlier one.

    recall: what the search would find of copies planted on purpose; nothing when none was made.
    """

    across: Pairs
    within: Pairs
    recall: tuple[Measurement, ...] = ()


def equal(train: Dataset, test: Dataset, first: Ints) -> Twins:
    """Equal rows. first: `neighbours.groups` over train, then test."""
    n, every = len(train.y), np.arange(len(first))
    again = every[:n][first[:n] != every[:n]]
    both = every[n:][first[n:] < n]
    return Twins(
        Pairs(both - n, first[both], np.zeros(len(both)), telling(train, test.x[both - n])),
        Pairs(again, first[again], np.zeros(len(again)), telling(train, train.x[again])),
    )


def telling(train: Dataset, rows: Floats) -> NDArray[Any]:
    """(m,) bool: whether each row carries more bits than a coincidence could explain."""
    priced = flat(train.x)[:: max(1, math.ceil(len(train.y) / PRICED))]
    believed = DEPENDENCE * bits(priced, flat(rows)) if len(rows) else np.zeros(0)
    found: NDArray[Any] = believed > math.log2(len(train.y)) + CHANCE_BITS
    return found


def close(book: Notebook, train: Dataset, test: Dataset, first: Ints, most: int) -> Twins | None:
    """Near rows that are not equal to any: at most `most` of each file are asked for.

    None when there are too few different training rows to know what is near. What was not looked at, for
    want of time or by `most`, is skipped in the book.
    """
    n = len(train.y)
    own = np.flatnonzero(first[:n] == np.arange(n))  # one row for each group of equals
    fresh = np.flatnonzero(first[n:] >= n)
    ask_test, ask_train = _drawn(book, "test", fresh, most), _drawn(book, "train", own, most)
    x = _on_scale(train, train.x[own])
    measure = ruler(x, len(ask_test) + len(ask_train), book.seed)
    if measure is None:
        book.skip("near duplicates", f"{len(own)} different training rows are too few to know what is near")
        return None
    book.note("near_ratio", round(measure.ratio, 4))
    book.note("intrinsic_dimension", round(measure.dimension, 2))
    queries = _on_scale(train, test.x[ask_test])
    found = _search(book, "test", near(queries, x, measure, book.seed), len(queries))
    across = _pairs(train, test.x, ask_test[found.query], own[found.found], found.closeness)
    return Twins(across, _inside(book, train, x, own, ask_train, measure), _recall(x, measure, book.seed))


def found_again(x: Floats, measure: Ruler, noise: float, seed: int) -> int:
    """How many of PLANTED rows of x (or all) are found as twins of their own noisy copies."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(x))[:PLANTED]
    copies = x[rows] + rng.normal(scale=noise, size=(len(rows), x.shape[1])).astype(np.float32)
    return sum(int((rows[part.query] == part.found).sum()) for part in near(copies, x, measure, seed))


def _recall(x: Floats, measure: Ruler, seed: int) -> tuple[Measurement, ...]:
    """Shares of planted copies that are found again, by the noise on each column in its standard deviations."""
    found = ((noise, found_again(x, measure, noise, seed)) for noise in NOISES)
    n = min(PLANTED, len(x))
    return tuple(rate("duplicates.near_recall", again, n, at={"noise_sd": noise}) for noise, again in found)


def _inside(
    book: Notebook, train: Dataset, x: Floats, own: Ints, asked: Ints, measure: Ruler
) -> Pairs:
    """Near pairs within train, each once, under its later row."""
    at = np.searchsorted(own, asked)
    found = _search(book, "train", near(x[at], x, measure, book.seed, own=at), len(at))
    ends = np.stack([asked[found.query], own[found.found]])
    later, earlier = ends.max(axis=0), ends.min(axis=0)
    _, once = np.unique(later * np.int64(len(train.y)) + earlier, return_index=True)
    return _pairs(train, train.x, later[once], earlier[once], found.closeness[once])


def _drawn(book: Notebook, role: str, rows: Ints, most: int) -> Ints:
    if len(rows) <= most:
        return rows
    book.skip(f"near twins of every {role} row", f"{most} of {len(rows)} rows were drawn; raise most_rows")
    return np.sort(np.random.default_rng(book.seed).permutation(rows)[:most])


def _on_scale(train: Dataset, rows: Floats) -> Floats:
    """Rows of a table on a scale of their own by column; pixels on one scale."""
    return scaled(rows, train.x, by_column=train.x.ndim == 2)


def _pairs(train: Dataset, x: Floats, rows: Ints, twins: Ints, closeness: Floats) -> Pairs:
    never_zero = np.maximum(closeness, 1e-9)  # 0 is for equal rows; these differ by less than float32 sees
    return Pairs(rows, twins, never_zero, telling(train, x[rows]))


def _search(book: Notebook, role: str, parts: Iterator[Near], total: int) -> Near:
    """Run a search as far as the time goes."""
    note, found = f"near twins of {role} rows", [Near(*_nothing(), 0)]
    for part in parts:
        found.append(part)
        book.inputs.progress(part.done, total, note)
        if part.done < total and book.seconds_left() <= 0:
            book.skip(note, f"the time was spent after {part.done} of {total} rows")
            break
    return Near(
        np.concatenate([part.query for part in found]), np.concatenate([part.found for part in found]),
        np.concatenate([part.closeness for part in found]), found[-1].done,
    )  # fmt: skip


def _nothing() -> tuple[Ints, Ints, Floats]:
    return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)
