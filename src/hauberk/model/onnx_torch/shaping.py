"""Operators that move elements about and change none."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .node import Node, Table, axes_of, ints, room


def _reshape(node: Node, x: Tensor, shape: Tensor | None = None) -> Tensor:
    sizes = ints(shape) if shape is not None else list(node.integers("shape") or [])
    if not node.flag("allowzero"):
        sizes = [x.shape[i] if size == 0 and i < x.dim() else size for i, size in enumerate(sizes)]
    return x.reshape(sizes)


def _flatten(node: Node, x: Tensor) -> Tensor:
    axis = node.integer("axis", 1)
    axis = axis + x.dim() if axis < 0 else axis
    rows = int(torch.Size(x.shape[:axis]).numel())
    return x.reshape(rows, -1) if x.numel() else x.reshape(rows, int(torch.Size(x.shape[axis:]).numel()))


def _transpose(node: Node, x: Tensor) -> Tensor:
    return x.permute(node.integers("perm") or list(reversed(range(x.dim()))))


def _squeeze(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    chosen = axes_of(node, axes, x.dim()) or [i for i, size in enumerate(x.shape) if size == 1]
    return x.squeeze(chosen)


def _unsqueeze(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    count = len(ints(axes)) if axes is not None else len(node.integers("axes") or [])
    for axis in sorted(axes_of(node, axes, x.dim() + count)):
        x = x.unsqueeze(axis)
    return x


def _concat(node: Node, *inputs: Tensor) -> Tensor:
    return torch.cat(inputs, node.integer("axis", 1))


def split_sizes(node: Node, length: int, split: Tensor | None) -> list[int]:
    """How Split cuts an axis of `length`."""
    sizes = ints(split) if split is not None else node.integers("split")
    if sizes:
        return sizes
    count = node.integer("num_outputs", node.outputs)
    chunk = -(-length // count)
    return [max(min(chunk, length - i * chunk), 0) for i in range(count)]


def _split(node: Node, x: Tensor, split: Tensor | None = None) -> tuple[Tensor, ...]:
    axis = node.integer("axis", 0)
    return torch.split(x, split_sizes(node, x.shape[axis], split), axis)


def broadcast(a: Sequence[int], b: Sequence[int]) -> list[int]:
    """The shape that both broadcast to; torch itself checks that they do."""
    rank = max(len(a), len(b))
    one, two = ([1] * (rank - len(s)) + list(s) for s in (a, b))
    return [n if m == 1 else m for n, m in zip(one, two, strict=True)]


def _expand(node: Node, x: Tensor, shape: Tensor) -> Tensor:
    return x.expand(room(broadcast(x.shape, ints(shape))))


def _tile(node: Node, x: Tensor, repeats: Tensor) -> Tensor:
    times = ints(repeats)
    room(n * t for n, t in zip(x.shape, times, strict=True))
    return x.repeat(times)


def _pad(
    node: Node, x: Tensor, pads: Tensor | None = None, value: Tensor | None = None, axes: Tensor | None = None
) -> Tensor:
    widths = ints(pads) if pads is not None else node.integers("pads") or node.integers("paddings") or []
    chosen = [a % x.dim() for a in ints(axes)] if axes is not None else list(range(x.dim()))
    fill = value.item() if value is not None else node.number("value", 0.0)
    room(size + sum(max(w, 0) for w in widths) for size in x.shape)
    half = len(chosen)
    for axis, before, after in zip(chosen, widths[:half], widths[half:], strict=True):
        if before or after:
            x = _pad_axis(node, x, axis, before, after, fill)
    return x


def _pad_axis(node: Node, x: Tensor, axis: int, before: int, after: int, fill: float) -> Tensor:
    """Every mode is a rule from positions in the result to positions in x."""
    size, mode = x.shape[axis], node.text("mode", "constant")
    if mode == "constant":
        pads = [0, 0] * (x.dim() - 1 - axis) + [before, after]
        if x.dtype is torch.bool:
            return torch.nn.functional.pad(x.to(torch.uint8), pads, value=int(fill)).to(torch.bool)
        return torch.nn.functional.pad(x, pads, value=fill)
    at = torch.arange(-before, size + after, device=x.device)
    if mode == "edge":
        at = at.clamp(0, size - 1)
    elif mode == "wrap":
        at = at % size
    elif mode == "reflect":
        period = max(2 * (size - 1), 1)
        at = (size - 1) - ((at % period) - (size - 1)).abs()
    else:
        raise node.refuse(f"pad mode {mode}")
    return x.index_select(axis, at)


def _depth_to_space(node: Node, x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    b = node.integer("blocksize", 1)
    if node.text("mode", "DCR") == "CRD":
        moved = x.reshape(n, c // (b * b), b, b, h, w).permute(0, 1, 4, 2, 5, 3)
    else:
        moved = x.reshape(n, b, b, c // (b * b), h, w).permute(0, 3, 4, 1, 5, 2)
    return moved.reshape(n, c // (b * b), h * b, w * b)


def _space_to_depth(node: Node, x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    b = node.integer("blocksize", 1)
    split = x.reshape(n, c, h // b, b, w // b, b)
    order = (0, 1, 3, 5, 2, 4) if node.text("mode", "DCR") == "CRD" else (0, 3, 5, 1, 2, 4)
    return split.permute(order).reshape(n, c * b * b, h // b, w // b)


def _trilu(node: Node, x: Tensor, k: Tensor | None = None) -> Tensor:
    shift = int(k.item()) if k is not None else 0
    if x.numel() == 0:
        return x
    limit = max(x.shape[-2:]) + 1  # beyond that nothing changes, and torch wants a small number
    shift = max(-limit, min(limit, shift))
    return torch.triu(x, shift) if node.flag("upper", True) else torch.tril(x, shift)


def _center(node: Node, x: Tensor, shape: Tensor) -> Tensor:
    """CenterCropPad: crop or zero-pad each axis around its middle."""
    axes = [a % x.dim() for a in node.integers("axes") or range(x.dim())]
    room(ints(shape))
    for axis, want in zip(axes, ints(shape), strict=True):
        have = x.shape[axis]
        if want < have:
            x = x.narrow(axis, (have - want) // 2, want)
        else:
            x = _pad_axis(Node("Pad", node.name, node.opset), x, axis, (want - have) // 2, -((have - want) // 2), 0)
    return x


TABLE: Table = {
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Concat": _concat,
    "Split": _split,
    "Expand": _expand,
    "Tile": _tile,
    "Pad": _pad,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Trilu": _trilu,
    "CenterCropPad": _center,
}
