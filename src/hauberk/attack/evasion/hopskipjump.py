"""HopSkipJump: along the decision boundary by labels alone (Chen et al. 2019, arXiv:1904.02144).

Hops to the boundary by bisection, skips in the direction that a vote of noisy labels gives, jumps back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.ports import Model

from ..threat import Space, column, size
from .oracle import Attempt, Oracle, Stop, never

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hauberk.core.ports import Floats, Ints

VOTES = 100  # the paper's B0: votes of the first estimate, growing with the square root of the round
FIRST_DELTA = 0.1  # the paper's first radius of the noise, in ranges of an element
COARSEST = 1e-2
"""Bisection ends at least at this share of the way: the paper's d**-1.5 is coarse for a short row."""
RANDOM_STARTS = 20
HALVINGS = 12
RESERVE = 40
"""Queries that a round needs beside its votes: a jump and the bisection after it."""
CHUNK_ELEMENTS = 1 << 22


def hopskipjump(
    model: Model,
    x: Floats,
    y: Ints,
    space: Space,
    norm: str,
    *,
    starts: Floats | None = None,
    queries: int = 1000,
    seed: int = 0,
    stop: Stop = never,
) -> Attempt:
    """HopSkipJump (Chen et al. 2019, arXiv:1904.02144), untargeted; reads labels only.

    x: (n, *shape) in the space; y: (n,) labels. starts: (n, *shape) where to begin, such as examples of another
    class; where that does not fool the model, up to 20 uniform points are tried. Costs at most `queries` model
    answers an example, counted exactly. x_adv is the nearest adversarial point found, in box and constraints,
    or x itself where none was: such a row costs the others nothing.
    Differs: all examples walk in step, in units of the space; what the model is shown of a table is rounded into
    its constraints, and at the end columns are put back one by one while the label stays wrong.
    """
    walk = _Walk(model, x, y, space, norm, queries, seed, stop)
    walk.begin(x if starts is None else starts)
    round_ = 1
    while walk.hop(round_):
        round_ += 1
    if space.features:
        walk.put_back()
    return Attempt(walk.best, walk.oracle.spent, walk.oracle.exhausted)


class _Walk:
    """Every row's nearest adversarial point so far. `alive`: rows that have one."""

    def __init__(
        self, model: Model, x: Floats, y: Ints, space: Space, norm: str, queries: int, seed: int, stop: Stop
    ) -> None:
        self.space, self.norm, self.x, self.y = space, norm, x, y
        self.random = np.random.default_rng(seed)
        spare = _mutable(space) if space.features else 0  # for put_back
        self.votes_until = queries - min(spare, queries // 4)
        self.oracle = Oracle(model, len(x), queries, stop)
        self.best, self.at = x.copy(), x.copy()
        self.distance: Floats = np.full(len(x), np.inf)
        self.alive: Ints = np.arange(0)
        self.low, self.high = space.box(x)
        elements = max(1, int((space.unit > 0).sum()))
        self.theta = min(elements ** (-1.5 if norm == "l2" else -2.0), COARSEST)
        self.delta_share = self.theta * (np.sqrt(elements) if norm == "l2" else elements)

    def begin(self, starts: Floats) -> None:
        """Find a wrong point for every row, then bisect towards the example."""
        tried, rows = self._legal(starts, np.arange(len(self.x))), np.arange(len(self.x))
        points, found = self.x.copy(), np.zeros(len(self.x), bool)
        for _ in range(1 + RANDOM_STARTS):
            rows = rows[self.oracle.left(rows) > 0]
            wrong = self.oracle.wrong(tried, rows, self.y[rows]) if len(rows) else np.zeros(0, bool)
            points[rows[wrong]], found[rows[wrong]] = tried[wrong], True
            rows = rows[~wrong]
            if not len(rows):
                break
            rows = rows[self.oracle.left(rows) > 0]
            tried = self._legal(self.random.uniform(self.low[rows], self.high[rows]), rows)
        self.alive = np.flatnonzero(found)
        self._settle(self.alive, points[self.alive])

    def hop(self, round_: int) -> bool:
        """One round for every row that can pay for it; False when none can."""
        left = self.votes_until - self.oracle.spent
        rows = self.alive[(left[self.alive] >= RESERVE + 8) & (self.distance[self.alive] > 0)]
        if not len(rows) or not self.oracle.left(rows).any():
            return False
        votes = int(min(VOTES * np.sqrt(round_), left[rows].min() - RESERVE))
        here = self._gap(rows, self.at[rows])
        delta = np.full(len(rows), FIRST_DELTA) if round_ == 1 else self.delta_share * here
        if round_ == 1:
            delta = delta * self._range()
        way = self._direction(rows, delta, votes)
        points, moved = self._skip(rows, way, here / np.sqrt(round_))
        self._settle(rows[moved], points[moved])
        return not self.oracle.exhausted

    def put_back(self) -> None:
        """Restore each column (or one-hot group) of a table, cheapest first, while the label stays wrong."""
        for columns in _units_of_change(self.space):
            rows = self.alive[self.oracle.left(self.alive) > 0]
            rows = rows[(self.best[rows][:, columns] != self.x[rows][:, columns]).any(axis=1)]
            if not len(rows):
                continue
            tried = self.best[rows].copy()
            tried[:, columns] = self.x[rows][:, columns]
            wrong = self.oracle.wrong(tried, rows, self.y[rows])
            self.best[rows[wrong]] = tried[wrong]  # never farther, and simpler where it is as far
            self.distance[rows[wrong]] = self._gap(rows[wrong], tried[wrong])

    def _direction(self, rows: Ints, delta: Floats, votes: int) -> Floats:
        """(m, *shape) in units: where a majority of `votes` noisy labels is wrong, of norm 1."""
        chunk = max(1, CHUNK_ELEMENTS // max(1, votes * self.x[0].size))
        parts = [
            self._vote(rows[i : i + chunk], delta[i : i + chunk], votes) for i in range(0, len(rows), chunk)
        ]
        way = np.concatenate(parts)
        way = np.sign(way) if self.norm == "linf" else way
        return np.asarray(way / np.maximum(column(size(way, self.norm), way.ndim), 1e-300))

    def _vote(self, rows: Ints, delta: Floats, votes: int) -> Floats:
        at = np.repeat(self.at[rows], votes, axis=0)
        index, reach = np.repeat(rows, votes), column(np.repeat(delta, votes), at.ndim)
        noise = self._noise(at.shape)
        shown = self._legal(at + reach * noise * self.space.scale, index)
        if not self.space.features:  # what the box cut off did not vote
            noise = (shown - at) / (reach * self.space.scale)
        vote = np.where(self.oracle.wrong(shown, index, self.y[index]), 1.0, -1.0).reshape(len(rows), votes)
        mean = vote.mean(axis=1, keepdims=True)
        weight = np.where(np.abs(mean) < 1, vote - mean, vote)
        noise = noise.reshape(len(rows), votes, -1)
        return np.asarray(np.einsum("mv,mvd->md", weight, noise).reshape(len(rows), *self.x.shape[1:]))

    def _noise(self, shape: tuple[int, ...]) -> Floats:
        draw = self.random.standard_normal(shape) if self.norm == "l2" else self.random.uniform(-1, 1, shape)
        draw = np.where(self.space.unit > 0, draw, 0.0)
        return np.asarray(draw / np.maximum(column(size(draw, "l2"), draw.ndim), 1e-300))

    def _skip(self, rows: Ints, way: Floats, step: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """The longest step, halving from `step`, that stays wrong: points (m, *shape) and which rows have one."""
        points, moved = self.at[rows].copy(), np.zeros(len(rows), bool)
        trying, step = np.arange(len(rows)), step.copy()
        for _ in range(HALVINGS):
            trying = trying[self.oracle.left(rows[trying]) > 0]
            if not len(trying):
                break
            far = points[trying] + column(step[trying], way.ndim) * way[trying] * self.space.scale
            tried = self._legal(far, rows[trying])
            wrong = self.oracle.wrong(tried, rows[trying], self.y[rows[trying]])
            points[trying[wrong]], moved[trying[wrong]] = tried[wrong], True
            step[trying] /= 2
            trying = trying[~wrong]
        return points, moved

    def _settle(self, rows: Ints, wrong: Floats) -> None:
        """Bisect from wrong points towards their examples; keep what is nearest."""
        at, reach = wrong.copy(), self._gap(rows, wrong)
        low, high = np.zeros(len(rows)), np.ones(len(rows))
        for _ in range(int(np.ceil(np.log2(1 / self.theta)))):
            todo = np.flatnonzero(self.oracle.left(rows) > 0)
            if not len(todo):
                break
            middle = (low[todo] + high[todo]) / 2
            tried = self._between(rows[todo], wrong[todo], middle, reach[todo])
            fooled = self.oracle.wrong(tried, rows[todo], self.y[rows[todo]])
            at[todo[fooled]] = tried[fooled]
            high[todo] = np.where(fooled, middle, high[todo])
            low[todo] = np.where(fooled, low[todo], middle)
        self.at[rows] = at
        self._keep(rows, at)

    def _between(self, rows: Ints, wrong: Floats, share: Floats, reach: Floats) -> Floats:
        x, ndim = self.x[rows], self.x.ndim
        if self.norm == "l2":
            return self._legal(x + column(share, ndim) * (wrong - x), rows)
        edge = column(share * reach, ndim) * self.space.scale
        return self._legal(np.clip(wrong, x - edge, x + edge), rows)

    def _keep(self, rows: Ints, points: Floats) -> None:
        gap = self._gap(rows, points)
        nearer = gap < self.distance[rows]
        self.best[rows[nearer]], self.distance[rows[nearer]] = points[nearer], gap[nearer]

    def _legal(self, points: Floats, rows: Ints) -> Floats:
        if self.space.features:
            return self.space.feasible(points, self.x[rows])
        return np.clip(points, self.low[rows], self.high[rows]).astype(self.x.dtype)

    def _gap(self, rows: Ints, points: Floats) -> Floats:
        return self.space.distance(points, self.x[rows], self.norm)

    def _range(self) -> float:
        """The widest side of the box, in units."""
        return max(self.space.diameter["linf"], 1e-12)


def _mutable(space: Space) -> int:
    return len(_units_of_change(space))


def _units_of_change(space: Space) -> list[Any]:
    """Columns that can only be put back together: each on its own, one-hot groups whole."""
    groups: dict[str, list[int]] = {}
    for j, feature in enumerate(space.features):
        key = f"group {feature.group}" if feature.kind == "onehot" else f"column {j}"
        if not feature.immutable:
            groups.setdefault(key, []).append(j)
    return list(groups.values())


