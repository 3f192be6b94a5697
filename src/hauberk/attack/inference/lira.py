"""LiRA, offline: the likelihood-ratio attack (Carlini et al. 2022, arXiv:2112.03570), for comparison.

>>> import numpy as np
>>> references = np.array([[0.5, 0.6], [0.6, 0.5], [0.55, 0.65]])
>>> scores = lira_offline(np.array([0.99, 0.55]), references, np.zeros((3, 2), dtype=bool))
>>> bool(scores[0] > scores[1])
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hauberk.core.ports import Floats

CLIP = 1e-3
"""A forest of 100 trees answers 0 and 1; beyond 1/1000 its logit says nothing."""


def lira_offline(target: Floats, references: Floats, trained_on: NDArray[Any]) -> Floats:
    """How far the model's confidence lies above that of models which never saw the record, in deviations.

    target: (n,), references: (k, n) probabilities of the true label; trained_on: (k, n) bool, whether that
    reference saw that record. Returns (n,). Raises InputError for a record that every reference saw.
    Differs: one deviation for all records (the paper's advice for few references), and the z value is
    returned in place of its normal tail, which has the same order and does not round to 1.
    """
    without = ~np.asarray(trained_on, dtype=bool)
    if not without.any(axis=0).all():
        raise InputError("lira: a record was seen by every reference model", hint="train more references")
    logits, count = logit(references), without.sum(axis=0)
    mean = np.where(without, logits, 0).sum(axis=0) / count
    squares = np.where(without, (logits - mean) ** 2, 0).sum()
    freedom = max(1, int(without.sum()) - len(count))  # a mean was fitted to each record
    spread = float(np.sqrt(squares / freedom)) or 1.0
    scores: Floats = (logit(target) - mean) / spread
    return scores


def logit(probabilities: Floats) -> Floats:
    """log(p / (1 - p)) with p clipped to [CLIP, 1 - CLIP]."""
    inside = np.clip(np.asarray(probabilities, dtype=float), CLIP, 1 - CLIP)
    logits: Floats = np.log(inside / (1 - inside))
    return logits
