"""Activations and softmaxes, with the default slopes that ONNX gives them."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .node import Node, Op, Table


def _axis_function(function: Callable[[Tensor, int], Tensor]) -> Op:
    """Along one axis since opset 13; before that, over everything from `axis` on, taken as one axis."""

    def op(node: Node, x: Tensor) -> Tensor:
        if node.opset >= 13:
            return function(x, node.integer("axis", -1))
        axis = node.integer("axis", 1) % max(x.dim(), 1)
        return function(x.flatten(axis), axis).reshape(x.shape)

    return op


def _hardmax(x: Tensor, axis: int) -> Tensor:
    first = x.argmax(axis, keepdim=True)
    return torch.zeros_like(x).scatter(axis, first, 1.0)


def _clip(node: Node, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    if node.opset < 11:
        return torch.clamp(x, node.number("min", -3.4028234663852886e38), node.number("max", 3.4028234663852886e38))
    if low is not None:
        x = torch.maximum(x, low)
    return x if high is None else torch.minimum(x, high)


def _prelu(node: Node, x: Tensor, slope: Tensor) -> Tensor:
    return torch.where(x < 0, slope * x, x)


def _selu(node: Node, x: Tensor) -> Tensor:
    alpha = node.number("alpha", 1.6732632423543772848170429916717)
    return node.number("gamma", 1.0507009873554804934193349852946) * F.elu(x, alpha)


def _celu(node: Node, x: Tensor) -> Tensor:
    return F.celu(x, node.number("alpha", 1.0))


def _gelu(node: Node, x: Tensor) -> Tensor:
    return F.gelu(x, approximate=node.text("approximate", "none"))


def _hard_sigmoid(node: Node, x: Tensor) -> Tensor:
    return torch.clamp(node.number("alpha", 0.2) * x + node.number("beta", 0.5), 0.0, 1.0)


def _hard_swish(node: Node, x: Tensor) -> Tensor:
    return x * torch.clamp(x / 6 + 0.5, 0.0, 1.0)


def _thresholded(node: Node, x: Tensor) -> Tensor:
    return torch.where(x > node.number("alpha", 1.0), x, torch.zeros_like(x))


def _shrink(node: Node, x: Tensor) -> Tensor:
    bias, limit = node.number("bias", 0.0), node.number("lambd", 0.5)
    small = torch.zeros_like(x)
    return torch.where(x < -limit, x + bias, torch.where(x > limit, x - bias, small)).to(x.dtype)


TABLE: Table = {
    "Relu": lambda node, x: torch.relu(x),
    "Sigmoid": lambda node, x: torch.sigmoid(x),
    "Tanh": lambda node, x: torch.tanh(x),
    "LeakyRelu": lambda node, x: F.leaky_relu(x, node.number("alpha", 0.01)),
    "Elu": lambda node, x: F.elu(x, node.number("alpha", 1.0)),
    "Softplus": lambda node, x: F.softplus(x),
    "Softsign": lambda node, x: F.softsign(x),
    "Mish": lambda node, x: F.mish(x),
    "Swish": lambda node, x: x * torch.sigmoid(node.number("alpha", 1.0) * x),
    "PRelu": _prelu,
    "Selu": _selu,
    "Celu": _celu,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "ThresholdedRelu": _thresholded,
    "Shrink": _shrink,
    "Clip": _clip,
    "Softmax": _axis_function(torch.softmax),
    "LogSoftmax": _axis_function(torch.log_softmax),
    "Hardmax": _axis_function(_hardmax),
}
