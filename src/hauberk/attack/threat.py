"""What an attacker may change, and how far: a Threat (norm, radius, knowledge) inside a Space (box, constraints).

>>> import numpy as np
>>> space = Space(np.zeros(2), np.ones(2), np.ones(2))
>>> space.into_ball(np.array([[0.9, 0.2]]), np.array([[0.5, 0.1]]), "linf", 0.25).tolist()
[[0.75, 0.2]]
>>> Threat("linf", 0.25).knowledge
'gradient'
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.codec import Frozen
from hauberk.core.errors import InputError
from hauberk.core.features import Features
from hauberk.core.ports import Dataset, Model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hauberk.core.ports import Floats

    Radius = float | Floats

NORMS = ("linf", "l2")
KNOWLEDGE = ("gradient", "score", "label")


@dataclass(frozen=True)
class Threat(Frozen):
    """An attacker's reach. eps: radius in the units of the space (raw input units, or widths of table columns).

    knowledge: what the model tells (`gradient`, `score` or `label`). target: the wanted class, None for any other.
    """

    norm: str
    eps: float
    knowledge: str = "gradient"
    target: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.norm not in NORMS or self.knowledge not in KNOWLEDGE:
            raise InputError(f"threat: norm {self.norm!r} or knowledge {self.knowledge!r} is unknown")
        if not 0 <= self.eps < float("inf"):
            raise InputError(f"threat: radius {self.eps} is not a finite number >= 0")


@dataclass(frozen=True)
class Space:
    """Where examples live: a closed box, the unit of distance in every direction, and a table's constraints.

    low, high, unit: arrays of one example's shape. unit 0: this element cannot change.
    """

    low: Floats
    high: Floats
    unit: Floats
    features: Features = ()
    _discrete: NDArray[np.bool_] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        kinds = [f.kind for f in self.features]
        object.__setattr__(self, "_discrete", np.array([k != "numeric" for k in kinds], bool))

    @property
    def scale(self) -> Floats:
        """`unit` with 1 where it is 0: safe to divide by."""
        return np.where(self.unit > 0, self.unit, 1.0)

    @property
    def diameter(self) -> dict[str, float]:
        """The largest distance between two points of the box, by norm."""
        sides = np.where(self.unit > 0, (self.high - self.low) / self.scale, 0.0)
        return {"linf": float(sides.max(initial=0.0)), "l2": float(np.sqrt(np.square(sides).sum()))}

    def box(self, x: Floats) -> tuple[Floats, Floats]:
        """The smallest and largest examples around x (n, *shape): x itself where nothing can change or it lies out."""
        free = self.unit > 0
        return np.where(free, np.minimum(self.low, x), x), np.where(free, np.maximum(self.high, x), x)

    def distance(self, x_adv: Floats, x: Floats, norm: str) -> Floats:
        """(n, *shape) twice -> (n,) distances in units; infinite where an element without a unit changed."""
        if not len(x):
            return np.zeros(0)
        if self.features:
            from hauberk.model.constraints import distance

            return distance(x_adv, x, "linf" if norm == "linf" else "l2", self.features)
        step = x_adv.astype(np.float64) - x
        stuck = np.any((step != 0) & (self.unit <= 0), axis=_inner(step))
        return np.where(stuck, np.inf, size(step / self.scale, norm))

    def into_ball(self, x_adv: Floats, x: Floats, norm: str, radius: Radius) -> Floats:
        """`x_adv` moved into the ball around `x` (radius: one number, or one a row), the box and the constraints.

        The answer has the dtype of x and is x itself in every element that did not move.
        """
        step = np.where(self.unit > 0, (x_adv.astype(np.float64) - x) / self.scale, 0.0)
        reach = column(radius, step.ndim)
        if norm == "linf":
            step = np.clip(step, -reach, reach)
        else:
            step = step * np.minimum(1.0, reach / np.maximum(column(size(step, norm), step.ndim), 1e-300))
        inside = np.clip(x + step * self.scale, *self.box(x))
        return self._feasible(inside, x, norm, radius).astype(x.dtype, copy=False)

    def feasible(self, x_adv: Floats, x: Floats) -> Floats:
        """`x_adv` moved into the box and the constraints, however far from `x`."""
        return self.into_ball(x_adv, x, "linf", float("inf"))

    def _feasible(self, inside: Floats, x: Floats, norm: str, radius: Radius) -> Floats:
        if not self.features or not len(x):
            return inside
        from hauberk.model.constraints import project

        there = project(inside, x, self.features)
        far = self.distance(there, x, norm) > np.broadcast_to(radius, (len(x),)) * (1 + 1e-9)
        if far.any():  # rounding went over the edge: round towards x, leave categories alone
            there[far] = self._retreat(inside[far], x[far])
        return there

    def _retreat(self, inside: Floats, x: Floats) -> Floats:
        from hauberk.model.constraints import project

        whole = np.array([f.kind == "integer" for f in self.features])
        back = np.where(self._discrete, x, inside)
        back = np.where(whole, x + np.trunc(inside - x), back)
        return project(back, x, self.features)


def space_of(model: Model, data: Dataset) -> Space:
    """The space of a model's inputs: its features where there are some, else its bounds, else those of the data.

    Distances on a table are in widths of its columns, elsewhere in raw units.
    """
    shape: Any = model.shape
    if data.features:
        low, high = (np.array([getattr(f, end) for f in data.features], np.float64) for end in ("low", "high"))
        free = np.array([not f.immutable for f in data.features])
        return Space(low, high, np.where(free, high - low, 0.0), data.features)
    if model.bounds is not None:
        return Space(np.full(shape, model.bounds[0]), np.full(shape, model.bounds[1]), np.ones(shape))
    low, high = np.min(data.x, axis=0), np.max(data.x, axis=0)
    return Space(low.astype(np.float64), high.astype(np.float64), np.ones(shape))


def size(step: Floats, norm: str) -> Floats:
    """(n, *shape) -> (n,): the norm of every step, in float64."""
    flat = np.abs(rows(step).astype(np.float64, copy=False))
    if norm == "linf":
        return np.asarray(flat.max(axis=1, initial=0.0))
    return np.asarray(np.sqrt(np.square(flat).sum(axis=1)))


def rows(array: Any) -> Any:
    """(n, *shape) -> (n, elements), also where n is 0."""
    return array.reshape(len(array), math.prod(array.shape[1:]))


def column(value: Radius, ndim: int) -> Floats:
    """One number, or one a row, shaped to broadcast against (n, *shape)."""
    array = np.asarray(value, np.float64)
    return array.reshape(-1, *[1] * (ndim - 1)) if array.ndim else array


def _inner(array: Floats) -> tuple[int, ...]:
    return tuple(range(1, array.ndim))
