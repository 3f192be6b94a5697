"""Rows that are the same, and rows that are closer than nature puts them.

How close is too close is read from the data: around a row that is nobody's copy, the nearest of k neighbours
lies at a fraction r of the k-th with probability 1 - (1 - r^m)^(k-1), where m is the intrinsic dimension
(a ball filled evenly). The threshold on r is set so that a whole search expects a twentieth of a false pair.

>>> import numpy as np
>>> x = np.array([[0.0, 1.0], [2.0, 3.0], [-0.0, 1.0]])
>>> groups(x).tolist()
[0, 1, 0]
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hauberk.core.ports import Floats, Ints

K = 8
"""Neighbours that make up a neighbourhood. More than K near copies of one row hide one another."""

FALSE_PAIRS = 0.05
"""False near pairs that a search may expect in all."""

WIDEST = 0.5
"""In high dimensions natural neighbours lie near ratio 1; half the distance of the k-th is a copy's, whatever m."""

SKETCH = 64
"""Columns of the random projection that proposes pairs: distances keep to within 1 / sqrt(2 * 64) = 9 %."""

SLACK = 1.5
"""How much further than the threshold a proposed pair may look in the projection: five times its error."""

BLOCK_BYTES = 64 << 20
"""Memory of one block of distances."""


@dataclass(frozen=True)
class Near:
    """query, found: (p,) rows of the two sides. closeness: (p,) distance over that of the K-th neighbour.

    done: queries that were asked so far.
    """

    query: Ints
    found: Ints
    closeness: Floats
    done: int


@dataclass(frozen=True)
class Ruler:
    """What is near: a ratio to the K-th neighbour, and the natural distance of those (90 % quantile).

    dimension: the intrinsic dimension that the ratio follows from.
    """

    ratio: float
    reach: float
    dimension: float


def groups(*parts: Floats) -> Ints:
    """A number for each row of all parts, in order: the first row (counted over all parts) that equals it.

    Equal means equal as numbers in the parts' common type; -0.0 equals 0.0. Costs one hash a row.
    """
    kind, found = np.result_type(*parts), list[int]()
    first: dict[bytes, int] = {}
    for row in (row for part in parts for row in flat(part)):
        key = hashlib.blake2b((row.astype(kind) + kind.type(0)).tobytes(), digest_size=16).digest()
        found.append(first.setdefault(key, len(found)))
    return np.array(found, dtype=np.int64)


def flat(x: Floats) -> Floats:
    """(n, *shape) -> (n, columns), no copy where it can be helped."""
    return x.reshape(len(x), math.prod(x.shape[1:]))


def bits(x: Floats, rows: Floats) -> Floats:
    """How surprising each of `rows` is, in bits: -log2 of its values' shares in the columns of x, summed.

    x: (n, columns), rows: (m, columns) -> (m,). A value that x does not hold counts as rare as one in n + 1.
    The sum takes columns for independent and is too large where they are not.
    """
    total = np.zeros(len(rows))
    for column in range(x.shape[1]):
        values, counts = np.unique(x[:, column], return_counts=True)
        at = np.searchsorted(values, rows[:, column]).clip(max=len(values) - 1)
        share = np.where(values[at] == rows[:, column], counts[at], 1) / (len(x) + 1)
        total -= np.log2(share)
    return total


def scaled(x: Floats, like: Floats, *, by_column: bool) -> Floats:
    """(n, columns) float32, centred as `like`; each column over its deviation there if `by_column`.

    Constant columns become 0. Deviations, not the widths of the schema: one outlier would flatten a column.
    """
    whole = flat(like)
    centre = whole.mean(axis=0, dtype=np.float64)
    spread = whole.std(axis=0, dtype=np.float64) if by_column else np.float64(max(whole.std(), 1e-12))
    safe = np.where(spread > 1e-12 * np.maximum(1, np.abs(centre)), spread, np.inf)
    result: Floats = ((flat(x) - centre) / safe).astype(np.float32)
    return result


def sketch(x: Floats, seed: int) -> Floats:
    """A random projection to SKETCH columns that keeps distances on average; x itself if it has no more."""
    if x.shape[1] <= SKETCH:
        return x
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((x.shape[1], SKETCH), dtype=np.float32) / np.float32(np.sqrt(SKETCH))
    projected: Floats = x @ matrix
    return projected


def ruler(x: Floats, queries: int, seed: int, sample: int = 1000) -> Ruler | None:
    """Read from up to `sample` rows of x what is too close in a search of `queries` rows; None for few rows.

    x: (n, columns) with no equal rows. The dimension is that of the 4th to the 8th neighbour (Renyi: the mean
    of log d8/d4 is (1/4 + … + 1/7) / m), which a few copies do not move.
    """
    if len(x) < 3 * K:
        return None
    chosen = np.random.default_rng(seed).permutation(len(x))[:sample]
    kth = [np.partition(block, (K // 2, K), axis=1)[:, [K // 2, K]] for _, block in blocks(x[chosen], x)]
    fourth, last = np.sqrt(np.concatenate(kth)).T  # counted from the row itself, which is number 0
    inside = (fourth > 0) & (last > 0)
    if not inside.any():
        return None
    spread = float(np.log(last[inside] / fourth[inside]).mean())
    expected = sum(1 / i for i in range(K // 2, K))
    dimension = expected / max(spread, 1e-3)
    ratio = min(WIDEST, (FALSE_PAIRS / ((K - 1) * max(1, queries))) ** (1 / dimension))
    return Ruler(ratio, float(np.quantile(last[inside], 0.9)), dimension)


def near(
    queries: Floats, x: Floats, measure: Ruler, seed: int, own: Ints | None = None
) -> Iterator[Near]:
    """Pairs closer than the ruler allows, block by block of queries (an empty one is still yielded).

    queries: (q, columns), x: (n, columns), on one scale. own: (q,) the row of x that a query is itself.
    Proposed by a projection to SKETCH columns, measured on all columns. Costs q * n * min(columns, 64) * 2
    operations and BLOCK_BYTES of memory.
    """
    small_q, small_x = sketch(queries, seed), sketch(x, seed)
    for at, block in blocks(small_q, small_x):
        rows = np.arange(at, at + len(block))
        if own is not None:
            block[np.arange(len(block)), own[rows]] = np.inf
        best = block.argmin(axis=1)
        nearest = np.sqrt(block[np.arange(len(block)), best])
        likely = nearest < SLACK * measure.ratio * measure.reach
        kth = np.sqrt(np.partition(block[likely], K - 1, axis=1)[:, K - 1])
        found, query = best[likely], rows[likely]
        closeness = np.linalg.norm(queries[query] - x[found], axis=1) / np.maximum(kth, 1e-30)
        keep = closeness < measure.ratio
        yield Near(query[keep], found[keep], closeness[keep], at + len(block))


def blocks(queries: Floats, x: Floats) -> Iterator[tuple[int, NDArray[Any]]]:
    """(first row, (rows, n) squared distances) for one block of queries after the other."""
    square = np.einsum("ij,ij->i", x, x)
    step = max(1, BLOCK_BYTES // (4 * max(1, len(x))))
    for at in range(0, len(queries), step):
        part = queries[at : at + step]
        distances = part @ x.T
        distances *= -2
        distances += square
        distances += np.einsum("ij,ij->i", part, part)[:, None]
        yield at, np.maximum(distances, 0, out=distances)
