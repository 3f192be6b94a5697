"""What every gradient attack shares: the record of an ascent, the constants of a run, and tensors in and out.

NumPy at the boundary, float32 torch inside, everything in units of the space.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..threat import Space
from .losses import LOSSES, Loss, settle
from .oracle import Stop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hauberk.core.ports import Floats, Ints

    from ..threat import Radius

Module = Callable[[Tensor], Tensor]
"""float32 (n, *shape) -> logits (n, k)."""

CHUNK_ELEMENTS = 1 << 20
"""Elements of a batch: big enough to amortise a step's overhead, small enough for caches and activations."""
MAX_BATCH = 256
ENOUGH_S = 0.5  # a batch that took so long was timed well enough


@dataclass(frozen=True)
class Ascent:
    """What an ascent found. x_adv: (n, *shape), the broken iterate if there was one, else that of highest loss.

    gradients: (n,) gradients spent. first, best: (n,) loss at the start and at its highest.
    flat: (n,) no element of any gradient was other than 0. loss: the loss that was raised.
    """

    x_adv: Floats
    gradients: Ints
    first: Floats
    best: Floats
    flat: NDArray[np.bool_]
    loss: str


@dataclass(frozen=True)
class Job:
    """The constants of one run, in units of the space."""

    module: Module
    loss: Loss
    l2: bool
    steps: int
    unit: Tensor | None  # None: 1 everywhere
    free: Tensor | None  # 0 where an element cannot change; None: all can
    legal: Callable[[Tensor, Tensor, Tensor], Tensor] | None  # a table's constraints


@dataclass
class Found:
    """What the rows of a batch have come to; filled in while climbing."""

    x_adv: Tensor
    first: Tensor
    best: Tensor
    flat: Tensor
    gradients: Tensor
    broken: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.broken = torch.zeros(len(self.first), dtype=torch.bool)


@dataclass
class Start:
    """Where a batch begins: examples, labels, targets, radii, the box of each row (with its ball for linf)."""

    x: Tensor
    y: Tensor
    target: Tensor
    radius: Tensor
    low: Tensor
    high: Tensor
    now: Tensor

    def found(self) -> Found:
        """Nothing yet."""
        n = len(self.x)
        return Found(self.now.clone(), torch.zeros(n), torch.zeros(n), torch.ones(n, dtype=torch.bool),
                     torch.zeros(n, dtype=torch.int64))  # fmt: skip


Climb = Callable[[Job, Start, Stop], Found]
"""One attack on one batch."""


class Reach(Protocol):
    """What `inside` needs to know of a batch."""

    x: Tensor
    radius: Tensor
    low: Tensor
    high: Tensor


def ascend(
    climb: Climb, module: Module, x: Floats, y: Ints, space: Space, norm: str, eps: Radius,
    loss: str, target: Ints | None, steps: int, seed: int, stop: Stop,
) -> Ascent:  # fmt: skip
    """Run an attack over (n, *shape) examples batch by batch, from random starts drawn with `seed`."""
    name = settle(loss, ask(module, x[:1]).shape[1])
    job, noise = prepare(module, name, space, norm, steps), torch.Generator().manual_seed(seed)
    radius = np.broadcast_to(np.asarray(eps, np.float64), (len(x),))
    wanted = y if target is None else target
    size = max(8, min(MAX_BATCH, CHUNK_ELEMENTS // max(1, x[0].size))) if len(x) else 1
    parts = [
        _chunk(climb, job, space, norm, x[s], y[s], wanted[s], radius[s], noise, stop)
        for s in (slice(i, i + size) for i in range(0, len(x), size))
    ]
    return _joined(parts, x, name)


def _chunk(
    climb: Climb, job: Job, space: Space, norm: str, x: Floats, y: Ints, target: Ints, radius: Floats,
    noise: torch.Generator, stop: Stop,
) -> Found:  # fmt: skip
    start, reach = tensor(x / space.scale), tensor(radius).reshape(-1, *[1] * (x.ndim - 1))
    low, high = (tensor(end / space.scale) for end in space.box(x))
    if not job.l2:
        low, high = torch.maximum(start - reach, low), torch.minimum(start + reach, high)
    now = torch.clamp(start + reach * direction(job, start, noise), low, high)
    labels = torch.as_tensor(y).long(), torch.as_tensor(target).long()
    found = climb(job, Start(start, *labels, reach, low, high, now), stop)
    moved = (found.x_adv.double() - start.double()).numpy() * space.scale
    return replace(found, x_adv=torch.as_tensor(space.into_ball(x + moved, x, norm, radius)))


def _joined(parts: list[Found], x: Floats, loss: str) -> Ascent:
    if not parts:
        return nothing(x, loss)
    x_adv, gradients, first, best, flat = (
        torch.cat([getattr(part, name) for part in parts]).numpy()
        for name in ("x_adv", "gradients", "first", "best", "flat")
    )
    return Ascent(x_adv, gradients, first, best, flat, loss)


def prepare(module: Module, loss: str, space: Space, norm: str, steps: int) -> Job:
    """The constants of a run."""
    unit = None if np.all(space.scale == 1) else tensor(space.scale)
    free = None if np.all(space.unit > 0) else tensor((space.unit > 0).astype(np.float32))
    legal = _legal(space, norm) if space.features else None
    return Job(module, LOSSES[loss], norm == "l2", steps, unit, free, legal)


def _legal(space: Space, norm: str) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    def legal(now: Tensor, x: Tensor, radius: Tensor) -> Tensor:
        there, start = now.numpy() * space.scale, x.numpy().astype(np.float64) * space.scale
        return tensor(space.into_ball(there, start, norm, radius.numpy().reshape(-1)) / space.scale)

    return legal


def direction(job: Job, x: Tensor, noise: torch.Generator) -> Tensor:
    """A random point on the unit sphere of the norm."""
    draw = torch.randn if job.l2 else torch.rand
    step = draw(x.shape, generator=noise) - (0.0 if job.l2 else 0.5)
    step = step if job.free is None else step * job.free
    size = lengths(step) if job.l2 else step.abs().flatten(1).amax(1).reshape(tall(x))
    return step / (size + 1e-12)


def lengths(step: Tensor) -> Tensor:
    """(n, 1, …): the L2 norm of every row."""
    size: Tensor = torch.linalg.vector_norm(step.flatten(1), dim=1)
    return size.reshape(tall(step))


def tall(x: Tensor) -> tuple[int, ...]:
    """The shape that makes (n,) broadcast against (n, *shape)."""
    return (-1, *[1] * (x.ndim - 1))


def tensor(array: Any) -> Tensor:
    """A float32 tensor."""
    return torch.as_tensor(np.asarray(array, np.float32))


def ask(module: Module, x: Floats) -> Floats:
    """(n, k) logits, without gradients."""
    with torch.no_grad():
        parts = [module(tensor(x[i : i + MAX_BATCH])).numpy() for i in range(0, len(x), MAX_BATCH)]
    return np.concatenate(parts) if parts else np.zeros((0, 2), np.float32)


def gradient_s(module: Module, x: Floats, clock: Callable[[], float]) -> float:
    """Seconds of one example's gradient in a batch, measured on examples x (n, *shape) in growing batches."""
    each = 0.0
    for n in (1, 8, 64):  # the first answer may build what the others use
        start, shown = clock(), tensor(np.array(x[:n])).requires_grad_()
        torch.autograd.grad(module(shown).sum(), shown, allow_unused=True)
        took = clock() - start
        each = took / max(1, min(n, len(x)))
        if n > 1 and took > ENOUGH_S:
            break
    return each


def nothing(x: Floats, loss: str) -> Ascent:
    """An ascent that went nowhere: the originals."""
    n = len(x)
    low = np.full(n, -np.inf)
    return Ascent(x.copy(), np.zeros(n, np.int64), low, low.copy(), np.ones(n, bool), loss)


def inside(job: Job, reach: Reach, there: Tensor) -> Tensor:
    """`there` moved into each row's ball, then its box."""
    if job.l2:
        step = there - reach.x
        there = reach.x + step * torch.clamp(reach.radius / (lengths(step) + 1e-12), max=1.0)
    return torch.clamp(there, reach.low, reach.high)
