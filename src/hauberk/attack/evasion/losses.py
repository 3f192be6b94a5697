"""Losses that an attacker raises: (n, k) logits and (n,) labels -> (n,) torch tensors, higher is worse for the model.

DLR (Croce & Hein 2020, arXiv:2003.01690) does not change when logits are shifted or scaled, so an overconfident
model cannot starve it of gradients. It needs 3 classes, its targeted form 4; below that use the margin.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""loss(logits, y, target) -> (n,). Untargeted losses do not look at `target`."""

FLOOR = 1e-12
"""Keeps DLR's denominator from 0 where the top logits are equal."""


def ce(logits: Tensor, y: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of the true label."""
    return cross_entropy(logits, y, reduction="none")


def margin(logits: Tensor, y: Tensor, target: Tensor) -> Tensor:
    """Best other logit minus the true one: above 0 where broken."""
    return _best_other(logits.topk(2).values, logits.argmax(1) == y) - _pick(logits, y)


def margin_targeted(logits: Tensor, y: Tensor, target: Tensor) -> Tensor:
    """The target's logit minus the true one."""
    return _pick(logits, target) - _pick(logits, y)


def dlr(logits: Tensor, y: Tensor, target: Tensor) -> Tensor:
    """Difference of logits ratio: the margin over (first - third) logit."""
    top = logits.topk(3).values
    own = _pick(logits, y)
    return (_best_other(top, logits.argmax(1) == y) - own) / (top[:, 0] - top[:, 2] + FLOOR)


def dlr_targeted(logits: Tensor, y: Tensor, target: Tensor) -> Tensor:
    """Towards one class: (target - true) over (first - mean of third and fourth) logit."""
    top = logits.topk(4).values
    spread = top[:, 0] - 0.5 * (top[:, 2] + top[:, 3]) + FLOOR
    return (_pick(logits, target) - _pick(logits, y)) / spread


LOSSES: dict[str, Loss] = {
    "ce": ce, "margin": margin, "dlr": dlr, "dlr_targeted": dlr_targeted, "margin_targeted": margin_targeted,
}  # fmt: skip
CLASSES_NEEDED = {"dlr": 3, "dlr_targeted": 4}
FALLBACK = {"dlr": "margin", "dlr_targeted": "margin_targeted"}


def settle(name: str, n_classes: int) -> str:
    """The loss of that name, or the margin that stands in for it where there are too few classes.

    >>> settle("dlr_targeted", 3)
    'margin_targeted'
    """
    return FALLBACK[name] if n_classes < CLASSES_NEEDED.get(name, 2) else name


def _pick(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.gather(1, labels.unsqueeze(1)).squeeze(1)


def _best_other(top: Tensor, right: Tensor) -> Tensor:
    return torch.where(right, top[:, 1], top[:, 0])
