"""One node of an ONNX graph as its operator sees it, and what the operators share.

An operator is `op(node, *inputs)`: inputs are tensors (None where an optional one is left out; a list for
an ONNX sequence), and it returns one value or a tuple of them. Control operators (If, Loop, Scan) are
`op(node, scope, *inputs)`.

>>> Node("Elu", "e1", 17, {"alpha": 0.5}).number("alpha", 1.0)
0.5
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper
from torch import Tensor

from hauberk.core.errors import InputError, LimitExceeded, UnsupportedError

Op = Callable[..., Any]
Table = Mapping[str, Op]

MAX_ELEMENTS = 1 << 28  # of one computed tensor: 1 GiB of float32, far above any classifier's activations

DTYPES: dict[int, torch.dtype] = {
    TensorProto.FLOAT: torch.float32, TensorProto.DOUBLE: torch.float64, TensorProto.FLOAT16: torch.float16,
    TensorProto.BFLOAT16: torch.bfloat16, TensorProto.BOOL: torch.bool, TensorProto.INT8: torch.int8,
    TensorProto.INT16: torch.int16, TensorProto.INT32: torch.int32, TensorProto.INT64: torch.int64,
    TensorProto.UINT8: torch.uint8, TensorProto.UINT16: torch.uint16, TensorProto.UINT32: torch.uint32,
    TensorProto.UINT64: torch.uint64,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Node:
    """op: operator type. opset: version of ai.onnx. outputs: how many the graph declares."""

    op: str
    name: str
    opset: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    outputs: int = 1

    def has(self, name: str) -> bool:
        """Whether the attribute is given."""
        return name in self.attributes

    def integer(self, name: str, default: int) -> int:
        """An int attribute."""
        return int(self.attributes.get(name, default))

    def flag(self, name: str, default: bool = False) -> bool:
        """An int attribute that means yes or no."""
        return bool(self.attributes.get(name, default))

    def number(self, name: str, default: float) -> float:
        """A float attribute."""
        return float(self.attributes.get(name, default))

    def text(self, name: str, default: str) -> str:
        """A string attribute."""
        return str(self.attributes.get(name, default))

    def integers(self, name: str) -> list[int] | None:
        """A list of ints, or None when it is not given."""
        return list(self.attributes[name]) if name in self.attributes else None

    def graph(self, name: str) -> Any:
        """A compiled subgraph (`graph.Graph`)."""
        return self.attributes[name]

    def refuse(self, why: str) -> UnsupportedError:
        """The error to raise when this node asks for something that is not written."""
        return UnsupportedError(f"onnx node {self.name or self.op} ({self.op}, opset {self.opset}): {why}")

    def dtype(self, number: int) -> torch.dtype:
        """The torch type of an ONNX element type."""
        if number not in DTYPES:
            raise self.refuse(f"torch has no element type for {type_name(number)}")
        return DTYPES[number]


def type_name(number: int) -> str:
    """FLOAT8E5M2 for 19; the number itself when it is not known."""
    return str(TensorProto.DataType.Name(number)) if number in TensorProto.DataType.values() else str(number)


def tensor_of(proto: TensorProto) -> Tensor:
    """The tensor in a proto. Raises InputError when its data does not fill its shape."""
    if proto.data_type not in DTYPES:
        raise UnsupportedError(f"onnx tensor {proto.name}: no torch type for {type_name(proto.data_type)}")
    try:
        array = np.array(numpy_helper.to_array(proto))
    except (ValueError, TypeError) as error:
        raise InputError(f"onnx tensor {proto.name}: {error}") from error
    if proto.data_type == TensorProto.BFLOAT16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def attribute_of(proto: onnx.AttributeProto) -> Any:
    """An attribute as Python has it; tensors as torch tensors. Graphs are compiled by `graph`."""
    if proto.type == onnx.AttributeProto.TENSOR:
        return tensor_of(proto.t)
    value = onnx.helper.get_attribute_value(proto)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def ints(value: Tensor | None) -> list[int]:
    """A 1-D (or scalar) integer tensor as a list; empty for None."""
    return [] if value is None else [int(v) for v in value.reshape(-1).tolist()]


def axes_of(node: Node, given: Tensor | None, rank: int) -> list[int]:
    """Axes from the input (newer opsets) or the attribute (older), made non-negative."""
    listed = ints(given) if given is not None else node.integers("axes") or []
    return [axis % rank if rank else 0 for axis in listed]


def room(shape: Iterable[int]) -> list[int]:
    """The shape, unless a tensor of it would be a memory bomb: then LimitExceeded."""
    sizes = [int(size) for size in shape]
    if math.prod(max(size, 0) for size in sizes) > MAX_ELEMENTS:
        raise LimitExceeded(f"onnx: a tensor of shape {sizes} has more than {MAX_ELEMENTS} elements")
    return sizes


def merge(tables: Sequence[Table]) -> dict[str, Op]:
    """All tables in one. An operator in two of them is a mistake of ours."""
    merged: dict[str, Op] = {}
    for table in tables:
        twice = merged.keys() & table.keys()
        if twice:
            raise RuntimeError(f"operators in two tables: {sorted(twice)}")
        merged.update(table)
    return merged
