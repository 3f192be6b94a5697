"""Quantised operators.

The gradient of rounding is taken as that of the identity inside the clip range (the straight-through
estimator, Bengio et al. 2013, arXiv:1308.3432): while a gradient is wanted, a quantised value is kept as
the same whole number in float, so that it can flow on to DequantizeLinear.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .convolution import convolve
from .node import Node, Table


def _along(node: Node, p: Tensor, x: Tensor) -> Tensor:
    """Scale or zero point shaped so that it broadcasts over x: per tensor, per axis or per block."""
    if p.numel() == 1:
        return p.reshape(())
    axis, block = node.integer("axis", 1) % x.dim(), node.integer("block_size", 0)
    if block:
        return p.repeat_interleave(block, axis).narrow(axis, 0, x.shape[axis])
    return p.reshape([-1 if i == axis else 1 for i in range(x.dim())])


def _target(node: Node, zero: Tensor | None) -> torch.dtype:
    if zero is not None:
        return zero.dtype
    return node.dtype(node.integer("output_dtype", 0)) if node.integer("output_dtype", 0) else torch.uint8


def quantise(x: Tensor, scale: Tensor, zero: Tensor, dtype: torch.dtype) -> Tensor:
    """round(x / scale) + zero, clipped to `dtype`; in float with a straight-through gradient if x needs one."""
    limits = torch.iinfo(dtype)
    exact = x / scale + zero.to(scale.dtype)
    whole = torch.round(x / scale) + zero.to(scale.dtype)
    if exact.requires_grad:
        return torch.clamp(exact + (whole - exact).detach(), limits.min, limits.max)
    return torch.clamp(whole, limits.min, limits.max).to(torch.int64).to(dtype)


def _quantise(node: Node, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    dtype = _target(node, zero)
    if dtype.is_floating_point:
        raise node.refuse(f"quantisation to {dtype}")
    point = torch.zeros(1, dtype=torch.int64) if zero is None else zero.to(torch.int64)
    wide = x.float() if x.dtype in (torch.float16, torch.int32) else x
    return quantise(wide, _along(node, scale, x).to(wide.dtype), _along(node, point, x), dtype)


def _dequantise(node: Node, q: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    value = q.to(scale.dtype)
    if zero is not None:
        value = value - _along(node, zero.to(scale.dtype), q)
    return value * _along(node, scale, q)


def _dynamic(node: Node, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    low, high = torch.clamp(x.min(), max=0.0), torch.clamp(x.max(), min=0.0)
    scale = ((high - low) / 255).detach()
    zero = torch.clamp(torch.round(-low / scale), 0, 255).detach().to(torch.uint8)
    return quantise(x, scale, zero.to(torch.int64), torch.uint8), scale, zero


def _minus(x: Tensor, zero: Tensor | None, axis: int) -> Tensor:
    """x - zero in float64, exact for sums of 8-bit products; a 1-D zero point goes along `axis`."""
    if zero is None:
        return x.double()
    if zero.dim() == 1 and zero.numel() > 1:
        zero = zero.reshape([-1 if i == axis % x.dim() else 1 for i in range(x.dim())])
    return x.double() - zero.double()


def _matmul_integer(
    node: Node, a: Tensor, b: Tensor, a_zero: Tensor | None = None, b_zero: Tensor | None = None
) -> Tensor:
    product = _minus(a, a_zero, -2) @ _minus(b, b_zero, -1)
    return product if product.requires_grad else product.to(torch.int32)


def _conv_integer(
    node: Node, x: Tensor, w: Tensor, x_zero: Tensor | None = None, w_zero: Tensor | None = None
) -> Tensor:
    product = convolve(node, _minus(x, x_zero, 1), _minus(w, w_zero, 0))
    return product if product.requires_grad else product.to(torch.int32)


def _scaled(product: Tensor, a: Tensor, b: Tensor, y: Tensor, zero: Tensor, axis: int) -> Tensor:
    factor = a.double() * b.double() / y.double()
    if factor.dim() == 1 and factor.numel() > 1:
        factor = factor.reshape([-1 if i == axis % product.dim() else 1 for i in range(product.dim())])
    return quantise(product * factor, torch.ones((), dtype=torch.float64), zero.to(torch.int64), zero.dtype)


def _qlinear_matmul(
    node: Node, a: Tensor, sa: Tensor, za: Tensor, b: Tensor, sb: Tensor, zb: Tensor, sy: Tensor, zy: Tensor
) -> Tensor:
    return _scaled(_minus(a, za, -2) @ _minus(b, zb, -1), sa, sb, sy, zy, -1)


def _qlinear_conv(
    node: Node,
    x: Tensor, sx: Tensor, zx: Tensor,
    w: Tensor, sw: Tensor, zw: Tensor,
    sy: Tensor, zy: Tensor,
    b: Tensor | None = None,
) -> Tensor:  # fmt: skip
    product = convolve(node, _minus(x, zx, 1), _minus(w, zw, 0), None if b is None else b.double())
    return _scaled(product, sx, sw, sy, zy, 1)


TABLE: Table = {
    "QuantizeLinear": _quantise,
    "DequantizeLinear": _dequantise,
    "DynamicQuantizeLinear": _dynamic,
    "MatMulInteger": _matmul_integer,
    "ConvInteger": _conv_integer,
    "QLinearMatMul": _qlinear_matmul,
    "QLinearConv": _qlinear_conv,
}
