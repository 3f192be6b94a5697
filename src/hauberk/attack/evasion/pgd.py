"""Projected gradient descent: the plain attack that all others are measured against.

    ascent = pgd(module, x, y, space, "linf", 8 / 255)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

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
    found.best -= torch.inf
    step = REACH / max(1, job.steps)
    for done in range(job.steps + 1):
        last = done == job.steps or stop()
        shown = (here.now if job.legal is None else job.legal(here.now, here.x, here.radius)).requires_grad_(not last)
        with torch.set_grad_enabled(not last):
            logits = job.module(shown if job.unit is None else shown * job.unit)
            losses = job.loss(logits, here.y, here.target)
        wrong = logits.detach().argmax(1) != here.y
        _note(found, rows, here, losses.detach(), wrong, first=done == 0)
        if last or wrong.all():
            break
        (grad,) = torch.autograd.grad(losses.sum(), shown)
        grad = grad if job.free is None else grad * job.free
        found.gradients[rows] += 1
        found.flat[rows] &= (grad == 0).flatten(1).all(1)
        way = grad / (lengths(grad) + 1e-12) if job.l2 else grad.sign()
        there = inside(job, here, here.now.detach() + step * here.radius * way)
        rows = rows[~wrong]
        parts = (here.x, here.y, here.target, here.radius, here.low, here.high, there)
        here = Start(*(part[~wrong] for part in parts))
    return found


def _note(
    found: Found, rows: torch.Tensor, here: Start, losses: torch.Tensor, wrong: torch.Tensor, *, first: bool
) -> None:
    """Keep what is wrong, else what has the highest loss so far."""
    if first:
        found.first[rows] = losses
    better = wrong | (losses > found.best[rows])
    now = here.now.detach()
    found.x_adv[rows] = torch.where(better.reshape(tall(now)), now, found.x_adv[rows])
    found.best[rows] = torch.maximum(losses, found.best[rows])
