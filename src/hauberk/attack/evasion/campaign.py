"""One campaign against one norm: which attack runs when, on what still stands, within the budget.

The declared radius comes first and gets everything. Then the curve, with less: below it, what broke at the next
larger radius is attacked again from scratch; above it, what still stands. A row broken at a radius is broken at
every larger one, so no other run is needed. At last every row's nearest adversarial example is pulled closer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.notebook import Notebook

from ..referee import Referee
from ..setting import Setting
from ..threat import Threat
from .hopskipjump import hopskipjump
from .oracle import Attempt
from .square import square

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hauberk.core.ports import Floats, Ints

    from ..threat import Radius
    from .ascent import Ascent

OTHER_TARGETS = 2
"""Targets of APGD-T away from the declared radius: the likeliest find most."""
OTHER_STEPS = 2
"""Away from the declared radius APGD takes this part of its steps: one half."""
PULL_STEPS = 3
"""While nearest examples are pulled closer, one third: a row that stands by mistake is tried again, farther out."""
PULL_QUERIES = 60
"""Enough to bisect to the boundary and little more."""
PULL_ROUNDS = 4
"""Halvings between the largest radius where a row stood and the nearest distance where it broke: from neighbours
on a curve that doubles, to within some 5%."""
LANES = 8
"""Candidates that Square shows at once of a row of a table: there a call costs more than the rows in it."""
OTHER_SHARE = 2
"""Away from the declared radius an attack gets this part of the queries: one half."""


@dataclass(frozen=True)
class Effort:
    """steps, targets: of APGD. queries: of a black-box attack, for each example and radius.

    curve: whether a black-box attack goes on to the nearest examples and the other radii.
    """

    steps: int
    targets: int
    queries: int
    short_queries: int
    curve: bool = True


@dataclass
class Campaign:
    """What all attacks of one norm share. ascents: APGD-CE at the declared radius and its rows, for the signs."""

    book: Notebook
    setting: Setting
    referee: Referee
    norm: str
    effort: Effort
    module: Any = None
    ascents: dict[str, tuple[Ints, Ascent]] = field(default_factory=dict)
    gradients: int = 0
    reserve_s: float = 0.0

    @property
    def eps(self) -> float:
        """The declared radius."""
        return self.setting.eps[self.norm]

    def threat(self, radius: float, knowledge: str) -> Threat:
        """This norm at some radius."""
        return Threat(self.norm, radius, knowledge)

    def stop(self) -> bool:
        """Whether the time is up. Told on the way: asked often, so that a caller sees life."""
        return self.book.seconds_left() <= self.reserve_s

    def white(self) -> None:
        """APGD-CE, APGD-T, a short Square run to see masking, the curve, then the nearest examples."""
        effort, right = self.effort, np.flatnonzero(self.referee.right)
        self._ascend(self.eps, right, effort)
        self._square(self.eps, right, effort.short_queries)
        less = replace(effort, steps=max(1, effort.steps // OTHER_STEPS), targets=min(OTHER_TARGETS, effort.targets))
        self._sweep(lambda radius, rows: self._ascend(radius, rows, less))
        self._pull()
        self._walk(PULL_QUERIES)

    def black(self, *, label_only: bool) -> None:
        """Square at the declared radius, HopSkipJump from there, then Square along the curve in one run."""
        if not label_only:
            self._square(self.eps, np.flatnonzero(self.referee.right), self.effort.queries)
        if self.effort.curve or label_only:
            self._walk(self.effort.queries)
        if self.effort.curve and not label_only:
            left: list[tuple[float, Ints]] = []
            self._sweep(lambda radius, rows: left.append((radius, rows)))
            radii = np.concatenate([np.full(len(rows), radius) for radius, rows in left] or [np.zeros(0)])
            rows = np.concatenate([rows for _, rows in left] or [np.zeros(0, np.int64)])
            self._square(radii, rows, max(1, self.effort.queries // OTHER_SHARE))

    def _sweep(self, attack: Callable[[float, Ints], None]) -> None:
        near, referee = self.referee.closest[self.norm], self.referee
        curve = self.setting.curve(self.norm)
        at = curve.index(self.eps)
        above = self.eps
        for radius in reversed([r for r in curve[:at] if r > 0]):
            rows = referee.standing(self.norm, radius)
            attack(radius, rows[near.distance[rows] <= above * (1 + 1e-6)])
            above = radius
        for radius in curve[at + 1 :]:
            attack(radius, referee.standing(self.norm, radius))

    def _ascend(self, radius: float, rows: Ints, effort: Effort) -> None:
        """APGD-CE, then APGD-T on what it left."""
        from .apgd import apgd, apgd_targeted

        s = self.setting
        if not len(rows) or self.stop():
            return
        self._tell(f"APGD-CE, radius {radius:g}", len(rows))
        found = apgd(self.module, s.x[rows], s.y[rows], s.space, self.norm, radius, loss="ce",
                     steps=effort.steps, seed=self.book.seed, stop=self.stop)  # fmt: skip
        self._judge(rows, found, radius, "APGD-CE")
        rows = rows[self.referee.robust(self.norm, radius)[rows]]
        if not len(rows) or self.stop():
            return
        self._tell(f"APGD-T, radius {radius:g}", len(rows))
        found = apgd_targeted(self.module, s.x[rows], s.y[rows], s.space, self.norm, radius, targets=effort.targets,
                              steps=effort.steps, seed=self.book.seed, stop=self.stop)  # fmt: skip
        self._judge(rows, found, radius, "APGD-T")

    def _judge(self, rows: Ints, found: Ascent, radius: float, attack: str) -> None:
        self.gradients += int(found.gradients.sum())
        if radius == self.eps:
            self.ascents[attack] = (rows, found)
        self.referee.judge(rows, found.x_adv, self.threat(radius, "gradient"), attack)

    def _pull(self) -> None:
        """Bisect every row's radius between where it stood and where it broke."""
        near, curve = self.referee.closest[self.norm].distance, np.array(self.setting.curve(self.norm))
        rows = np.flatnonzero(np.isfinite(near) & (near > 0))
        if not len(rows):
            return
        stood = curve[np.maximum(np.searchsorted(curve, near[rows]) - 1, 0)]
        for round_ in range(PULL_ROUNDS):
            if self.stop():
                return
            self._tell(f"nearest examples, round {round_ + 1}", len(rows))
            middle = (stood + near[rows]) / 2
            stood = np.where(self._nearer(rows, middle), np.minimum(stood, near[rows]), middle)

    def _nearer(self, rows: Ints, radius: Floats) -> NDArray[np.bool_]:
        from .apgd import apgd

        s = self.setting
        found = apgd(self.module, s.x[rows], s.y[rows], s.space, self.norm, radius, loss="dlr",
                     steps=max(1, self.effort.steps // PULL_STEPS), seed=self.book.seed, stop=self.stop)  # fmt: skip
        self.gradients += int(found.gradients.sum())
        return self.referee.judge(rows, found.x_adv, self.threat(float(radius.max()), "gradient"), "APGD-DLR")

    def _square(self, radius: Radius, rows: Ints, queries: int) -> None:
        """radius: one number, or one a row; a row may come once for every radius."""
        s, radii = self.setting, np.broadcast_to(radius, (len(rows),))
        if not len(rows) or self.stop() or not queries:
            return
        self._tell("Square, radius " + ", ".join(f"{r:g}" for r in np.unique(radii)), len(rows))
        found = square(s.model, s.x[rows], s.y[rows], s.space, self.norm, radii, queries=queries,
                       lanes=LANES if s.space.features else 1, seed=self.book.seed, stop=self.stop)  # fmt: skip
        for r in np.unique(radii):
            self._close(rows[radii == r], found.part(radii == r), self.threat(float(r), "score"), "Square")
        self._exhausted(found, "Square")

    def _walk(self, queries: int) -> None:
        """HopSkipJump from each row's nearest adversarial example, or from a neighbour of another class."""
        s, referee = self.setting, self.referee
        rows = np.flatnonzero(referee.right)
        if not len(rows) or self.stop() or not queries:
            return
        self._tell("HopSkipJump", len(rows))
        found = hopskipjump(s.model, s.x[rows], s.y[rows], s.space, self.norm, starts=self._starts(rows),
                            queries=queries, seed=self.book.seed, stop=self.stop)  # fmt: skip
        reach = max(s.space.diameter[self.norm], *s.curve(self.norm)) * 2 + 1
        self._close(rows, found, self.threat(reach, "label"), "HopSkipJump")
        self._exhausted(found, "HopSkipJump")

    def _starts(self, rows: Ints) -> Floats:
        near, s = self.referee.closest[self.norm], self.setting
        starts = near.x_adv[rows].copy()
        said = self.referee.clean.argmax(axis=1)
        for i in np.flatnonzero(~np.isfinite(near.distance[rows])):
            others = np.flatnonzero(said != s.y[rows[i]])
            if len(others):
                repeated = np.broadcast_to(s.x[rows[i]], (len(others), *s.x.shape[1:]))
                gap = s.space.distance(s.space.feasible(s.x[others], repeated), repeated, self.norm)
                starts[i] = s.x[others[int(gap.argmin())]]
        return starts

    def _close(self, rows: Ints, found: Attempt, threat: Threat, attack: str) -> None:
        self.referee.queries[rows] += found.queries
        self.referee.judge(rows, found.x_adv, threat, attack)

    def _exhausted(self, found: Attempt, attack: str) -> None:
        if found.exhausted:
            self.book.skip(f"attack.evasion: the rest of {attack} ({self.norm})",
                           f"the budget of {found.exhausted} was spent")  # fmt: skip

    def _tell(self, what: str, rows: int) -> None:
        left = self.book.seconds_left()
        done = int(self.referee.queries.sum()) + self.gradients
        note = f"{self.norm}: {what}, {rows} examples"
        self.book.inputs.progress(done, 0, note if left == float("inf") else f"{note}, {left:.0f} s left")
