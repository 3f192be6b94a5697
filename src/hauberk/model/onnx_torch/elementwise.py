"""Elementwise arithmetic, comparison, logic and bit operators; they broadcast as NumPy does."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor

from .node import Node, Op, Table

NARROW = (torch.uint16, torch.uint32, torch.uint64)  # torch has few kernels for these


def plain(function: Callable[..., Tensor]) -> Op:
    """An operator without attributes."""

    def op(node: Node, *inputs: Tensor) -> Tensor:
        if any(x.dtype in NARROW for x in inputs):
            return _widened(node, function, *inputs)
        return function(*inputs)

    return op


def _widened(node: Node, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """Unsigned types by way of int64: exact below 2**63, modulo 2**bits."""
    wide = [x.to(torch.int64) if x.dtype in NARROW else x for x in inputs]
    if any(x.dtype is torch.uint64 and bool((w < 0).any()) for x, w in zip(inputs, wide, strict=True)):
        raise node.refuse("uint64 values above 2**63 have no torch kernel")
    narrow = next(x.dtype for x in inputs if x.dtype in NARROW)
    result: Tensor = function(*wide)
    return result.to(narrow) if result.dtype is torch.int64 else result


def _divide(a: Tensor, b: Tensor) -> Tensor:
    return torch.div(a, b) if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def _modulo(node: Node, a: Tensor, b: Tensor) -> Tensor:
    function = torch.fmod if node.flag("fmod") else torch.remainder
    result: Tensor = plain(function)(node, a, b)
    return result


def _power(node: Node, base: Tensor, exponent: Tensor) -> Tensor:
    if base.dtype.is_floating_point and exponent.numel() == 1 and exponent.dim() <= base.dim():
        return torch.pow(base, exponent.item())
    if not base.dtype.is_floating_point and exponent.dtype.is_floating_point:
        return torch.pow(base.double(), exponent).to(base.dtype)
    result: Tensor = plain(lambda a, b: torch.pow(a, b.to(a.dtype)))(node, base, exponent)
    return result


def _many(function: Callable[[Tensor, Tensor], Tensor]) -> Op:
    step = plain(function)
    return lambda node, *inputs: reduce(lambda a, b: step(node, a, b), inputs)


def _mean(node: Node, *inputs: Tensor) -> Tensor:
    return sum(inputs[1:], start=inputs[0]) / len(inputs)


def _is_infinite(node: Node, x: Tensor) -> Tensor:
    up = torch.isposinf(x) if node.flag("detect_positive", True) else torch.zeros_like(x, dtype=torch.bool)
    return up | torch.isneginf(x) if node.flag("detect_negative", True) else up


def _shift(node: Node, x: Tensor, by: Tensor) -> Tensor:
    left = node.text("direction", "LEFT") == "LEFT"
    function = torch.bitwise_left_shift if left else torch.bitwise_right_shift
    result: Tensor = plain(function)(node, x, by)
    return result


def _where(node: Node, condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return torch.where(condition, x, y)


FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "Abs": torch.abs, "Neg": torch.neg, "Ceil": torch.ceil, "Floor": torch.floor, "Round": torch.round,
    "Sign": torch.sign, "Sqrt": torch.sqrt, "Exp": torch.exp, "Log": torch.log, "Erf": torch.erf,
    "Reciprocal": torch.reciprocal, "Sin": torch.sin, "Cos": torch.cos, "Tan": torch.tan,
    "Asin": torch.asin, "Acos": torch.acos, "Atan": torch.atan, "Sinh": torch.sinh, "Cosh": torch.cosh,
    "Asinh": torch.asinh, "Acosh": torch.acosh, "Atanh": torch.atanh, "IsNaN": torch.isnan,
    "Not": torch.logical_not, "BitwiseNot": torch.bitwise_not, "Det": torch.linalg.det,
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": _divide,
    "Equal": torch.eq, "Less": torch.lt, "LessOrEqual": torch.le,
    "Greater": torch.gt, "GreaterOrEqual": torch.ge,
    "And": torch.logical_and, "Or": torch.logical_or, "Xor": torch.logical_xor,
    "BitwiseAnd": torch.bitwise_and, "BitwiseOr": torch.bitwise_or, "BitwiseXor": torch.bitwise_xor,
}  # fmt: skip

TABLE: Table = {
    **{name: plain(function) for name, function in FUNCTIONS.items()},
    "Mod": _modulo,
    "Pow": _power,
    "Max": _many(torch.maximum),
    "Min": _many(torch.minimum),
    "Sum": _many(torch.add),
    "Mean": _mean,
    "IsInf": _is_infinite,
    "BitShift": _shift,
    "Where": _where,
}
