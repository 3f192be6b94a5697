"""What stands between a converted graph and the logits of a classifier."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TINY = 1e-30  # probabilities below it have the logarithm of it: float32 still holds that


def _binary(z: Tensor) -> Tensor:
    """The logit of class 1 -> logits of both."""
    z = z.reshape(len(z), 1)
    return torch.cat([torch.zeros_like(z), z], dim=1)


def _log_odds(p: Tensor) -> Tensor:
    return _binary(p.clamp(min=TINY).log() - (1 - p).clamp(min=TINY).log())


TAILS: dict[str, Callable[[Tensor], Tensor]] = {
    "logits": lambda z: z,  # softmax of it is the answer
    "probabilities": lambda p: p.clamp(min=TINY).log(),
    "margin": _binary,
    "positive": _log_odds,
    "sigmoids": F.logsigmoid,  # each class has its own sigmoid: softmax of this divides them by their sum
}
"""From the tensor at the cut to logits, by what that tensor is."""


class Logits(nn.Module):
    """A graph of one input and one output as float32 (n, *shape) -> float32 logits (n, n_classes).

    dtype: what the graph is given. whole: the input is of an integer type: x is rounded, with the slope of the
    identity (straight through). batch: examples at a time where the graph has a fixed batch; None for all.
    """

    def __init__(
        self, graph: nn.Module, tail: str, dtype: torch.dtype, batch: int | None = None, *, whole: bool = False
    ) -> None:  # fmt: skip
        super().__init__()
        self.graph, self.tail, self.dtype, self.batch, self.whole = graph, tail, dtype, batch, whole

    def raw(self, x: Tensor) -> Tensor:
        """The tensor at the cut: (n, k), or (n,) for one column."""
        x = x.to(self.dtype)
        x = x + (x.round() - x).detach() if self.whole else x
        if self.batch is None:
            z = self.graph(x)
        else:
            z = torch.cat([self._padded(part, self.batch) for part in torch.split(x, self.batch)])
        flat: Tensor = z.flatten(1) if z.dim() > 1 else z
        return flat

    def _padded(self, part: Tensor, batch: int) -> Tensor:
        full = torch.cat([part, part[:1].expand(batch - len(part), *part.shape[1:])])
        answer: Tensor = self.graph(full)
        return answer[: len(part)]

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = TAILS[self.tail](self.raw(x)).to(torch.float32)
        return logits
