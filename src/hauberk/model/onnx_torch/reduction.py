"""Reductions over axes; axes are an attribute in older opsets and an input in newer ones."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .node import Node, Op, Table, axes_of

Reducer = Callable[[Tensor, list[int], bool], Tensor]


def _reduction(reduce: Reducer) -> Op:
    def op(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
        chosen = axes_of(node, axes, x.dim())
        if not chosen:
            if node.flag("noop_with_empty_axes"):
                return reduce(x.unsqueeze(0), [0], False) if node.op in SHAPED else x
            chosen = list(range(x.dim()))
        return reduce(x, chosen, node.flag("keepdims", True)).to(x.dtype) if x.dim() else reduce(x, [], True)

    return op


SHAPED = {"ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp"}
"""Their elementwise step is done even when nothing is reduced."""


def _extreme(x: Tensor, axes: list[int], keep: bool, *, largest: bool) -> Tensor:
    if x.dtype is torch.bool and x.numel() == 0:
        return torch.full_like(x.sum(axes, keepdim=keep), not largest, dtype=torch.bool)
    if x.dtype is torch.bool:
        return _extreme(x.to(torch.uint8), axes, keep, largest=largest).to(torch.bool)
    if x.numel() == 0:
        limit = torch.finfo(x.dtype).max if x.is_floating_point() else torch.iinfo(x.dtype).max
        worst = -math.inf if largest else math.inf
        start = worst if x.is_floating_point() else (-limit - 1 if largest else limit)
        return torch.full_like(x.sum(axes, keepdim=keep, dtype=x.dtype), start)
    return x.amax(axes, keepdim=keep) if largest else x.amin(axes, keepdim=keep)


def _mean(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    if x.is_floating_point():
        return x.mean(axes, keepdim=keep)
    return x.double().mean(axes, keepdim=keep)


def _product(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    for axis in sorted(axes, reverse=True):
        x = x.prod(axis, keepdim=keep, dtype=x.dtype)
    return x


def _l2(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    wide = x if x.is_floating_point() else x.double()
    size: Tensor = torch.linalg.vector_norm(wide, 2, axes, keepdim=keep)
    return size


def _log_sum_exp(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    return torch.logsumexp(x if x.is_floating_point() else x.double(), axes, keepdim=keep)


def _log_sum(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    return (x if x.is_floating_point() else x.double()).sum(axes, keepdim=keep).log()


def _argument(*, largest: bool) -> Op:
    def op(node: Node, x: Tensor) -> Tensor:
        axis, keep = node.integer("axis", 0), node.flag("keepdims", True)
        last = node.flag("select_last_index")
        seen = x.flip(axis) if last else x
        found = seen.argmax(axis, keepdim=keep) if largest else seen.argmin(axis, keepdim=keep)
        return x.shape[axis] - 1 - found if last else found

    return op


TABLE: Table = {
    "ReduceSum": _reduction(lambda x, axes, keep: x.sum(axes, keepdim=keep, dtype=x.dtype)),
    "ReduceMean": _reduction(_mean),
    "ReduceMax": _reduction(lambda x, axes, keep: _extreme(x, axes, keep, largest=True)),
    "ReduceMin": _reduction(lambda x, axes, keep: _extreme(x, axes, keep, largest=False)),
    "ReduceProd": _reduction(_product),
    "ReduceL1": _reduction(lambda x, axes, keep: x.abs().sum(axes, keepdim=keep, dtype=x.dtype)),
    "ReduceL2": _reduction(_l2),
    "ReduceSumSquare": _reduction(lambda x, axes, keep: x.square().sum(axes, keepdim=keep, dtype=x.dtype)),
    "ReduceLogSum": _reduction(_log_sum),
    "ReduceLogSumExp": _reduction(_log_sum_exp),
    "ArgMax": _argument(largest=True),
    "ArgMin": _argument(largest=False),
}
