"""Normalisations as they are at inference."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .node import Node, Table

EPSILON = 1e-5  # of every ONNX normalisation that has one, unless the node says otherwise


def _batch(node: Node, x: Tensor, scale: Tensor, b: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    if node.flag("training_mode") or (node.opset < 14 and node.outputs > 1):
        raise node.refuse("training mode: the answer would depend on the rest of the batch")
    return F.batch_norm(x, mean, var, scale, b, False, 0.0, node.number("epsilon", EPSILON))


def _instance(node: Node, x: Tensor, scale: Tensor, b: Tensor) -> Tensor:
    return F.instance_norm(x, weight=scale, bias=b, eps=node.number("epsilon", EPSILON))


def _layer(
    node: Node, x: Tensor, scale: Tensor, b: Tensor | None = None
) -> Tensor | tuple[Tensor, Tensor, Tensor]:
    axis, eps = node.integer("axis", -1) % x.dim(), node.number("epsilon", EPSILON)
    axes = list(range(axis, x.dim()))
    y = F.layer_norm(x, x.shape[axis:], eps=eps) * scale
    y = y if b is None else y + b
    if node.outputs == 1:
        return y
    mean = x.mean(axes, keepdim=True)
    return y, mean, torch.rsqrt((x - mean).square().mean(axes, keepdim=True) + eps)


def _rms(node: Node, x: Tensor, scale: Tensor) -> Tensor:
    axes = list(range(node.integer("axis", -1) % x.dim(), x.dim()))
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    size = wide.square().mean(axes, keepdim=True)
    return (wide * torch.rsqrt(size + node.number("epsilon", EPSILON))).to(x.dtype) * scale


def _group(node: Node, x: Tensor, scale: Tensor, b: Tensor) -> Tensor:
    """scale and bias are per group in opset 18 and per channel since 21."""
    groups = node.integer("num_groups", 1)
    if node.opset < 21:
        scale, b = (v.repeat_interleave(x.shape[1] // groups) for v in (scale, b))
    return F.group_norm(x, groups, scale, b, node.number("epsilon", EPSILON))


def _lp(node: Node, x: Tensor) -> Tensor:
    axis, p = node.integer("axis", -1), node.integer("p", 2)
    size = torch.linalg.vector_norm(x, p, axis, keepdim=True)
    return torch.where(size == 0, torch.zeros_like(x), x / torch.where(size == 0, torch.ones_like(size), size))


def _mean_variance(node: Node, x: Tensor) -> Tensor:
    axes = node.integers("axes") or [0, 2, 3]
    centred = x - x.mean(axes, keepdim=True)
    return centred / (centred.square().mean(axes, keepdim=True).sqrt() + 1e-9)  # 1e-9: as ONNX defines it


def _local_response(node: Node, x: Tensor) -> Tensor:
    size, alpha = node.integer("size", 1), node.number("alpha", 1e-4)
    before, channels = (size - 1) // 2, x.shape[1]
    squares = F.pad(x.square(), [0, 0] * (x.dim() - 2) + [before, size - 1 - before])
    total = torch.stack([squares[:, i : i + channels] for i in range(size)]).sum(0)
    return x / (node.number("bias", 1.0) + alpha / size * total) ** node.number("beta", 0.75)


TABLE: Table = {
    "BatchNormalization": _batch,
    "InstanceNormalization": _instance,
    "LayerNormalization": _layer,
    "RMSNormalization": _rms,
    "GroupNormalization": _group,
    "LpNormalization": _lp,
    "MeanVarianceNormalization": _mean_variance,
    "LRN": _local_response,
}
