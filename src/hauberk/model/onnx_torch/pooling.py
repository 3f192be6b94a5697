"""Pools. Every flavour of padding is written out, so that ceil_mode and uneven pads are exact."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .convolution import CONV, pick
from .node import Node, Op, Table
from .windows import Window, window_of

MAX: dict[int, Op] = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
MEAN: dict[int, Op] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


def _window(node: Node, x: Tensor) -> Window:
    return window_of(node, x.shape[2:], node.integers("kernel_shape") or [1] * (x.dim() - 2))


def _max(node: Node, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
    function, window = pick(node, MAX, x.dim() - 2), _window(node, x)
    low = -math.inf if x.is_floating_point() else torch.iinfo(x.dtype).min
    padded = window.pad(x, low) if window.padded else x
    wide = padded if x.is_floating_point() else padded.to(torch.float64)
    asked = node.outputs > 1
    found = function(wide, window.kernel, window.strides, 0, window.dilations, False, asked)
    if not asked:
        result: Tensor = found.to(x.dtype)
        return result
    values, places = found
    return values.to(x.dtype), _flat(places, x, padded, window, node.integer("storage_order", 0))


def _flat(places: Tensor, x: Tensor, padded: Tensor, window: Window, column_major: int) -> Tensor:
    """Positions in the padded plane of one channel -> positions in the whole unpadded tensor."""
    rank, plane = x.dim() - 2, math.prod(x.shape[2:])
    at = torch.unravel_index(places, padded.shape[2:])
    shifted = [a - b for a, b in zip(at, window.before, strict=True)]
    sizes, order = list(x.shape[2:]), range(rank)
    flat, stride = torch.zeros_like(places), 1
    for axis in order if column_major else reversed(order):
        flat, stride = flat + shifted[axis] * stride, stride * sizes[axis]
    channels = torch.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], *(1,) * rank)
    return flat + channels * plane


def _unpool(node: Node, x: Tensor, places: Tensor, shape: Tensor | None = None) -> Tensor:
    kernel = node.integers("kernel_shape") or []
    strides = node.integers("strides") or [1] * len(kernel)
    pads = node.integers("pads") or [0] * (2 * len(kernel))
    sides = zip(x.shape[2:], strides, kernel, pads[: len(kernel)], pads[len(kernel) :], strict=True)
    natural = [*x.shape[:2], *((n - 1) * s + k - b - a for n, s, k, b, a in sides)]
    target = natural if shape is None else [int(v) for v in shape.tolist()]
    if target != natural:  # the places count in the natural plane: put them there, then in the larger one
        return _enlarge(x, places, natural, target)
    return x.new_zeros(math.prod(target)).scatter(0, places.reshape(-1), x.reshape(-1)).reshape(target)


def _enlarge(x: Tensor, places: Tensor, natural: list[int], target: list[int]) -> Tensor:
    inner = x.new_zeros(math.prod(natural)).scatter(0, places.reshape(-1), x.reshape(-1)).reshape(natural)
    pads = [t - n for n, t in zip(natural, target, strict=True)]
    return F.pad(inner, [p for grow in reversed(pads) for p in (0, grow)])


def _sums(node: Node, x: Tensor, window: Window) -> Tensor:
    """The sum in each window, by a convolution with ones (it knows dilations)."""
    flat = x.reshape(-1, 1, *x.shape[2:])
    ones = x.new_ones(1, 1, *window.kernel)
    sums: Tensor = pick(node, CONV, x.dim() - 2)(flat, ones, None, window.strides, 0, window.dilations)
    return sums.reshape(*x.shape[:2], *sums.shape[2:])


def _average(node: Node, x: Tensor) -> Tensor:
    window, with_pad = _window(node, x), node.flag("count_include_pad")
    if window.even and max(window.dilations) == 1 and _half(window):
        function = pick(node, MEAN, x.dim() - 2)
        result: Tensor = function(x, window.kernel, window.strides, window.before, False, with_pad)
        return result
    counted = x.new_ones(1, 1, *x.shape[2:])
    if with_pad:
        counted = window.pad(counted, 1.0, with_extra=False)
        counted = F.pad(counted, [p for e in reversed(window.extra) for p in (0, e)])
    else:
        counted = window.pad(counted)
    return _sums(node, window.pad(x), window) / _sums(node, counted, window)


def _half(window: Window) -> bool:
    """torch pads an average pool by at most half of its kernel."""
    return all(2 * p <= k for p, k in zip(window.before, window.kernel, strict=True))


def _lp(node: Node, x: Tensor) -> Tensor:
    window, p = _window(node, x), node.number("p", 2)
    return _sums(node, window.pad(x.abs() ** p), window) ** (1 / p)


def _spatial(x: Tensor) -> list[int]:
    return list(range(2, x.dim()))


def _global_lp(node: Node, x: Tensor) -> Tensor:
    p = node.number("p", 2)
    return (x.abs() ** p).sum(_spatial(x), keepdim=True) ** (1 / p)


TABLE: Table = {
    "MaxPool": _max,
    "MaxUnpool": _unpool,
    "AveragePool": _average,
    "LpPool": _lp,
    "GlobalAveragePool": lambda node, x: x.mean(_spatial(x), keepdim=True),
    "GlobalMaxPool": lambda node, x: x.amax(_spatial(x), keepdim=True),
    "GlobalLpPool": _global_lp,
}
