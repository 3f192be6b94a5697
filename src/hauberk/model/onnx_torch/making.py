"""Constants, shapes, casts and the operators that only pass values on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .node import Node, Table, ints, room


def _constant(node: Node) -> Tensor:
    if node.has("value"):
        value: Tensor = node.attributes["value"]
        return value
    for name, dtype in (("value_float", torch.float32), ("value_int", torch.int64)):
        for key in (name, name + "s"):
            if node.has(key):
                return torch.tensor(node.attributes[key], dtype=dtype)
    raise node.refuse(f"a constant of kind {', '.join(node.attributes)}")


def _constant_of_shape(node: Node, shape: Tensor) -> Tensor:
    fill: Tensor = node.attributes.get("value", torch.zeros(1))
    return fill.reshape(()).expand(room(ints(shape))).clone()


def _shape(node: Node, x: Tensor) -> Tensor:
    start, end = node.integer("start", 0), node.integer("end", x.dim())
    return torch.tensor(list(x.shape)[max(start, -x.dim()) : end], dtype=torch.int64)


def _range(node: Node, start: Tensor, limit: Tensor, delta: Tensor) -> Tensor:
    first, last, step = start.item(), limit.item(), delta.item()
    if step == 0:
        raise node.refuse("step 0")
    room([max(int((last - first) / step), 0)])
    if (last - first) / step <= 0:
        return torch.empty(0, dtype=start.dtype)
    return torch.arange(first, last, step, dtype=start.dtype)


def _eye(node: Node, x: Tensor) -> Tensor:
    dtype = node.dtype(node.integer("dtype", 0)) if node.has("dtype") else x.dtype
    rows, columns = room(x.shape)
    at = torch.arange(columns) - torch.arange(rows).unsqueeze(1)
    return (at == node.integer("k", 0)).to(dtype)


def cast(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Cast; a float goes to an integer through int64, since that is the conversion C defines most of."""
    if x.is_floating_point() and dtype in (torch.int8, torch.int16, torch.uint8, torch.uint16, torch.uint32):
        return x.to(torch.int64).to(dtype)
    return x.to(dtype)


def _cast(node: Node, x: Tensor) -> Tensor:
    return cast(x, node.dtype(node.integer("to", 0)))


def _bit_cast(node: Node, x: Tensor) -> Tensor:
    return x.view(node.dtype(node.integer("to", 0)))


def _dropout(node: Node, x: Tensor, ratio: Tensor | None = None, training: Tensor | None = None) -> Any:
    if training is not None and bool(training) and (ratio is None or float(ratio) > 0):
        raise node.refuse("training mode: its answer is random")
    return x if node.outputs == 1 else (x, torch.ones_like(x, dtype=torch.bool))


TABLE: Table = {
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Shape": _shape,
    "Size": lambda node, x: torch.tensor(x.numel(), dtype=torch.int64),
    "Range": _range,
    "EyeLike": _eye,
    "Cast": _cast,
    "CastLike": lambda node, x, like: cast(x, like.dtype),
    "BitCast": _bit_cast,
    "Identity": lambda node, x: x,
    "Dropout": _dropout,
}
