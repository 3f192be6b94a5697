"""APGD: gradient ascent that sets its own step size (Croce & Hein 2020, arXiv:2003.01690), L-infinity and L2.

    ascent = apgd(module, x, y, space, "linf", 8 / 255, loss="ce")
    ascent = apgd_targeted(module, x, y, space, "linf", 8 / 255)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..threat import Space
from .losses import LOSSES, Loss, settle
from .oracle import Stop, never

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hauberk.core.ports import Floats, Ints

    from ..threat import Radius

RHO = 0.75  # the paper's share of rising steps below which a step size is halved
MOMENTUM = 0.75  # the paper's alpha: weight of the new step against the last move
CHUNK_ELEMENTS = 1 << 20
"""Elements of a batch: big enough to amortise a step's overhead, small enough for caches and activations."""
MAX_BATCH = 256


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
class _Job:
    """The constants of one run, in units of the space."""

    module: Callable[[Tensor], Tensor]
    loss: Loss
    l2: bool
    steps: int
    unit: Tensor | None  # None: 1 everywhere
    free: Tensor | None  # 0 where an element cannot change; None: all can
    legal: Callable[[Tensor, Tensor, Tensor], Tensor] | None  # a table's constraints


@dataclass
class _State:
    """The examples that still hold, one row each."""

    index: Tensor
    y: Tensor
    target: Tensor
    x: Tensor
    radius: Tensor
    low: Tensor
    high: Tensor
    now: Tensor
    before: Tensor
    grad: Tensor
    best: Tensor
    best_grad: Tensor
    best_loss: Tensor
    step: Tensor
    last_loss: Tensor
    rises: Tensor
    checked_loss: Tensor
    halved: Tensor

    def keep(self, rows: Tensor) -> None:
        for name, value in vars(self).items():
            setattr(self, name, value[rows])


@dataclass
class _Found:
    """What the rows of a batch have come to."""

    x_adv: Tensor
    first: Tensor
    best: Tensor
    flat: Tensor
    gradients: Tensor
    broken: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.broken = torch.zeros(len(self.first), dtype=torch.bool)


def apgd(
    module: Callable[[Tensor], Tensor],
    x: Floats,
    y: Ints,
    space: Space,
    norm: str,
    eps: Radius,
    *,
    loss: str = "dlr",
    target: Ints | None = None,
    steps: int = 50,
    seed: int = 0,
    stop: Stop = never,
) -> Ascent:
    """Auto-PGD (Croce & Hein 2020, arXiv:2003.01690).

    module: float32 (n, *shape) tensor -> logits. x: (n, *shape) in the space; y: (n,) labels; eps: radius in units
    of the space, one number or one an example. loss: ce, dlr, margin, or dlr_targeted, margin_targeted with
    `target` (n,). Costs at most `steps` gradients and one more forward pass an example.
    x_adv is inside ball, box and constraints. Deterministic in `seed`.
    Differs: an example leaves the batch once broken; with two or three classes, where DLR is not defined, the
    margin stands in for it; a table's iterates are shown to the model rounded into its constraints, and the
    gradient is taken there (straight through).
    """
    name = settle(loss, _classes(module, x, space))
    job = _job(module, LOSSES[name], space, norm, steps)
    noise = torch.Generator().manual_seed(seed)
    radius = np.broadcast_to(np.asarray(eps, np.float64), (len(x),))
    wanted = y if target is None else target
    size = max(8, min(MAX_BATCH, CHUNK_ELEMENTS // max(1, x[0].size))) if len(x) else 1
    parts = [
        _chunk(job, space, norm, x[s], y[s], wanted[s], radius[s], noise, stop)
        for s in (slice(i, i + size) for i in range(0, len(x), size))
    ]
    return _joined(parts, x, name)


def apgd_targeted(
    module: Callable[[Tensor], Tensor],
    x: Floats,
    y: Ints,
    space: Space,
    norm: str,
    eps: Radius,
    *,
    targets: int = 9,
    steps: int = 50,
    seed: int = 0,
    stop: Stop = never,
) -> Ascent:
    """APGD-T: one targeted run towards each of the `targets` likeliest other classes, on what still holds.

    As `apgd`; costs at most `targets * steps` gradients an example.
    """
    logits = _logits(module, x)
    ranks = _ranked(logits, y)[:, :targets]
    found = _nothing(x, settle("dlr_targeted", logits.shape[1]))
    holds = np.arange(len(x))
    for rank in range(ranks.shape[1]):
        if not len(holds) or stop():
            break
        run = apgd(
            module, x[holds], y[holds], space, norm, np.broadcast_to(eps, (len(x),))[holds],
            loss="dlr_targeted", target=ranks[holds, rank], steps=steps, seed=seed + rank, stop=stop,
        )  # fmt: skip
        found = _better(found, run, holds)
        holds = holds[_logits(module, run.x_adv).argmax(1) == y[holds]]
    return found


def _job(module: Callable[[Tensor], Tensor], loss: Loss, space: Space, norm: str, steps: int) -> _Job:
    unit = None if np.all(space.scale == 1) else _tensor(space.scale)
    free = None if np.all(space.unit > 0) else _tensor((space.unit > 0).astype(np.float32))
    legal = _legal(space, norm) if space.features else None
    return _Job(module, loss, norm == "l2", steps, unit, free, legal)


def _legal(space: Space, norm: str) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    def legal(now: Tensor, x: Tensor, radius: Tensor) -> Tensor:
        there, start = now.numpy() * space.scale, x.numpy().astype(np.float64) * space.scale
        return _tensor(space.into_ball(there, start, norm, radius.numpy().reshape(-1)) / space.scale)

    return legal


def _chunk(
    job: _Job, space: Space, norm: str, x: Floats, y: Ints, target: Ints, radius: Floats,
    noise: torch.Generator, stop: Stop,
) -> _Found:  # fmt: skip
    start, reach = _tensor(x / space.scale), _tensor(radius).reshape(-1, *[1] * (x.ndim - 1))
    found = _ascend(job, _begin(job, space, start, torch.as_tensor(y), torch.as_tensor(target), reach, noise), stop)
    moved = (found.x_adv.double() - start.double()).numpy() * space.scale
    there = space.into_ball(x + moved, x, norm, radius)
    return replace(found, x_adv=torch.as_tensor(there))


def _begin(
    job: _Job, space: Space, x: Tensor, y: Tensor, target: Tensor, radius: Tensor, noise: torch.Generator
) -> _State:
    low, high = _tensor(space.low / space.scale), _tensor(space.high / space.scale)
    if not job.l2:
        low, high = torch.maximum(x - radius, low), torch.minimum(x + radius, high)
    low, high = torch.minimum(low.expand_as(x), x), torch.maximum(high.expand_as(x), x)
    now = torch.clamp(x + radius * _direction(job, x, noise), low, high)
    none = torch.zeros(len(x))
    return _State(
        torch.arange(len(x)), y.long(), target.long(), x, radius, low, high, now, now, torch.zeros_like(x),
        now, torch.zeros_like(x), none - torch.inf, 2 * radius, none + torch.inf, none, none - torch.inf, none == 0,
    )  # fmt: skip


def _direction(job: _Job, x: Tensor, noise: torch.Generator) -> Tensor:
    """A random point on the unit sphere of the norm."""
    draw = torch.randn if job.l2 else torch.rand
    step = draw(x.shape, generator=noise) - (0.0 if job.l2 else 0.5)
    step = step if job.free is None else step * job.free
    length = _length(step) if job.l2 else step.abs().flatten(1).amax(1).reshape(_tall(x))
    return step / (length + 1e-12)


def _ascend(job: _Job, state: _State, stop: Stop) -> _Found:
    n = len(state.x)
    found = _Found(state.now.clone(), torch.zeros(n), torch.zeros(n), torch.ones(n, dtype=torch.bool),
                   torch.zeros(n, dtype=torch.int64))  # fmt: skip
    period, shrink, shortest = (max(1, int(share * job.steps)) for share in (0.22, 0.03, 0.06))
    due = period
    for done in range(job.steps + 1):
        last = done == job.steps or stop()
        _look(job, state, found, first=done == 0, last=last)
        if last or not len(state.x):
            break
        if done and done == due:
            _checkpoint(state, period)
            period = max(period - shrink, shortest)
            due += period
        _move(job, state, first=done == 0)
    broken = found.broken[state.index].reshape(_tall(state.x))
    found.x_adv[state.index] = torch.where(broken, found.x_adv[state.index], state.best)
    return found


def _look(job: _Job, state: _State, found: _Found, *, first: bool, last: bool) -> None:
    """One forward and, unless it is the last, one backward pass; success comes from the same logits."""
    shown = state.now if job.legal is None else job.legal(state.now, state.x, state.radius)
    shown = shown.detach().requires_grad_(not last)
    with torch.set_grad_enabled(not last):
        logits = job.module(shown if job.unit is None else shown * job.unit)
        losses = job.loss(logits, state.y, state.target)
    broken = logits.detach().argmax(1) != state.y
    if broken.any():
        found.x_adv[state.index[broken]] = state.now[broken]
        found.broken[state.index[broken]] = True
    if not last:
        _gradient(job, state, found, losses, shown)
    _remember(state, found, losses.detach(), first)
    if not last and broken.any():
        state.keep((~broken).nonzero().squeeze(1))


def _gradient(job: _Job, state: _State, found: _Found, losses: Tensor, shown: Tensor) -> None:
    (grad,) = torch.autograd.grad(losses.sum(), shown)
    state.grad = grad if job.free is None else grad * job.free
    found.flat[state.index] &= (state.grad == 0).flatten(1).all(1)
    found.gradients[state.index] += 1


def _remember(state: _State, found: _Found, losses: Tensor, first: bool) -> None:
    """Count rises, keep the best iterate, its gradient and its loss."""
    if first:
        found.first[state.index] = losses
        state.checked_loss = losses
    state.rises = state.rises + (losses > state.last_loss)
    state.last_loss = losses
    better = losses > state.best_loss
    state.best_loss = torch.where(better, losses, state.best_loss)
    tall = better.reshape(_tall(state.x))
    state.best = torch.where(tall, state.now, state.best)
    state.best_grad = torch.where(tall, state.grad, state.best_grad)
    found.best[state.index] = state.best_loss


def _checkpoint(state: _State, period: int) -> None:
    """Halve the step of rows that oscillate or stand still, and send them back to their best iterate."""
    stuck = ~state.halved & (state.checked_loss >= state.best_loss)
    halve = (state.rises <= RHO * period) | stuck
    tall = halve.reshape(_tall(state.x))
    state.step = torch.where(tall, state.step / 2, state.step)
    state.now = torch.where(tall, state.best, state.now)
    state.grad = torch.where(tall, state.best_grad, state.grad)
    state.halved, state.checked_loss = halve, state.best_loss
    state.rises = torch.zeros_like(state.rises)


def _move(job: _Job, state: _State, *, first: bool) -> None:
    here, weight = state.now, 1.0 if first else MOMENTUM
    step = state.grad / (_length(state.grad) + 1e-12) if job.l2 else state.grad.sign()
    there = _inside(job, state, torch.addcmul(here, step, state.step))
    if not first:
        there = _inside(job, state, here + weight * (there - here) + (1 - weight) * (here - state.before))
    state.before, state.now = here, there


def _inside(job: _Job, state: _State, there: Tensor) -> Tensor:
    if job.l2:
        step = there - state.x
        there = state.x + step * torch.clamp(state.radius / (_length(step) + 1e-12), max=1.0)
    return torch.clamp(there, state.low, state.high)


def _length(step: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(step.flatten(1), dim=1)
    return length.reshape(_tall(step))


def _tall(x: Tensor) -> tuple[int, ...]:
    return (-1, *[1] * (x.ndim - 1))


def _tensor(array: Any) -> Tensor:
    return torch.as_tensor(np.asarray(array, np.float32))


def _logits(module: Callable[[Tensor], Tensor], x: Floats) -> Floats:
    with torch.no_grad():
        parts = [module(_tensor(x[i : i + MAX_BATCH])).numpy() for i in range(0, len(x), MAX_BATCH)]
    return np.concatenate(parts) if parts else np.zeros((0, 2), np.float32)


def _classes(module: Callable[[Tensor], Tensor], x: Floats, space: Space) -> int:
    return int(_logits(module, x[:1]).shape[1])


def _ranked(logits: Floats, y: Ints) -> Ints:
    """(n, k-1) the other classes, likeliest first."""
    others = logits.astype(np.float64)
    others[np.arange(len(y)), y] = -np.inf
    return np.argsort(-others, axis=1, kind="stable")[:, : logits.shape[1] - 1]


def _nothing(x: Floats, loss: str) -> Ascent:
    n = len(x)
    low = np.full(n, -np.inf)
    return Ascent(x.copy(), np.zeros(n, np.int64), low, low.copy(), np.ones(n, bool), loss)


def _better(found: Ascent, run: Ascent, rows: Ints) -> Ascent:
    """`found` with the candidates of a later run over `rows`."""
    for name in ("x_adv", "first", "best"):
        getattr(found, name)[rows] = getattr(run, name)
    found.gradients[rows] += run.gradients
    found.flat[rows] &= run.flat
    return found


def _joined(parts: list[_Found], x: Floats, loss: str) -> Ascent:
    if not parts:
        return _nothing(x, loss)
    x_adv, gradients, first, best, flat = (
        torch.cat([getattr(part, name) for part in parts]).numpy()
        for name in ("x_adv", "gradients", "first", "best", "flat")
    )
    return Ascent(x_adv, gradients, first, best, flat, loss)
