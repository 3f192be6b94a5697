"""RMIA: the robust membership inference attack (Zarifzadeh, Liu & Shokri 2024, arXiv:2312.03262).

A record is a member when the model likes it better than models in general do, and by more than it does so
for other records of the population: LR(x, z) = [p(x|model) / p(x)] / [p(z|model) / p(z)], and the score is
the share of z with LR(x, z) >= gamma. It stays strong with two to four reference models, because nothing
but a mean is estimated from them; LiRA fits a distribution to every record.

>>> import numpy as np
>>> score = rmia(np.array([0.9, 0.5]), np.array([0.45, 0.5]), np.array([0.5, 0.6]), np.array([0.5, 0.5]))
>>> score.tolist()
[1.0, 0.5]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hauberk.core.errors import InputError

if TYPE_CHECKING:
    from hauberk.core.ports import Floats

FLOOR = 1e-12
"""Keeps 0/0 out of a ratio: smaller than any probability that a float32 model answers on purpose."""

OFFLINE_A = 0.3
"""The paper's `a` for models trained elsewhere than on x: how far p_in follows p_out (its section 3)."""


def online_evidence(references: Floats) -> Floats:
    """p(x): the mean over reference models, as many trained with x as without.

    references: (k, n) probabilities of the true label. Returns (n,).
    """
    mean: Floats = np.asarray(references, dtype=float).mean(axis=0)
    return mean


def offline_evidence(without: Floats, a: float = OFFLINE_A) -> Floats:
    """p(x) from reference models that never saw x: half of p_out plus half of p_in = a * p_out + 1 - a.

    without: (k, n) probabilities of the true label. Returns (n,).
    """
    evidence: Floats = ((1 + a) * np.asarray(without, dtype=float).mean(axis=0) + (1 - a)) / 2
    return evidence


def ratio(target: Floats, evidence: Floats) -> Floats:
    """p(x|model) / p(x). target, evidence: (n,) probabilities of the true label.

    Raises InputError for lengths that differ or values outside [0, 1].
    """
    target, evidence = np.asarray(target, dtype=float), np.asarray(evidence, dtype=float)
    if target.shape != evidence.shape:
        raise InputError(f"rmia: {target.shape} target and {evidence.shape} reference probabilities")
    for values in (target, evidence):
        if not ((values >= 0) & (values <= 1 + 1e-6)).all():
            raise InputError("rmia: a probability is not within [0, 1]")
    return target / np.maximum(evidence, FLOOR)


def rmia(
    target: Floats, evidence: Floats, z_target: Floats, z_evidence: Floats, gamma: float = 1.0
) -> Floats:
    """The score of each record: the share of the population that it beats by a factor of `gamma`.

    target, evidence: (n,) p(x|model) and p(x); z_target, z_evidence: (m,) the same for records z of the
    population. Returns (n,) in [0, 1]. Costs a sort. Raises InputError as `ratio` does.
    Differs: gamma is 1 where the paper takes 2. With one population for all x the score depends on x through
    its ratio alone, so gamma cannot change the order of ratios that the population tells apart; 1 resolves
    them best where z are the non-members by which a false-positive rate is counted.
    """
    beaten = np.sort(ratio(z_target, z_evidence))
    found: Floats = np.searchsorted(beaten, ratio(target, evidence) / gamma, side="right") / len(beaten)
    return found
