"""Modules around a stranger's module: whatever it answers becomes float32 logits (n, k)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from hauberk.core.errors import UnsupportedError

from .probabilities import sums_to_one

PROBES = 16  # enough that raw scores are not taken for probabilities by chance
TINY = torch.finfo(torch.float32).tiny


class Settled(nn.Module):
    """A module that stays in eval mode: `train()` leaves it and all inside alone (an exported graph has no modes)."""

    def train(self, mode: bool = True) -> Self:
        """Nothing: the model under audit is as it is in use."""
        self.training = False
        return self


class Logits(Settled):
    """x -> logits. inner: the stranger's module; tap: its last softmax or sigmoid, whose input is taken.

    logarithm: it answers probabilities, and the softmax could not be found. column: one score, of class 1.
    """

    def __init__(self, inner: nn.Module, tap: nn.Module | None, *, logarithm: bool, column: bool) -> None:
        super().__init__()
        self.inner, self._tap, self._logarithm, self._column = inner, [tap], logarithm, column
        weights = [p for p in inner.parameters() if p.is_floating_point()]
        self._dtype = weights[0].dtype if weights else torch.float32

    def forward(self, x: Tensor) -> Tensor:
        """(n, *shape) float32 -> (n, k) float32 logits."""
        scores = self._scores(x.to(self._dtype)).float()
        if not self._column:
            return torch.log(scores.clamp_min(TINY)) if self._logarithm else scores
        scores = scores.reshape(len(x))
        if self._logarithm:
            return torch.log(torch.stack([1 - scores, scores], dim=1).clamp_min(TINY))
        return torch.stack([torch.zeros_like(scores), scores], dim=1)

    def _scores(self, x: Tensor) -> Tensor:
        tap = self._tap[0]
        if tap is None:
            return tensor_of(self.inner(x))
        kept: list[Tensor] = []
        handle = tap.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
        try:
            self.inner(x)
        finally:
            handle.remove()
        return kept[-1]


class FixedBatch(Settled):
    """A module that was exported for `size` examples at a time, made to take any number."""

    def __init__(self, inner: nn.Module, size: int) -> None:
        super().__init__()
        self.inner, self.size = inner, size

    def forward(self, x: Tensor) -> Tensor:
        """In pieces of `size`; the last one is filled up with its last example."""
        pieces = []
        for piece in torch.split(x, self.size):
            short = self.size - len(piece)
            full = torch.cat([piece, piece[-1:].expand(short, *piece.shape[1:])]) if short else piece
            pieces.append(tensor_of(self.inner(full))[: len(piece)])
        return torch.cat(pieces)


def fixed_batch(module: nn.Module, size: int) -> nn.Module:
    """The module for any number of examples."""
    return FixedBatch(module, size)


def as_logits(
    module: nn.Module, shape: tuple[int, ...], bounds: tuple[float, float], name: str
) -> tuple[nn.Module, int, str]:
    """The module as one of logits, its number of classes, and what was found at its end.

    Costs two passes of 16 random examples within the bounds.
    """
    probe = _probe(shape, bounds)
    plain = Logits(module, None, logarithm=False, column=False)
    with torch.no_grad():
        answer = plain._scores(probe.to(plain._dtype))
        if answer.ndim not in (1, 2) or len(answer) != len(probe) or not answer.is_floating_point():
            raise UnsupportedError(
                f"{name}: answers {tuple(answer.shape)} {answer.dtype} to {PROBES} examples, expected scores",
                hint="give a classifier; wrap it if its scores are deeper in its answer",
            )
        column = answer.ndim == 1 or answer.shape[1] == 1
        tap = _last_activation(module, probe.to(plain._dtype), answer)
    settled = _is_probability(answer, column)
    ending = _ending(tap, settled)
    made = Logits(module, tap, logarithm=settled and tap is None, column=column)
    return made.eval(), 2 if column else answer.shape[1], ending


def tensor_of(answer: Any) -> Tensor:
    """The scores in what a module answered: a tensor, a tuple's first, or what is called `logits`."""
    if isinstance(answer, Tensor):
        return answer
    logits = answer.get("logits") if isinstance(answer, Mapping) else getattr(answer, "logits", None)
    if isinstance(logits, Tensor):
        return logits
    if isinstance(answer, tuple | list) and answer and isinstance(answer[0], Tensor):
        return answer[0]
    raise UnsupportedError(f"the module answers a {type(answer).__name__}", hint="it must answer a tensor of scores")


def _probe(shape: tuple[int, ...], bounds: tuple[float, float]) -> Tensor:
    low, high = bounds
    drawn = torch.rand((PROBES, *shape), generator=torch.Generator().manual_seed(0))
    return drawn * (high - low) + low


def _last_activation(module: nn.Module, probe: Tensor, answer: Tensor) -> nn.Module | None:
    """The softmax or sigmoid layer whose output is the answer itself, if there is one."""
    if isinstance(module, torch.jit.ScriptModule | torch.fx.GraphModule | FixedBatch):
        return None
    wanted = nn.Sigmoid if answer.ndim == 1 or answer.shape[1] == 1 else nn.Softmax
    last: list[tuple[nn.Module, Tensor]] = []
    layers = [layer for layer in module.modules() if isinstance(layer, wanted)]
    handles = [layer.register_forward_hook(lambda m, _, out: last.append((m, out))) for layer in layers]
    try:
        again = tensor_of(module(probe))
    finally:
        for handle in handles:
            handle.remove()
    return last[-1][0] if last and last[-1][1] is again else None


def _is_probability(answer: Tensor, column: bool) -> bool:
    scores = answer.double().numpy()
    if column:
        return bool((scores >= 0).all() and (scores <= 1).all())
    return sums_to_one(scores)


def _ending(tap: nn.Module | None, probabilities: bool) -> str:
    if tap is not None:
        return f"{type(tap).__name__.lower()} (left out for the gradient)"
    if probabilities:
        return "probabilities (their logarithm is taken; where they round to 1 there is no gradient)"
    return "logits"
