"""Every operator that the converter has."""

from __future__ import annotations

from . import (
    activations,
    control,
    convolution,
    elementwise,
    indexing,
    linear,
    making,
    normalisation,
    pooling,
    quantise,
    recurrent,
    reduction,
    resize,
    shaping,
    signal,
)  # fmt: skip
from .node import merge

CONTROL = dict(control.CONTROL)
TABLE = merge([
    activations.TABLE, control.TABLE, convolution.TABLE, elementwise.TABLE, indexing.TABLE, linear.TABLE,
    making.TABLE, normalisation.TABLE, pooling.TABLE, quantise.TABLE, recurrent.TABLE, reduction.TABLE,
    resize.TABLE, shaping.TABLE, signal.TABLE,
])  # fmt: skip
