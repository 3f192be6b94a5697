"""Reference models: the audited model's family, trained again on known halves of a pool.

Halves come in complementary pairs, so that every record is seen by exactly half of the references: the
members and the non-members of the audited model look alike to them.

>>> import numpy as np
>>> halves = complementary_halves(np.array([0, 0, 1, 1, 1, 1]), pairs=2, seed=0)
>>> halves.sum(axis=0).tolist()
[2, 2, 2, 2, 2, 2]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hauberk.core.ports import Floats, Ints, Model

BATCH = 2048
"""Examples between two words of progress."""


@dataclass(frozen=True)
class Answers:
    """true: (n,) the probability given to the true label; right: (n,) bool, whether that label came first."""

    true: Floats
    right: NDArray[Any]


def complementary_halves(y: Ints, pairs: int, seed: int) -> NDArray[Any]:
    """(2 * pairs, n) bool: which records each reference trains on; rows 2i and 2i+1 are complements.

    y: (n,) labels. Every class is halved on its own, to within one record.
    """
    halves = [half(y, seed + pair) for pair in range(pairs)]
    return np.array([side for first in halves for side in (first, ~first)])


def half(y: Ints, seed: int) -> NDArray[Any]:
    """(n,) bool: a random half of every class; the odd record of a class falls to either side."""
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        chosen[rows[: (len(rows) + int(rng.integers(2))) // 2]] = True
    return chosen


def ask(model: Model, x: Floats, y: Ints, told: Callable[[int], None] | None = None) -> Answers:
    """What `model` says about n examples and their true labels. Costs n queries.

    told: is called with the number of examples asked so far.
    """
    true, right = np.zeros(len(x)), np.zeros(len(x), dtype=bool)
    for at in range(0, len(x), BATCH):
        part = slice(at, at + BATCH)
        answers, labels = model.predict(x[part]), y[part]
        true[part] = np.clip(answers[np.arange(len(labels)), labels], 0.0, 1.0)
        right[part] = answers.argmax(axis=1) == labels
        if told is not None:
            told(min(len(x), at + BATCH))
    return Answers(true, right)
