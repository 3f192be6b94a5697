"""Convolutions in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from .node import Node, Op, Table
from .windows import Window, spread, window_of

CONV: dict[int, Op] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED: dict[int, Op] = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def pick(node: Node, functions: dict[int, Op], rank: int) -> Op:
    """The function for so many spatial axes."""
    if rank not in functions:
        raise node.refuse(f"{rank} spatial axes; torch has 1, 2 and 3")
    return functions[rank]


def convolve(node: Node, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """Conv: x (n, c, *spatial), w (m, c/group, *kernel)."""
    function = pick(node, CONV, w.dim() - 2)
    window = window_of(node, x.shape[2:], w.shape[2:])
    if window.even:
        padding: Sequence[int] = window.before
    else:
        x, padding = window.pad(x), (0,) * len(window.kernel)
    result: Tensor = function(
        x, w, b, window.strides, padding, window.dilations, node.integer("group", 1)
    )
    return result


def _transposed(node: Node, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """All of the output first, then crop the pads: that is right for uneven pads too."""
    function = pick(node, TRANSPOSED, w.dim() - 2)
    rank = w.dim() - 2
    zeros = (0,) * rank
    window = window_of(node, zeros, w.shape[2:])
    grow = node.integers("output_padding") or [0] * rank
    full: Tensor = function(
        x, w, None, window.strides, zeros, zeros, node.integer("group", 1), window.dilations
    )
    before, after = _crop(node, [n + g for n, g in zip(full.shape[2:], grow, strict=True)], x, window)
    cut = F.pad(full, spread([-p for p in before], [g - p for g, p in zip(grow, after, strict=True)]))
    return cut if b is None else cut + b.reshape(1, -1, *(1,) * rank)


def _crop(node: Node, full: list[int], x: Tensor, window: Window) -> tuple[list[int], list[int]]:
    target, mode = node.integers("output_shape"), node.text("auto_pad", "NOTSET")
    rank = len(full)
    if target is None and mode in ("SAME_UPPER", "SAME_LOWER"):
        target = [n * s for n, s in zip(x.shape[2:], window.strides, strict=True)]
    if target is None:
        return list(window.before), list(window.after)
    total = [n - t for n, t in zip(full, target[-rank:], strict=True)]
    half = [t // 2 for t in total]
    rest = [t - h for t, h in zip(total, half, strict=True)]
    return (half, rest) if mode == "SAME_UPPER" else (rest, half)


TABLE: Table = {"Conv": convolve, "ConvTranspose": _transposed}
