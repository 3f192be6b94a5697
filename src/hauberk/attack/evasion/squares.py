"""The moves of the Square Attack on pictures (n, c, h, w): where to paint, and with what.

All examples of a batch share the place of a square and draw their own colours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..threat import column, size

if TYPE_CHECKING:
    from hauberk.core.ports import Floats

SMALL = 16
"""A side below which the last row and column are too much of a picture to leave out."""
SEEDS = 5  # the L2 attack begins with a grid of at least 5 bumps a side, as in the paper


def squares_linf(
    x: Floats, best: Floats, reach: Floats, p: float, random: np.random.Generator, *, start: bool
) -> Floats:
    """One square at the ball's edge, one sign a channel; at the start vertical stripes."""
    n, c, h, w = x.shape
    if start:
        return np.asarray(x + reach * _signs(random, (n, c, 1, w)))
    side = min(max(1, round(float(np.sqrt(p * h * w)))), h, w)
    top, left = int(random.integers(h - side + 1)), int(random.integers(w - side + 1))
    there = np.s_[:, :, top : top + side, left : left + side]
    out = best.copy()
    out[there] = x[there] + reach * _signs(random, (n, c, 1, 1))
    return out


def squares_l2(
    x: Floats, best: Floats, reach: Floats, p: float, random: np.random.Generator, *, start: bool
) -> Floats:
    """The mass of one window moves to another as a bump; at the start a grid of bumps."""
    n, _, h, w = x.shape
    if start:
        return np.asarray(x + reach * _unit(_grid(x.shape, random)))
    step = (best - x).astype(np.float64)
    side = max(3, round(float(np.sqrt(p * h * w))))
    side = min(side + 1 - side % 2, h, w)
    into, out_of = (_window(h, w, side, random) for _ in range(2))
    before = np.square(step).sum(axis=(2, 3), keepdims=True)
    old = step[into].copy()
    step[into] = step[out_of] = 0.0
    freed = before - np.square(step).sum(axis=(2, 3), keepdims=True)
    spare = np.maximum(reach**2 - before.sum(axis=1, keepdims=True), 0.0) / x.shape[1]
    fresh = _unit_plane(old) + bump(side, random) * _signs(random, (n, x.shape[1], 1, 1))
    step[into] = _unit_plane(fresh) * np.sqrt(np.maximum(freed, 0.0) + spare)
    return np.asarray(x + reach * _unit(step))


def bump(side: int, random: np.random.Generator) -> Floats:
    """(side, side) of norm 1: a positive and a negative heap side by side, or one above the other."""
    half = side // 2
    tall = np.concatenate([_heap(half, side), -_heap(side - half, side)]) if half else np.ones((side, side))
    tall /= np.sqrt(np.square(tall).sum())
    return tall if random.random() < 0.5 else np.asarray(tall.T)


def _heap(height: int, width: int) -> Floats:
    """Rings of 1/k**2 piled up towards the middle."""
    out = np.zeros((height, width))
    ring_h, ring_w = height // 2, width // 2
    for k in range(max(height // 2, width // 2) + 1):
        top, left = max(ring_h - k, 0), max(ring_w - k, 0)
        out[top : ring_h + k + 1, left : ring_w + k + 1] += 1.0 / (k + 1) ** 2
    return out / max(float(np.sqrt(np.square(out).sum())), 1e-12)


def _grid(shape: tuple[int, ...], random: np.random.Generator) -> Floats:
    n, c, h, w = shape
    side = max(1, min(h, w) // SEEDS)
    out = np.zeros(shape)
    for top in range((h % side) // 2, h - side + 1, side):
        for left in range((w % side) // 2, w - side + 1, side):
            out[:, :, top : top + side, left : left + side] = bump(side, random) * _signs(random, (n, c, 1, 1))
    return out


def _window(h: int, w: int, side: int, random: np.random.Generator) -> tuple[slice, slice, slice, slice]:
    """In all but small pictures never at the last row or column, as in the authors' code."""
    top, left = (int(random.integers(max(1, length - side + (length < SMALL)))) for length in (h, w))
    return (slice(None), slice(None), slice(top, top + side), slice(left, left + side))


def _unit(step: Floats) -> Floats:
    return np.asarray(step / np.maximum(column(size(step, "l2"), 4), 1e-12))


def _unit_plane(step: Floats) -> Floats:
    return np.asarray(step / np.maximum(np.sqrt(np.square(step).sum(axis=(2, 3), keepdims=True)), 1e-12))


def _signs(random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return np.where(random.random(shape) < 0.5, -1.0, 1.0)
