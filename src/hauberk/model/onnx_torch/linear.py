"""Matrix products."""

from __future__ import annotations

import torch
from torch import Tensor

from .node import Node, Table


def _gemm(node: Node, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    a = a.T if node.flag("transA") else a
    b = b.T if node.flag("transB") else b
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    if c is not None and alpha == beta == 1.0 and c.dim() <= 2 and a.is_floating_point():
        return torch.addmm(c, a, b)
    product = a @ b if alpha == 1.0 else alpha * (a @ b)
    return product if c is None else product + (c if beta == 1.0 else beta * c)


def _einsum(node: Node, *inputs: Tensor) -> Tensor:
    return torch.einsum(node.text("equation", "").replace(" ", ""), *inputs)


TABLE: Table = {
    "MatMul": lambda node, a, b: torch.matmul(a, b),
    "Gemm": _gemm,
    "Einsum": _einsum,
}
