"""A reference model: the same architecture from fresh weights, trained until it fits as well as the original.

Membership attacks compare a model with such references (Carlini et al. 2022, arXiv:2112.03570). How the
original was trained is not known; how well it fits is, and that is what matters to them.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hauberk.core.errors import InputError


@dataclass(frozen=True)
class Recipe:
    """Adam with a cosine schedule; stops at the loss of the original, or after about `steps` batches."""

    steps: int = 3000
    batch: int = 64
    rate: float = 5e-3

    def epochs(self, n: int) -> int:
        """Passes over n examples: at least 20, at most 500."""
        return min(500, max(20, self.steps // -(-n // self.batch)))


def can_retrain(logits: nn.Module) -> bool:
    """Whether the module has layers that can be set back: an exported or scripted graph has none."""
    inner = getattr(logits, "inner", None)
    if not isinstance(inner, nn.Module) or isinstance(inner, torch.jit.ScriptModule | torch.fx.GraphModule):
        return False
    return any(_resets(layer) for layer in inner.modules())


def retrained(logits: Any, x: Any, y: Any, seed: int, recipe: Recipe = Recipe()) -> Any:
    """A copy of the logits module with fresh weights, trained on x (n, *shape) and y (n,). In eval mode.

    Deterministic for a seed on one machine; torch's own random state is left as it was.
    Raises InputError when the loss is not finite.
    """
    fresh = copy.deepcopy(logits)
    inputs, labels = torch.from_numpy(np.array(x, dtype=np.float32)), torch.from_numpy(np.array(y, dtype=np.int64))
    goal = mean_loss(logits, inputs, labels, recipe.batch)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        set_back(fresh.inner)
        _train(fresh, inputs, labels, goal, recipe)
    fresh.inner.eval()
    for parameter in fresh.parameters():
        parameter.requires_grad_(False)
    return fresh


def set_back(module: nn.Module) -> None:
    """Fresh weights everywhere: by each layer's own rule, elsewhere drawn with the old mean and spread.

    Nothing that was learned may stay: it would tell about the records that it was learned from.
    """
    owned: set[int] = set()
    for layer in module.modules():
        if _resets(layer):
            layer.reset_parameters()  # type: ignore[operator]
            owned |= {id(p) for p in layer.parameters(recurse=False)}
    for parameter in module.parameters():
        parameter.requires_grad_(parameter.is_floating_point())
        if id(parameter) not in owned and parameter.is_floating_point():
            old = parameter.detach()
            nn.init.normal_(parameter, float(old.mean()), float(old.std()) if old.numel() > 1 else 0.0)


def mean_loss(logits: nn.Module, x: Tensor, y: Tensor, batch: int) -> float:
    """Mean cross-entropy over the examples, without gradients, in the mode that the module is in."""
    with torch.no_grad():
        losses = [
            functional.cross_entropy(logits(piece), labels, reduction="sum")
            for piece, labels in zip(torch.split(x, batch), torch.split(y, batch), strict=True)
        ]
    return float(torch.stack(losses).sum()) / len(x)


def _train(fresh: Any, x: Tensor, y: Tensor, goal: float, recipe: Recipe) -> None:
    trained = [p for p in fresh.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=recipe.rate)
    epochs = recipe.epochs(len(x))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for _ in range(epochs):
        fresh.inner.train()
        for rows in torch.split(torch.randperm(len(x)), recipe.batch):
            if len(rows) > 1 or len(x) == 1:  # batch norm cannot learn from one example
                optimiser.zero_grad()
                loss: Any = functional.cross_entropy(fresh(x[rows]), y[rows])
                loss.backward()
                optimiser.step()
        schedule.step()
        fresh.inner.eval()
        reached = mean_loss(fresh, x, y, recipe.batch)
        if not np.isfinite(reached):
            raise InputError("the reference model's loss is not finite", hint="are the inputs in their usual range?")
        if reached <= goal:
            return


def _resets(layer: nn.Module) -> bool:
    return callable(getattr(layer, "reset_parameters", None))
