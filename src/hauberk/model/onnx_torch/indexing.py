"""Operators that pick elements and put them: slices, gathers, scatters, sorts."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .node import Node, Table, ints, room

REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def _slice(
    node: Node,
    x: Tensor,
    starts: Tensor | None = None,
    ends: Tensor | None = None,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    first = ints(starts) if starts is not None else node.integers("starts") or []
    last = ints(ends) if ends is not None else node.integers("ends") or []
    along = ints(axes) if axes is not None else node.integers("axes") or list(range(len(first)))
    stride = ints(steps) if steps is not None else [1] * len(first)
    for start, end, axis, step in zip(first, last, along, stride, strict=True):
        x = _slice_axis(node, x, axis % x.dim(), start, end, step)
    return x


def _slice_axis(node: Node, x: Tensor, axis: int, start: int, end: int, step: int) -> Tensor:
    if step == 0:
        raise node.refuse("step 0")
    if step > 0:
        return x[(slice(None),) * axis + (slice(*slice(start, end, step).indices(x.shape[axis])),)]
    at = list(range(x.shape[axis])[start:end:step])
    return x.index_select(axis, torch.tensor(at, dtype=torch.long, device=x.device))


def _positive(index: Tensor, size: int) -> Tensor:
    index = index.long()
    return torch.where(index < 0, index + size, index)


def _gather(node: Node, x: Tensor, indices: Tensor) -> Tensor:
    axis = node.integer("axis", 0) % x.dim()
    if indices.dim() == 0:
        return x.select(axis, int(indices.item()))
    flat = x.index_select(axis, _positive(indices, x.shape[axis]).reshape(-1))
    return flat.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


def _gather_elements(node: Node, x: Tensor, indices: Tensor) -> Tensor:
    axis = node.integer("axis", 0) % x.dim()
    return torch.gather(x, axis, _positive(indices, x.shape[axis]))


def _places(indices: Tensor, sizes: list[int]) -> tuple[Tensor, ...]:
    return tuple(_positive(indices[..., i], size) for i, size in enumerate(sizes))


def _gather_nd(node: Node, x: Tensor, indices: Tensor) -> Tensor:
    batch = node.integer("batch_dims", 0)
    depth = indices.shape[-1]
    rows = int(math.prod(x.shape[:batch]))
    flat = x.reshape(rows, *x.shape[batch:])
    index = indices.reshape(rows, -1, depth)
    row = torch.arange(rows, device=x.device).unsqueeze(1)
    picked = flat[(row, *_places(index, list(x.shape[batch : batch + depth])))]
    return picked.reshape(*indices.shape[:-1], *x.shape[batch + depth :])


def _scatter_elements(node: Node, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    axis, how = node.integer("axis", 0) % x.dim(), node.text("reduction", "none")
    index = _positive(indices, x.shape[axis])
    if how == "none":
        return x.scatter(axis, index, updates)
    return x.scatter_reduce(axis, index, updates, REDUCTIONS[how])


def _scatter_nd(node: Node, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    """Each index names a block of the trailing axes: blocks become rows, then one scatter along rows."""
    depth, how = indices.shape[-1], node.text("reduction", "none")
    sizes, block = list(x.shape[:depth]), int(math.prod(x.shape[depth:]))
    row = torch.zeros(indices.shape[:-1], dtype=torch.long, device=x.device)
    for size, place in zip(sizes, _places(indices, sizes), strict=True):
        row = row * size + place
    flat, index = x.reshape(-1, block), row.reshape(-1, 1).expand(-1, block)
    new = updates.reshape(-1, block)
    if how == "none":
        return flat.scatter(0, index, new).reshape(x.shape)
    return flat.scatter_reduce(0, index, new, REDUCTIONS[how]).reshape(x.shape)


def _top_k(node: Node, x: Tensor, k: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """A stable sort, since ONNX gives ties to the lower index."""
    axis = node.integer("axis", -1) % x.dim()
    count = int(k.item()) if k is not None else node.integer("k", 1)
    largest = node.flag("largest", True)
    values, places = torch.sort(x, dim=axis, descending=largest, stable=True)
    return values.narrow(axis, 0, count), places.narrow(axis, 0, count)


def _one_hot(node: Node, indices: Tensor, depth: Tensor, values: Tensor) -> Tensor:
    size, axis = int(depth.reshape(-1)[0].item()), node.integer("axis", -1)
    room([*indices.shape, size])
    index = indices.long()
    index = torch.where(index < 0, index + size, index)
    hot = index.unsqueeze(-1) == torch.arange(size, device=index.device)
    placed = hot.movedim(-1, axis)
    return torch.where(placed, values[1], values[0])


def _compress(node: Node, x: Tensor, condition: Tensor) -> Tensor:
    if not node.has("axis"):
        x, axis = x.reshape(-1), 0
    else:
        axis = node.integer("axis", 0)
    return x.index_select(axis, torch.nonzero(condition).reshape(-1))


def _reverse_sequence(node: Node, x: Tensor, lengths: Tensor) -> Tensor:
    time, batch = node.integer("time_axis", 0), node.integer("batch_axis", 1)
    moved = x.movedim((batch, time), (0, 1))
    step = torch.arange(moved.shape[1], device=x.device)
    length = lengths.reshape(-1, 1)
    at = torch.where(step < length, length - 1 - step, step)
    rows = torch.arange(moved.shape[0], device=x.device).unsqueeze(1)
    return moved[rows, at].movedim((0, 1), (batch, time))


def _cumulate(node: Node, x: Tensor, axis: Tensor) -> Tensor:
    along, multiply = int(axis.item()) % x.dim(), node.op == "CumProd"
    x = x.flip(along) if node.flag("reverse") else x
    if node.flag("exclusive"):
        first = torch.ones_like(x.narrow(along, 0, 1)) if multiply else torch.zeros_like(x.narrow(along, 0, 1))
        x = torch.cat([first, x.narrow(along, 0, x.shape[along] - 1)], along)
    run = x.cumprod(along, dtype=x.dtype) if multiply else x.cumsum(along, dtype=x.dtype)
    return run.flip(along) if node.flag("reverse") else run


TABLE: Table = {
    "Slice": _slice,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "Scatter": _scatter_elements,
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_nd,
    "TopK": _top_k,
    "OneHot": _one_hot,
    "Compress": _compress,
    "NonZero": lambda node, x: torch.nonzero(x).T,
    "ReverseSequence": _reverse_sequence,
    "CumSum": _cumulate,
    "CumProd": _cumulate,
}
