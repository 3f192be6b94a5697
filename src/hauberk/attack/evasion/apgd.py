"""APGD: gradient ascent that sets its own step size (Croce & Hein 2020, arXiv:2003.01690), L-infinity and L2.

    ascent = apgd(module, x, y, space, "linf", 8 / 255, loss="ce")
    ascent = apgd_targeted(module, x, y, space, "linf", 8 / 255)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..threat import Space
from .ascent import Ascent, Found, Job, Module, Start, ascend, ask, inside, lengths, nothing, tall
from .losses import settle
from .oracle import Stop, never

if TYPE_CHECKING:
    from hauberk.core.ports import Floats, Ints

    from ..threat import Radius

RHO = 0.75  # the paper's share of rising steps below which a step size is halved
COMPACT = 16  # drop broken rows once they are one in so many: dropping copies what is left
MOMENTUM = 0.75  # the paper's alpha: weight of the new step against the last move

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


def apgd(
    module: Module,
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
    return ascend(_climb, module, x, y, space, norm, eps, loss, target, steps, seed, stop)


def apgd_targeted(
    module: Module,
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
    clean = ask(module, x)
    ranks = _ranked(clean, y)[:, :targets]
    found = nothing(x, settle("dlr_targeted", clean.shape[1]))
    holds = np.arange(len(x))
    for rank in range(ranks.shape[1]):
        if not len(holds) or stop():
            break
        run = apgd(
            module, x[holds], y[holds], space, norm, np.broadcast_to(eps, (len(x),))[holds],
            loss="dlr_targeted", target=ranks[holds, rank], steps=steps, seed=seed + rank, stop=stop,
        )  # fmt: skip
        found = _better(found, run, holds)
        holds = holds[ask(module, run.x_adv).argmax(1) == y[holds]]
    return found


def _climb(job: Job, start: Start, stop: Stop) -> Found:
    return _ascend(job, _begin(start), start, stop)


def _begin(start: Start) -> _State:
    x, now, none = start.x, start.now, torch.zeros(len(start.x))
    return _State(
        torch.arange(len(x)), start.y, start.target, x, start.radius, start.low, start.high, now, now,
        torch.zeros_like(x), now, torch.zeros_like(x), none - torch.inf, 2 * start.radius, none + torch.inf, none,
        none - torch.inf, none == 0,
    )  # fmt: skip


def _ascend(job: Job, state: _State, start: Start, stop: Stop) -> Found:
    found = start.found()
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
    broken = found.broken[state.index].reshape(tall(state.x))
    found.x_adv[state.index] = torch.where(broken, found.x_adv[state.index], state.best)
    return found


def _look(job: Job, state: _State, found: Found, *, first: bool, last: bool) -> None:
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
    if not last and int(broken.sum()) * COMPACT >= max(1, len(broken)):
        state.keep((~broken).nonzero().squeeze(1))


def _gradient(job: Job, state: _State, found: Found, losses: Tensor, shown: Tensor) -> None:
    (grad,) = torch.autograd.grad(losses.sum(), shown)
    state.grad = grad if job.free is None else grad * job.free
    found.flat[state.index] &= (state.grad == 0).flatten(1).all(1)
    found.gradients[state.index] += 1


def _remember(state: _State, found: Found, losses: Tensor, first: bool) -> None:
    """Count rises, keep the best iterate, its gradient and its loss."""
    if first:
        found.first[state.index] = losses
        state.checked_loss = losses
    state.rises = state.rises + (losses > state.last_loss)
    state.last_loss = losses
    better = losses > state.best_loss
    state.best_loss = torch.where(better, losses, state.best_loss)
    column = better.reshape(tall(state.x))
    state.best = torch.where(column, state.now, state.best)
    state.best_grad = torch.where(column, state.grad, state.best_grad)
    found.best[state.index] = state.best_loss


def _checkpoint(state: _State, period: int) -> None:
    """Halve the step of rows that oscillate or stand still, and send them back to their best iterate."""
    stuck = ~state.halved & (state.checked_loss >= state.best_loss)
    halve = (state.rises <= RHO * period) | stuck
    column = halve.reshape(tall(state.x))
    state.step = torch.where(column, state.step / 2, state.step)
    state.now = torch.where(column, state.best, state.now)
    state.grad = torch.where(column, state.best_grad, state.grad)
    state.halved, state.checked_loss = halve, state.best_loss
    state.rises = torch.zeros_like(state.rises)


def _move(job: Job, state: _State, *, first: bool) -> None:
    here, weight = state.now, 1.0 if first else MOMENTUM
    step = state.grad / (lengths(state.grad) + 1e-12) if job.l2 else state.grad.sign()
    there = inside(job, state, torch.addcmul(here, step, state.step))
    if not first:
        there = inside(job, state, here + weight * (there - here) + (1 - weight) * (here - state.before))
    state.before, state.now = here, there


def _ranked(logits: Floats, y: Ints) -> Ints:
    """(n, k-1) the other classes, likeliest first."""
    others = logits.astype(np.float64)
    others[np.arange(len(y)), y] = -np.inf
    return np.argsort(-others, axis=1, kind="stable")[:, : logits.shape[1] - 1]


def _better(found: Ascent, run: Ascent, rows: Ints) -> Ascent:
    """`found` with the candidates of a later run over `rows`."""
    for name in ("x_adv", "first", "best"):
        getattr(found, name)[rows] = getattr(run, name)
    found.gradients[rows] += run.gradients
    found.flat[rows] &= run.flat
    return found
