"""Confident learning (Northcutt, Jiang & Chuang 2021, arXiv:1911.00068), and how many labels are wrong.

A model that did not see a label is confident of another one when it is surer of that than it is on average where
that other label was given. Counting this tells how many labels are wrong; that many rows, those which contradict
their label most, are suspect. The model is a forest of extremely randomised trees, and a row is judged by
those trees whose bootstrap sample lacks it: out-of-fold answers for the price of one fit.

>>> import numpy as np
>>> answers = np.array([[0.9, 0.1], [0.8, 0.2], [0.9, 0.1], [0.1, 0.9], [0.2, 0.8]])
>>> suspects(answers, np.array([0, 0, 1, 1, 1])).rows.tolist()
[2]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.errors import need

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hauberk.core.ports import Floats, Ints

TREES = 200
"""Each row is judged by the 37 % of trees that did not see it: 74."""

WIDE = 64
"""Columns beyond which principal components stand in for them (pictures)."""

SUREST = 0.1
SUREST_ROWS = 200
"""The flip rate is read from the surest tenth of each class; a quarter, or 200 rows in all, of small data."""


@dataclass(frozen=True)
class Suspects:
    """rows: most suspect first. likely: (rows,) the label that the model is confident of."""

    rows: Ints
    likely: Ints


@dataclass(frozen=True)
class Count:
    """hits of n."""

    hits: int
    n: int


def judged(x: Floats, y: Ints, seed: int, trees: int = TREES) -> Floats:
    """(n, k) probabilities of the labels 0..k-1 for each row, from trees that did not see it.

    x: (n, columns); y: (n,) labels, each of 0..k-1 at least once. Costs one forest.
    """
    ensemble = need("sklearn.ensemble", extra="audit")
    forest = ensemble.ExtraTreesClassifier(trees, bootstrap=True, oob_score=True, random_state=seed)
    forest.fit(x, y)
    answers: Floats = np.nan_to_num(forest.oob_decision_function_)  # no answer where every tree saw the row
    return answers


def condensed(x: Floats, seed: int) -> Floats:
    """(n, columns) of any examples; at most WIDE principal components of wide ones."""
    flat = np.asarray(x, dtype=np.float32).reshape(len(x), -1)
    if flat.shape[1] <= WIDE or len(flat) <= WIDE:
        return flat
    decomposition = need("sklearn.decomposition", extra="audit")
    components: Floats = decomposition.PCA(WIDE, svd_solver="randomized", random_state=seed).fit_transform(flat)
    return components


def thresholds(answers: Floats, y: Ints) -> Floats:
    """(k,) how confident the model is of each label where it was given, on average."""
    k = answers.shape[1]
    given = answers[np.arange(len(y)), y]
    totals = np.bincount(y, weights=given, minlength=k)
    mean: Floats = totals / np.maximum(1, np.bincount(y, minlength=k))
    return mean


def confident(answers: Floats, y: Ints) -> Ints:
    """(n,) the label that the model is confident of, the likeliest if of several; -1 where of none."""
    above = np.where(answers >= thresholds(answers, y) - 1e-9, answers, -1.0)
    chosen: Ints = np.where(above.max(axis=1) >= 0, above.argmax(axis=1), -1)
    return chosen


def joint(answers: Floats, y: Ints) -> Ints:
    """(k, k) how many rows given the label i are truly of j, by the confident joint; a row of it sums to its label's.

    Rows that the model is confident of are counted, and stand for those that it is not (section 3.1 of the
    paper, "calibrated"). A label without any confident row has a row of zeros.
    """
    k, other = answers.shape[1], confident(answers, y)
    sure = other >= 0
    counted = np.bincount(y[sure] * k + other[sure], minlength=k * k).reshape(k, k)
    totals = np.maximum(1, counted.sum(axis=1, keepdims=True))
    return _whole(counted / totals * np.bincount(y, minlength=k)[:, None])


def suspects(answers: Floats, y: Ints) -> Suspects:
    """As many rows as the joint holds wrong, those that contradict their label most; the worst first.

    answers: (n, k) out-of-fold probabilities; y: (n,) given labels. A row contradicts its label i by how much
    further some j stands above what is usual for j (`thresholds`) than i stands above what is usual for i.
    Differs from pruning by noise rate (section 3.2 of the paper): one count for all pairs of labels, as counts
    of one or two a pair are too noisy (digits, 10 % flipped: recall 0.87 by pair, 0.96 so); and margins beyond
    the thresholds, so that a rare label is not suspect for being rare. A label that is likeliest is never named.
    """
    every, counts = np.arange(len(y)), joint(answers, y)
    others = answers - thresholds(answers, y)
    given = others[every, y]
    others[answers <= answers[every, y][:, None]] = -np.inf
    likely = others.argmax(axis=1)
    margin = others[every, likely] - given
    order = np.lexsort((answers[every, y], -margin))
    rows = order[np.isfinite(margin[order])][: int(counts.sum() - np.trace(counts))]
    return Suspects(rows, likely[rows])


def contradicted(answers: Floats, y: Ints, unclear: Sequence[int] = ()) -> Count:
    """How many labels the model contradicts among the rows that it is surest of: an estimate of the flip rate.

    A flipped label is no harder to see through than its neighbours are, so flips stay as frequent among the
    surest rows as among all; rows where classes merely overlap thin out there. Flips that keep to hard rows
    are missed. Surest is measured within each predicted class, so that one easy class cannot fill the places.
    unclear: predicted classes to leave out, where even the surest rows are hard.
    """
    best, share = answers.argmax(axis=1), _surest_share(len(y))
    ordered = np.sort(answers, axis=1)
    margin, chosen = ordered[:, -1] - ordered[:, -2], np.zeros(len(y), dtype=bool)
    for label in np.setdiff1d(best, unclear):
        rows = np.flatnonzero(best == label)
        chosen[rows[np.argsort(-margin[rows], kind="stable")][: int(np.ceil(share * len(rows)))]] = True
    return Count(int((best != y)[chosen].sum()), int(chosen.sum()))


def planted(y: Ints, k: int, flips: int, seed: int) -> tuple[Ints, NDArray[Any]]:
    """Labels of which `flips` were changed to another at random, and (n,) bool, which."""
    rng = np.random.default_rng(seed)
    changed = np.zeros(len(y), dtype=bool)
    changed[rng.permutation(len(y))[:flips]] = True
    wrong: Ints = np.where(changed, (y + rng.integers(1, k, len(y))) % k, y)
    return wrong, changed


def _whole(counts: Floats) -> Ints:
    """Counts rounded so that every row keeps its sum: what is left over goes to the largest remainders."""
    low = np.floor(counts + 1e-9)
    left = np.rint((counts - low).sum(axis=1, keepdims=True))
    rank = np.argsort(np.argsort(low - counts, axis=1, kind="stable"), axis=1)
    whole: Ints = (low + (rank < left)).astype(np.int64)
    return whole


def _surest_share(n: int) -> float:
    return float(min(0.25, max(SUREST, SUREST_ROWS / n)))
