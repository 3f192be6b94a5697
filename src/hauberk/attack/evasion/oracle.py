"""What a black-box attack may ask, counted: every answer costs its example one query, and a budget ends it.

An attack answers with an Attempt. It claims nothing: the referee looks at the candidates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hauberk.core.errors import LimitExceeded
from hauberk.core.ports import Model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hauberk.core.ports import Floats, Ints

Stop = Callable[[], bool]
TINY = 1e-30
"""Stands for a probability of 0 in a logarithm: below what float32 softmax gives for logits 69 apart."""


def never() -> bool:
    """Do not stop."""
    return False


@dataclass(frozen=True)
class Attempt:
    """An attack's candidates. x_adv: (n, *shape); queries: (n,) model answers spent on each example.

    exhausted: why it ended early (time or the model's query budget), or empty.
    """

    x_adv: Floats
    queries: Ints
    exhausted: str = ""

    def part(self, rows: NDArray[np.bool_]) -> Attempt:
        """The attempt on these rows alone."""
        return Attempt(self.x_adv[rows], self.queries[rows], self.exhausted)


class Oracle:
    """A model that is asked about numbered examples: at most `budget` answers each."""

    def __init__(self, model: Model, n: int, budget: int, stop: Stop = never, batch: int = 4096) -> None:
        self.model, self.budget, self.batch = model, budget, batch
        self.spent: Ints = np.zeros(n, np.int64)
        self.exhausted = ""
        self._stop = stop

    def left(self, index: Ints) -> Ints:
        """(m,) answers left for each of these examples; none once time or the model's own budget is over."""
        if not self.exhausted and self._stop():
            self.exhausted = "time"
        return np.zeros(len(index), np.int64) if self.exhausted else self.budget - self.spent[index]

    def scores(self, x: Floats, index: Ints) -> Floats:
        """(m, *shape) candidates for the examples `index` (m,) -> (m, k) probabilities. NaN once exhausted."""
        parts = [self._ask(x[i : i + self.batch], index[i : i + self.batch]) for i in range(0, len(x), self.batch)]
        return np.concatenate(parts) if parts else np.zeros((0, self.model.n_classes))

    def wrong(self, x: Floats, index: Ints, y: Ints) -> NDArray[np.bool_]:
        """Whether the model's label for each candidate is not y (m,). False once exhausted."""
        answer = self.scores(x, index)
        return np.asarray(np.isfinite(answer[:, 0]) & (answer.argmax(axis=1) != y))

    def _ask(self, x: Floats, index: Ints) -> Floats:
        if not self.exhausted:
            try:
                answer = self.model.predict(x)
                np.add.at(self.spent, index, 1)
                return answer
            except LimitExceeded:
                self.exhausted = "queries"
        return np.full((len(x), self.model.n_classes), np.nan)


def margin(scores: Floats, y: Ints) -> Floats:
    """log p(y) - log of the best other probability: (n,) below 0 where broken. Equals the margin of logits."""
    logs = np.log(np.maximum(scores, TINY))
    rows = np.arange(len(y))
    own = logs[rows, y]
    logs[rows, y] = -np.inf
    return np.asarray(own - logs.max(axis=1))
