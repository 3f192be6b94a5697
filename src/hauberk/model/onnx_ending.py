"""How an ONNX classifier ends: which output holds the scores, what they are, and where the logits are.

scikit-learn exporters give a label and a ZipMap of probabilities: the tensor that goes into the ZipMap is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import onnx
from onnx import TensorProto

from hauberk.core.errors import UnsupportedError

from .probabilities import Reading

FLOATS = frozenset({TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16})
INTEGERS = frozenset({TensorProto.INT32, TensorProto.INT64, TensorProto.UINT8, TensorProto.BOOL})
PASSING = frozenset({"Identity", "Flatten", "Reshape", "Squeeze", "Cast", "Dropout"})
LINEAR = frozenset({"Gemm", "MatMul", "Add", "Conv", "Einsum", "BatchNormalization"})


@dataclass(frozen=True)
class Ending:
    """output: the tensor with the answers. cut: the tensor before its last activation, for gradients.

    activation: Softmax, Sigmoid, LogSoftmax or ''. classes: as the model names them, where it does.
    columns: how many scores, 0 when that is not written down. labels: the answers are labels.
    """

    output: str
    cut: str
    activation: str
    columns: int = 0
    classes: tuple[str, ...] = ()
    labels: bool = False
    linear: bool = False

    @property
    def reading(self) -> Reading | None:
        """How the answers are to be read; None where only their values can tell."""
        if self.labels:
            return Reading.LABELS
        one = self.columns == 1
        if self.activation == "Softmax" or (self.activation == "Sigmoid" and self.columns > 1):
            return Reading.PROBABILITIES
        if self.activation == "Sigmoid" and one:
            return Reading.POSITIVE
        if self.activation == "LogSoftmax" or (self.linear and self.columns > 1):
            return Reading.LOGITS
        return Reading.MARGIN if self.linear and one else None


def find_ending(model: onnx.ModelProto, name: str) -> Ending:
    """The ending of a model whose functions are inlined. Raises UnsupportedError when no output holds answers."""
    made = {output: node for node in model.graph.node for output in node.output if output}
    zipped = _zipped(model, made)
    if zipped is not None:
        return zipped
    floats = [v for v in model.graph.output if v.type.tensor_type.elem_type in FLOATS]
    if not floats:
        return _labels(model, name)
    best = max(floats, key=lambda v: (_promise(v.name, made), -list(floats).index(v)))
    return replace(_activation(best.name, made, model), columns=_columns(best))


def _zipped(model: onnx.ModelProto, made: Mapping[str, onnx.NodeProto]) -> Ending | None:
    for value in model.graph.output:
        node = made.get(value.name)
        if node is not None and node.op_type == "ZipMap":
            classes = _class_labels(node)
            return Ending(node.input[0], node.input[0], "", len(classes), classes)
    return None


def _class_labels(node: onnx.NodeProto) -> tuple[str, ...]:
    for attribute in node.attribute:
        if attribute.name in ("classlabels_int64s", "classlabels_ints"):
            return tuple(str(label) for label in attribute.ints)
        if attribute.name == "classlabels_strings":
            return tuple(label.decode("utf-8", "replace") for label in attribute.strings)
    return ()


def _labels(model: onnx.ModelProto, name: str) -> Ending:
    for value in model.graph.output:
        if value.type.tensor_type.elem_type in INTEGERS:
            named = [_class_labels(node) for node in model.graph.node]
            classes = max(named, key=len, default=())
            return Ending(value.name, value.name, "", len(classes), classes, labels=True)
    raise UnsupportedError(
        f"{name}: no output holds scores or labels: {', '.join(v.name for v in model.graph.output)}",
        hint="export the model with its probabilities as a tensor",
    )


def _promise(output: str, made: Mapping[str, onnx.NodeProto]) -> int:
    """How much an output looks like scores: by its name, then by the node that makes it."""
    if "prob" in output.lower():
        return 3
    if output in made and made[output].op_type in ("Softmax", "LogSoftmax", "Sigmoid", "Normalizer"):
        return 2
    return 1 if any(word in output.lower() for word in ("logit", "score")) else 0


def _columns(value: onnx.ValueInfoProto) -> int:
    """The number of scores, when all sides but the first are written down and one of them is not 1."""
    sides = value.type.tensor_type.shape.dim
    known = [side.dim_value for side in list(sides)[1:]]
    if not value.type.tensor_type.HasField("shape") or len(sides) < 2 or not all(known):
        return 0
    wide = [side for side in known if side > 1]
    return wide[0] if len(wide) == 1 else (1 if not wide else 0)


def _activation(output: str, made: Mapping[str, onnx.NodeProto], model: onnx.ModelProto) -> Ending:
    """Walk back over what only passes values on."""
    at, above = made.get(output), output
    while at is not None and at.op_type in PASSING and at.domain in ("", "ai.onnx"):
        above = at.input[0]
        at = made.get(above)
    if at is None:
        return Ending(output, output, "")
    if at.op_type in ("Softmax", "LogSoftmax") and not _over_classes(at, model):
        return Ending(output, output, "")
    spelled = _spelled_softmax(at, made)
    if spelled:
        return Ending(output, spelled, "Softmax")
    if at.op_type in ("Softmax", "LogSoftmax", "Sigmoid"):
        return Ending(output, at.input[0], at.op_type)
    return Ending(output, output, "", linear=at.op_type in LINEAR)


def _spelled_softmax(node: onnx.NodeProto, made: Mapping[str, onnx.NodeProto]) -> str:
    """exp(z) / sum(exp(z)), as some exporters write it: the name of z, else ''."""
    if node.op_type != "Div":
        return ""
    above, below = (made.get(name) for name in node.input[:2])
    if above is None or below is None or above.op_type != "Exp" or below.op_type != "ReduceSum":
        return ""
    return str(above.input[0]) if below.input[0] == above.output[0] else ""


def _over_classes(node: onnx.NodeProto, model: onnx.ModelProto) -> bool:
    """Whether a softmax runs over axis 1 or the last one: for scores (n, k), with sides of 1 after, the same."""
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1)
    axis = next((a.i for a in node.attribute if a.name == "axis"), -1 if opset >= 13 else 1)
    return axis in (1, -1)
