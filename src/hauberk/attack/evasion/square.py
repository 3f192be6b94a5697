"""Square Attack: random search by squares of pixels (Andriushchenko et al. 2020, arXiv:1912.00049).

Needs scores, no gradients. Pictures are searched by squares, everything else by random groups of elements.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.ports import Model

from ..threat import Space, column, size
from .oracle import Attempt, Oracle, Stop, margin, never

if TYPE_CHECKING:
    from hauberk.core.ports import Floats, Ints

    from ..threat import Radius

P_INIT = {"linf": 0.8, "l2": 1.6}
"""The first share of elements to change. The paper's is 0.8; in L2 its whole schedule is doubled: with 500 queries
that broke 2 to 3 more of a hundred examples of benchmarks/evasion.py (0.3 of them 3 fewer)."""
HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Queries, of 10000, after which that share is halved."""
MAX_CHANNELS = 4
BATCH = 2048  # rows in one call up to which more candidates are shown at once
PATIENCE = 16  # queries after which one more candidate is shown at once

Proposal = Callable[["_Front", float], "Floats"]


def square(
    model: Model,
    x: Floats,
    y: Ints,
    space: Space,
    norm: str,
    eps: Radius,
    *,
    queries: int = 1000,
    lanes: int = 1,
    seed: int = 0,
    stop: Stop = never,
) -> Attempt:
    """Square Attack (Andriushchenko et al. 2020, arXiv:1912.00049), untargeted, margin loss.

    x: (n, *shape) in the space; y: (n,) labels; eps: radius in units of the space, one number or one an example.
    Costs at most `queries` model answers an example, counted exactly; an example stops once broken.
    lanes: show up to so many candidates of an example in one call and keep the best of them, the more the longer the
    search: late candidates seldom improve, so little is lost, and a model that costs by the call answers sooner.
    (c, h, w), (h, w) and (h, w, c) are pictures. x_adv is inside ball, box and constraints.
    Differs: in L2 the windows are twice as large; equal losses are accepted as well, so that the search can walk on
    the plateaus of trees; a table is searched by random groups of columns, its candidates rounded into the
    constraints.
    """
    front = _Front(model, x, y, space, norm, eps, queries, seed, stop)
    propose = _proposal(front)
    while len(front.index):
        p = share(front.asked, queries, P_INIT[norm])
        front.consider([propose(front, p) for _ in range(front.lanes(lanes))])
    return Attempt(front.out, front.oracle.spent, front.oracle.exhausted)


def share(asked: int, queries: int, first: float) -> float:
    """The share of elements to change at this query: `first`, on the paper's schedule stretched to the budget.

    >>> share(0, 1000, 0.8), share(30, 1000, 0.8)
    (0.8, 0.1)
    """
    at = int(asked / max(queries, 1) * 10_000)
    return float(first / 2 ** sum(at > halving for halving in HALVINGS))


class _Front:
    """The examples that still hold, each with its best candidate so far."""

    def __init__(
        self, model: Model, x: Floats, y: Ints, space: Space, norm: str, eps: Radius,
        queries: int, seed: int, stop: Stop,
    ) -> None:  # fmt: skip
        self.space, self.norm = space, norm
        self.random = np.random.default_rng(seed)
        self.oracle = Oracle(model, len(x), queries, stop)
        self.out, self.asked = x.copy(), 0
        self.index: Ints = np.arange(len(x))
        self.x, self.y, self.radius = x, y, np.broadcast_to(np.asarray(eps, np.float64), (len(x),))
        self.best, self.loss = x.copy(), np.full(len(x), np.inf)
        self.low, self.high = self._box()

    @property
    def reach(self) -> Floats:
        """The radius, shaped like an example with its batch axis."""
        return column(self.radius, self.x.ndim)

    def lanes(self, most: int) -> int:
        """How many candidates a row to show at once: few while every look may teach something."""
        fitting = min(most, BATCH // len(self.index), self.oracle.budget - self.asked, 1 + self.asked // PATIENCE)
        return max(1, fitting)

    def consider(self, candidates: list[Floats]) -> None:
        """Ask about some candidates a row; keep the best if it is no worse; let go of what broke."""
        there = np.concatenate([self._inside(one) for one in candidates])
        asked = np.tile(self.index, len(candidates))
        scores = self.oracle.scores(there, asked) if (self.oracle.left(self.index) > 0).any() else None
        if scores is None or self.oracle.exhausted:
            self.index = self.index[:0]
            return
        there, scores = self._best_lane(there, scores, len(candidates))
        loss = margin(scores, self.y)
        broken = scores.argmax(axis=1) != self.y
        better = (loss <= self.loss) | broken
        self.best[better], self.loss[better] = there[better], loss[better]
        self.asked += len(candidates)
        self.out[self.index[better]] = there[better]
        if broken.any():
            self._keep(~broken)

    def _best_lane(self, there: Floats, scores: Floats, lanes: int) -> tuple[Floats, Floats]:
        """Of (lanes * m) candidates and their scores the one of least margin for each of m rows."""
        if lanes == 1:
            return there, scores
        loss = margin(scores, np.tile(self.y, lanes)).reshape(lanes, -1)
        at = loss.argmin(axis=0) * len(self.index) + np.arange(len(self.index))
        return there[at], scores[at]

    def _box(self) -> tuple[Floats, Floats]:
        """The box around every row; for L-infinity its ball as well."""
        low, high = self.space.box(self.x)
        if self.norm == "linf":
            edge = self.reach * self.space.unit
            low, high = np.maximum(self.x - edge, low), np.minimum(self.x + edge, high)
        return low.astype(self.x.dtype), high.astype(self.x.dtype)

    def _inside(self, candidates: Floats) -> Floats:
        """Proposals are made inside an L2 ball, so that without constraints clipping is enough."""
        if self.space.features:
            return self.space.into_ball(candidates, self.x, self.norm, self.radius)
        return np.asarray(np.clip(candidates, self.low, self.high, dtype=self.x.dtype, casting="same_kind"))

    def _keep(self, rows: Any) -> None:
        for name in ("index", "x", "y", "radius", "best", "loss", "low", "high"):
            setattr(self, name, getattr(self, name)[rows])


def _proposal(front: _Front) -> Proposal:
    axes = picture_axes(front.x.shape[1:])
    if axes is None or front.space.features:
        return _groups_linf if front.norm == "linf" else _groups_l2
    from .squares import squares_l2, squares_linf

    channels, height, width = axes
    paint = squares_linf if front.norm == "linf" else squares_l2

    def propose(front: _Front, p: float) -> Floats:
        shape = front.x.shape
        views = [_picture(a, channels, height, width) for a in (front.x, front.best)]
        drawn = paint(views[0], views[1], column(front.radius, 4), p, front.random, start=front.asked == 0)
        return _back(drawn, channels, shape)

    return propose


def picture_axes(shape: tuple[int, ...]) -> tuple[int | None, int, int] | None:
    """Axes (channel or None, height, width) of a picture's shape, or None where it is not a picture.

    >>> picture_axes((3, 32, 32)), picture_axes((32, 32, 3)), picture_axes((28, 28)), picture_axes((30,))
    ((0, 1, 2), (2, 0, 1), (None, 0, 1), None)
    """
    if len(shape) == 2 and min(shape) > 1:
        return (None, 0, 1)
    if len(shape) == 3:
        return (0, 1, 2) if shape[0] <= MAX_CHANNELS or shape[2] > MAX_CHANNELS else (2, 0, 1)
    return None


def _picture(x: Floats, channels: int | None, height: int, width: int) -> Floats:
    """(n, c, h, w) view."""
    if channels is None:
        return x[:, None]
    return x.transpose(0, channels + 1, height + 1, width + 1)


def _back(drawn: Floats, channels: int | None, shape: tuple[int, ...]) -> Floats:
    if channels is None:
        return drawn.reshape(shape)
    return drawn.transpose(0, 2, 3, 1) if channels == 2 else drawn


def _groups_linf(front: _Front, p: float) -> Floats:
    """Random groups of elements jump to the ball's edge; in a table a fifth of them only part of the way."""
    move = front.reach * front.space.scale * _signs(front)
    if front.space.features:
        move = move * np.where(front.random.random(move.shape) < 0.8, 1.0, front.random.random(move.shape))
    if front.asked == 0:
        return front.x + move
    return np.where(_group(front, p), front.x + move, front.best)


def _groups_l2(front: _Front, p: float) -> Floats:
    """Random groups of elements get a fresh random direction; the rest of the step shrinks to make room."""
    scale = front.space.scale
    fresh = front.random.standard_normal(front.x.shape)
    if front.asked == 0:
        return front.x + _stretched(fresh, front) * scale
    step = (front.best - front.x) / scale
    group = _group(front, p)
    budget = column(size(np.where(group, step, 0), "l2"), step.ndim) + 0.3 * front.reach
    moved = np.where(group, fresh, 0.0)
    moved *= budget / np.maximum(column(size(moved, "l2"), step.ndim), 1e-300)
    mixed = np.where(group, 0.5 * step + moved, step)
    return front.x + _stretched(mixed, front) * scale


def _stretched(step: Floats, front: _Front) -> Floats:
    return np.asarray(step * front.reach / np.maximum(column(size(step, "l2"), step.ndim), 1e-300))


def _group(front: _Front, p: float) -> Any:
    """(n, *shape) which elements to change: a share p of them, at least one."""
    draw = front.random.random(front.x.shape).reshape(len(front.x), front.x[0].size)
    free = np.broadcast_to(front.space.unit > 0, front.x.shape).reshape(draw.shape)
    draw = np.where(free, draw, 2.0)
    least = draw == draw.min(axis=1, keepdims=True)
    return ((draw < p) | least).reshape(front.x.shape)


def _signs(front: _Front) -> Floats:
    return np.where(front.random.random(front.x.shape) < 0.5, -1.0, 1.0)
