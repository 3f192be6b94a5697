"""ONNX graphs as torch modules that can be differentiated.

The weights are buffers: a gradient goes to the input only. CPU only.

>>> from onnx import parser
>>> text = '<ir_version: 8, opset_import: ["": 17]> f (float[n, 2] x) => (float[n, 2] y) { y = Relu(x) }'
>>> import torch
>>> convert(parser.parse_model(text))(torch.tensor([[-1.0, 2.0]])).tolist()
[[0.0, 2.0]]
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import onnx
from onnx import inliner

from hauberk.core.errors import UnsupportedError

from .graph import DOMAINS, Graph, lacking, reaching
from .table import CONTROL, TABLE

__all__ = ["OPERATORS", "Graph", "convert"]

OPERATORS = frozenset(TABLE) | frozenset(CONTROL)
"""Operators of ai.onnx that are written here; others are expanded where ONNX defines them by these."""

MAX_EXPANSIONS = 4  # an operator defined by operators that are defined by others: ONNX goes two deep
OLDEST = 7  # before it (2017) elementwise operators did not broadcast as they do now


def convert(model: onnx.ModelProto, outputs: Sequence[str] | None = None) -> Graph:
    """The model as a torch.nn.Module: its inputs (initializers excepted) in order -> its outputs.

    outputs: names of values to return instead of the graph's own outputs; what they do not depend on is left
    out, and need not be supported. Functions are inlined. One output is returned as it is, several as a tuple.
    Raises UnsupportedError that names every operator that is lacking.
    """
    names = list(outputs or [value.name for value in model.graph.output])
    model = inliner.inline_local_functions(model) if len(model.functions) else model
    missing = lacking(reaching(model.graph, names))
    for _ in range(MAX_EXPANSIONS):
        expanded = _expanded(model, missing)
        still = lacking(reaching(expanded.graph, names))
        if still == missing:
            break
        model, missing = expanded, still
    if missing:
        raise UnsupportedError(
            f"onnx: no gradient through {', '.join(sorted(f'{d}:{op}' if d else op for d, op in missing))}",
            hint="the model can still be tested as a black box",
        )
    return Graph(model.graph, opset_of(model), names)


def _expanded(model: onnx.ModelProto, missing: Collection[tuple[str, str]]) -> onnx.ModelProto:
    """The model with lacking operators replaced by ONNX's own definition of them, where it has one."""
    names = [("", op) for domain, op in missing if domain in DOMAINS]
    if not names:
        return model
    try:
        return inliner.inline_selected_functions(model, names, inline_schema_functions=True)
    except RuntimeError:  # the inliner asserts on some optional inputs that are left out
        return model


def opset_of(model: onnx.ModelProto) -> int:
    """The version of ai.onnx. Raises UnsupportedError when it is older than the converter knows."""
    version = max((entry.version for entry in model.opset_import if entry.domain in DOMAINS), default=1)
    if version < OLDEST:
        raise UnsupportedError(
            f"onnx opset {version}: expected {OLDEST} or newer",
            hint="raise it with onnx.version_converter.convert_version",
        )
    return int(version)
