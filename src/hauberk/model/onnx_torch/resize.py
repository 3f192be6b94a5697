"""Resize and Upsample. Each axis is one small matrix (new length, old length), so that every mode is exact,
differentiable and the same few lines; nearest picks by index instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .node import Node, Table, ints, room


@dataclass(frozen=True)
class Axis:
    """One axis to resize. old, new: lengths; scale: new / old as the node says; roi: the part to crop."""

    index: int
    old: int
    new: int
    scale: float
    roi: tuple[float, float]


def _resize(
    node: Node,
    x: Tensor,
    roi: Tensor | None = None,
    scales: Tensor | None = None,
    sizes: Tensor | None = None,
) -> Tensor:
    if node.opset == 10:
        roi, scales = None, roi
    factors = [] if scales is None else [float(v) for v in scales.tolist()]
    axes = _axes(node, x, factors, ints(sizes), [] if roi is None else [float(v) for v in roi.tolist()])
    room(_lengths(x, axes))
    for axis in axes:
        if axis.old != axis.new or axis.scale != 1 or axis.roi != (0.0, 1.0):
            x = _resize_axis(node, x, axis)
    return x


def _upsample(node: Node, x: Tensor, scales: Tensor | None = None) -> Tensor:
    factors = node.attributes["scales"] if scales is None else scales.tolist()
    like = replace(node, op="Resize", opset=10)
    return _resize(like, x, torch.tensor([float(f) for f in factors]))


def _lengths(x: Tensor, axes: Sequence[Axis]) -> list[int]:
    shape = list(x.shape)
    for axis in axes:
        shape[axis.index] = axis.new
    return shape


def _axes(node: Node, x: Tensor, scales: list[float], sizes: list[int], roi: list[float]) -> list[Axis]:
    chosen = [a % x.dim() for a in node.integers("axes") or range(x.dim())]
    old = [x.shape[a] for a in chosen]
    if sizes:
        scales, sizes = _from_sizes(node.text("keep_aspect_ratio_policy", "stretch"), old, sizes)
    else:
        sizes = [math.floor(o * s) for o, s in zip(old, scales, strict=True)]
    half = len(roi) // 2
    crops = list(zip(roi[:half], roi[half:], strict=True)) if _crops(node) and roi else [(0.0, 1.0)] * len(old)
    return [Axis(*fields) for fields in zip(chosen, old, sizes, scales, crops, strict=True)]


def _from_sizes(policy: str, old: list[int], sizes: list[int]) -> tuple[list[float], list[int]]:
    scales = [n / o for n, o in zip(sizes, old, strict=True)]
    if policy == "stretch":
        return scales, sizes
    scale = min(scales) if policy == "not_larger" else max(scales)
    return [scale] * len(old), [math.floor(scale * o + 0.5) for o in old]


def _crops(node: Node) -> bool:
    return _transform(node) == "tf_crop_and_resize"


def _transform(node: Node) -> str:
    return node.text("coordinate_transformation_mode", "half_pixel" if node.opset > 10 else "asymmetric")


def _source(node: Node, axis: Axis) -> Tensor:
    """Where each new position lies in the old axis, in float64."""
    at, mode = torch.arange(axis.new, dtype=torch.float64), _transform(node)
    if mode == "asymmetric":
        return at / axis.scale
    if mode == "align_corners":
        length = axis.old * axis.scale
        return at * (axis.old - 1) / (length - 1) if length > 1 else torch.zeros_like(at)
    if mode == "tf_crop_and_resize":
        start, end = axis.roi
        if axis.new == 1:
            return torch.full_like(at, 0.5 * (start + end) * (axis.old - 1))
        return start * (axis.old - 1) + at * (end - start) * (axis.old - 1) / (axis.new - 1)
    if mode == "pytorch_half_pixel" and axis.new <= 1:
        return torch.full_like(at, -0.5)
    centred = (at + 0.5) / axis.scale - 0.5
    if mode == "half_pixel_symmetric":
        centred = centred + axis.old / 2 * (1 - axis.new / (axis.scale * axis.old))
    elif mode not in ("half_pixel", "pytorch_half_pixel"):
        raise node.refuse(f"coordinates {mode}")
    return centred


NEAREST: dict[str, Callable[[Tensor], Tensor]] = {
    "round_prefer_floor": lambda at: torch.ceil(at - 0.5),
    "round_prefer_ceil": lambda at: torch.floor(at + 0.5),
    "floor": torch.floor,
    "ceil": torch.ceil,
}


def _resize_axis(node: Node, x: Tensor, axis: Axis) -> Tensor:
    at = _source(node, axis)
    if node.text("mode", "nearest") == "nearest":
        rule = node.text("nearest_mode", "round_prefer_floor" if node.opset > 10 else "floor")
        index = NEAREST[rule](at).long().clamp(0, axis.old - 1).to(x.device)
        picked = x.index_select(axis.index, index)
    else:
        matrix = _matrix(node, at, axis).to(dtype=x.dtype, device=x.device)
        picked = torch.tensordot(x, matrix, dims=([axis.index], [1])).movedim(-1, axis.index)
    if not _crops(node):
        return picked
    outside = ((at < 0) | (at > axis.old - 1)).reshape([-1 if i == axis.index else 1 for i in range(x.dim())])
    return torch.where(outside.to(x.device), node.number("extrapolation_value", 0.0), picked)


def _matrix(node: Node, at: Tensor, axis: Axis) -> Tensor:
    """Rows of weights over old positions. Beyond the ends the end element is repeated, or left out."""
    linear = node.text("mode", "nearest") == "linear"
    kernel = _triangle if linear else _cubic(node.number("cubic_coeff_a", -0.75))
    stretch = min(axis.scale, 1.0) if node.flag("antialias") else 1.0
    radius = (1 if linear else 2) / stretch
    reach = math.ceil(radius)
    places = torch.floor(at).unsqueeze(1) + torch.arange(-reach, reach + 2, dtype=torch.float64)
    weights = kernel((places - at.unsqueeze(1)).abs() * stretch)
    if node.flag("exclude_outside"):
        weights = weights.masked_fill((places < 0) | (places > axis.old - 1), 0.0)
    if node.flag("exclude_outside") or node.flag("antialias"):
        weights = weights / weights.sum(1, keepdim=True)
    index = places.long().clamp(0, axis.old - 1)
    return torch.zeros(axis.new, axis.old, dtype=torch.float64).scatter_add(1, index, weights)


def _triangle(distance: Tensor) -> Tensor:
    return (1 - distance).clamp(min=0)


def _cubic(a: float) -> Callable[[Tensor], Tensor]:
    def kernel(d: Tensor) -> Tensor:
        near = (a + 2) * d**3 - (a + 3) * d**2 + 1
        far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
        return torch.where(d <= 1, near, torch.where(d < 2, far, torch.zeros_like(d)))

    return kernel


def _grid_sample(node: Node, x: Tensor, grid: Tensor) -> Tensor:
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(node.text("mode", "linear"), node.text("mode", "linear"))
    align, pad = node.flag("align_corners"), node.text("padding_mode", "zeros")
    return torch.nn.functional.grid_sample(x, grid, mode, pad, align)


TABLE: Table = {"Resize": _resize, "Upsample": _upsample, "GridSample": _grid_sample}
