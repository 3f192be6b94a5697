"""The referee: the only one who says that an example is adversarial.

It asks the model itself, measures every distance, and has a table's constraints checked by the independent
validator. An attack's own claim counts for nothing; an invalid example counts as not broken, and is reported.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hauberk.core.errors import InputError
from hauberk.core.ports import Model

from .threat import NORMS, Space, Threat
from .threat import rows as flat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hauberk.core.ports import Floats, Ints

    from .threat import Radius

SLACK = 1e-6
"""Relative slack of a ball; float rounding of the input's own dtype comes on top."""


@dataclass
class Closest:
    """The nearest valid adversarial example of every row under one norm.

    distance: (n,) infinite where there is none. x_adv: (n, *shape). by: (n,) names of attacks.
    """

    distance: Floats
    x_adv: Floats
    by: list[str]


class Referee:
    """Judges candidates for the examples x (n, *shape), y (n,) of one model inside one space.

    right: (n,) whether the model is right on the clean example (one query each). closest: by norm.
    invalid: how many candidates were refused, by reason. queries: (n,) all that attacks spent on a row.
    verdict queries: one for every valid candidate that differs from its original.
    """

    def __init__(self, model: Model, space: Space, x: Floats, y: Ints) -> None:
        self.model, self.space, self.x, self.y = model, space, x, y
        self.clean = model.predict(x)
        self.right: NDArray[np.bool_] = self.clean.argmax(axis=1) == y
        self.closest = {n: Closest(np.full(len(x), np.inf), x.copy(), [""] * len(x)) for n in NORMS}
        self.broken_by: dict[tuple[str, Threat], NDArray[np.bool_]] = {}
        self.queries: Ints = np.zeros(len(x), np.int64)
        self.invalid: Counter[str] = Counter()

    def judge(self, rows: Ints, x_adv: Floats, threat: Threat, attack: str) -> NDArray[np.bool_]:
        """Which candidates x_adv (m, *shape) for the examples `rows` (m,) break the model within the threat.

        threat.eps is the outermost radius that the attack was allowed.
        """
        valid = self.valid(rows, x_adv, threat.norm, threat.eps)
        broken = valid & self._wrong(rows, x_adv, valid)
        self._record(rows[broken], x_adv[broken], attack)
        seen = self.broken_by.setdefault((attack, threat), np.zeros(len(self.x), bool))
        seen[rows[broken]] = True
        return broken

    def valid(self, rows: Ints, x_adv: Floats, norm: str, radius: Radius) -> NDArray[np.bool_]:
        """Which candidates could be: finite, in the box or the constraints, in the ball. Others are counted."""
        if x_adv.shape != (len(rows), *self.x.shape[1:]):
            raise InputError(f"candidates have shape {x_adv.shape}, expected {(len(rows), *self.x.shape[1:])}")
        x = self.x[rows]
        finite = np.isfinite(flat(x_adv)).all(axis=1)
        safe = np.where(finite.reshape(-1, *[1] * (x.ndim - 1)), x_adv, x)
        legal = self._legal(safe, x)
        near = self.space.distance(safe, x, norm) <= allowed(x, norm, radius)
        self.invalid.update({"not finite": int((~finite).sum()), "outside the box or constraints": int((~legal).sum()),
                             "outside the ball": int((~near).sum())})  # fmt: skip
        return np.asarray(finite & legal & near)

    def robust(self, norm: str, radius: float) -> NDArray[np.bool_]:
        """(n,) right on the clean example, and no valid adversarial example within the radius is known."""
        return np.asarray(self.right & ~(self.closest[norm].distance <= allowed(self.x, norm, radius)))

    def standing(self, norm: str, radius: float) -> Ints:
        """The rows that are still robust there: what is left to attack."""
        return np.flatnonzero(self.robust(norm, radius))

    def by_attack(self, attack: str, threat: Threat) -> NDArray[np.bool_]:
        """(n,) rows that this attack broke within this threat."""
        return self.broken_by.get((attack, threat), np.zeros(len(self.x), bool))

    def _legal(self, x_adv: Floats, x: Floats) -> NDArray[np.bool_]:
        if self.space.features:
            from hauberk.model.constraints import violations

            return np.asarray(~violations(x_adv, x, self.space.features).any(axis=1))
        inside = (x_adv >= np.minimum(self.space.low, x)) & (x_adv <= np.maximum(self.space.high, x))
        return np.asarray(flat(inside).all(axis=1))

    def _wrong(self, rows: Ints, x_adv: Floats, valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Ask the model about the valid candidates that differ from their originals."""
        wrong = np.zeros(len(rows), bool)
        moved = valid & flat(x_adv != self.x[rows]).any(axis=1)
        if moved.any():
            answer = self.model.predict(x_adv[moved])
            wrong[moved] = np.isfinite(answer).all(axis=1) & (answer.argmax(axis=1) != self.y[rows[moved]])
        return wrong & self.right[rows]

    def _record(self, rows: Ints, x_adv: Floats, attack: str) -> None:
        for norm, closest in self.closest.items():
            distance = self.space.distance(x_adv, self.x[rows], norm)
            nearer = distance < closest.distance[rows]
            closest.distance[rows[nearer]] = distance[nearer]
            closest.x_adv[rows[nearer]] = x_adv[nearer]
            for row in rows[nearer]:
                closest.by[row] = attack


def allowed(x: Floats, norm: str, radius: Radius) -> Floats:
    """The radius with its slack: 1e-6 of itself, and the rounding of x's dtype at the size of its values."""
    ulp = float(np.spacing(np.abs(x).max(initial=0).astype(x.dtype))) if x.size else 0.0
    elements = 1.0 if norm == "linf" else float(np.sqrt(x[0].size)) if len(x) else 1.0
    return np.asarray(radius, np.float64) * (1 + SLACK) + ulp * elements
