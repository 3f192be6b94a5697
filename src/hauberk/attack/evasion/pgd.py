"""Projected gradient descent: the plain attack that all others are measured against.

    ascent = pgd(module, x, y, space, "linf", 8 / 255)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..threat import Space
from .ascent import Ascent, Found, Job, Module, Start, ascend, inside, lengths, tall
from .oracle import Stop, never

if TYPE_CHECKING:
    from hauberk.core.ports import Floats, Ints

    from ..threat import Radius

REACH = 2.5
"""All steps together, in radii: Madry et al. can cross the ball and have steps left to turn."""


def pgd(
    module: Module,
    x: Floats,
    y: Ints,
    space: Space,
    norm: str,
    eps: Radius,
    *,
    loss: str = "ce",
    steps: int = 40,
    seed: int = 0,
    stop: Stop = never,
) -> Ascent:
    """Projected gradient descent (Madry et al. 2018, arXiv:1706.06083), one random start, steps of 2.5 eps / steps.

    Arguments, costs and the answer are those of `apgd`.
    Differs: the best iterate is kept, not the last, and an example stops once broken.
    """
    return ascend(_climb, module, x, y, space, norm, eps, loss, None, steps, seed, stop)


def _climb(job: Job, start: Start, stop: Stop) -> Found:
    found, here, rows = start.found(), start, torch.arange(len(start.x))
    best, best_loss = start.now, torch.full((len(start.x),), -torch.inf)
    for done in range(job.steps + 1):
        last = done == job.steps or stop()
        losses, wrong, grad = _look(job, here, last=last)
        better = wrong | (losses > best_loss)
        best_loss = torch.maximum(losses, best_loss)
        best = torch.where(better.reshape(tall(best)), here.now, best)
        if done == 0:
            found.first = losses
        if last or wrong.any():
            found.x_adv[rows], found.best[rows] = best, best_loss
        if grad is None:
            break
        found.gradients[rows] += 1
        found.flat[rows] &= (grad == 0).flatten(1).all(1)
        way = grad / (lengths(grad) + 1e-12) if job.l2 else grad.sign()
        here = replace(here, now=inside(job, here, here.now + REACH / job.steps * here.radius * way))
        if wrong.any():
            here = Start(*(value[~wrong] for value in vars(here).values()))
            rows, best, best_loss = rows[~wrong], best[~wrong], best_loss[~wrong]
    return found


def _look(job: Job, here: Start, *, last: bool) -> tuple[Tensor, Tensor, Tensor | None]:
    """Losses, which rows are wrong, and unless it is the last look the gradient."""
    shown = here.now if job.legal is None else job.legal(here.now, here.x, here.radius)
    shown = shown.detach().requires_grad_(not last)
    with torch.set_grad_enabled(not last):
        logits = job.module(shown if job.unit is None else shown * job.unit)
        losses = job.loss(logits, here.y, here.target)
    wrong = logits.detach().argmax(1) != here.y
    if last or wrong.all():
        return losses.detach(), wrong, None
    (grad,) = torch.autograd.grad(losses.sum(), shown)
    return losses.detach(), wrong, grad if job.free is None else grad * job.free
