"""ONNX bytes read under guard, before any runtime sees them.

A file that is refused here was never executed: sizes, nesting, declared shapes, operator domains and external
data are checked on the parsed message. External data is read only for a model that is given as a folder, since
the digest of a single file would not cover it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped,unused-ignore]
from onnx import TensorProto, checker, shape_inference

from hauberk.core.errors import InputError, LimitExceeded, UnsupportedError
from hauberk.core.limits import Limits

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
MAX_BYTES = (1 << 31) - 1  # of one protobuf message
MAX_ELEMENTS = 1 << 28  # of one tensor for one example: 1 GiB of float32
AGAIN = "download it again, then compare the digest"
BITS: dict[int, int] = {
    TensorProto.FLOAT: 32, TensorProto.DOUBLE: 64, TensorProto.FLOAT16: 16, TensorProto.BFLOAT16: 16,
    TensorProto.INT8: 8, TensorProto.INT16: 16, TensorProto.INT32: 32, TensorProto.INT64: 64,
    TensorProto.UINT8: 8, TensorProto.UINT16: 16, TensorProto.UINT32: 32, TensorProto.UINT64: 64,
    TensorProto.BOOL: 8, TensorProto.INT4: 4, TensorProto.UINT4: 4, TensorProto.COMPLEX64: 64,
    TensorProto.COMPLEX128: 128,
}  # fmt: skip


def read_model(content: bytes | Path, name: str, limits: Limits) -> onnx.ModelProto:
    """The model in bytes, in a file, or in a folder with one .onnx file and its external data.

    Raises InputError for what is not a whole, valid ONNX model, UnsupportedError for operators of other
    domains and for external data outside the folder, LimitExceeded for what is too large.
    """
    folder = content if isinstance(content, Path) and content.is_dir() else None
    data = content if isinstance(content, bytes) else _read(_one_model(folder) if folder else content, limits)
    model = _parsed(data, name)
    _external(model, name, folder, limits)
    for tensor in tensors(model):
        _check_filled(tensor, name)
    _check_domains(model, name)
    try:
        checker.check_model(model)
    except (checker.ValidationError, ValueError, RuntimeError) as error:
        raise InputError(f"{name}: not a valid onnx model: {_first_line(error)}", hint=AGAIN) from error
    _check_sizes(model, name)
    return model


def _one_model(folder: Path) -> Path:
    found = sorted(folder.glob("*.onnx"))
    if len(found) != 1:
        raise InputError(f"{folder.name}: expected one .onnx file in the folder, found {len(found)}")
    return found[0]


def _read(path: Path, limits: Limits) -> bytes:
    try:
        size = path.stat().st_size
        if size > min(limits.max_file_bytes, MAX_BYTES):
            raise LimitExceeded(f"{path.name}: {size} bytes, at most {min(limits.max_file_bytes, MAX_BYTES)} are read")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name}: {error.strerror}") from error


def _parsed(data: bytes, name: str) -> onnx.ModelProto:
    if len(data) > MAX_BYTES:
        raise LimitExceeded(f"{name}: {len(data)} bytes, an onnx message has at most {MAX_BYTES}")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise InputError(f"{name}: not onnx, or cut short after {len(data)} bytes", hint=AGAIN) from error
    if not model.ir_version or not model.graph.node:
        raise InputError(f"{name}: no onnx graph in {len(data)} bytes", hint=AGAIN)
    return model


def nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Every node, those in subgraphs and functions too."""
    yield from _nodes(model.graph.node)
    for function in model.functions:
        yield from _nodes(function.node)


def _nodes(listed: object) -> Iterator[onnx.NodeProto]:
    for node in listed:  # type: ignore[attr-defined]
        yield node
        for graph in _graphs(node):
            yield from _nodes(graph.node)


def _graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def tensors(model: onnx.ModelProto) -> Iterator[TensorProto]:
    """Every tensor that the file holds: initializers and attributes, in subgraphs and functions too."""
    yield from _initializers(model.graph)
    for node in nodes(model):
        for graph in _graphs(node):
            yield from _initializers(graph)
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            if attribute.HasField("sparse_tensor"):
                yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
            yield from attribute.tensors


def _initializers(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)


def _check_filled(tensor: TensorProto, name: str) -> None:
    """A shape that promises more than the file holds is a lie, and an allocation waiting to happen."""
    if any(side < 0 for side in tensor.dims):
        raise InputError(f"{name}: tensor {tensor.name} has a negative side: {list(tensor.dims)}")
    bits = BITS.get(tensor.data_type)
    if bits is None or not tensor.HasField("raw_data"):
        return  # typed fields are counted by the checker
    expected = -(-math.prod(tensor.dims) * bits // 8)
    if expected != len(tensor.raw_data):
        raise InputError(
            f"{name}: tensor {tensor.name} of shape {list(tensor.dims)} needs {expected} bytes, "
            f"the file has {len(tensor.raw_data)}",
            hint=AGAIN,
        )


def _check_domains(model: onnx.ModelProto, name: str) -> None:
    local = {(function.domain, function.name) for function in model.functions}
    foreign = {
        f"{node.domain}:{node.op_type}"
        for node in nodes(model)
        if node.domain not in DOMAINS and (node.domain, node.op_type) not in local
    }
    if foreign:
        raise UnsupportedError(
            f"{name}: operators outside ai.onnx and ai.onnx.ml: {', '.join(sorted(foreign)[:20])}",
            hint="export the model without runtime-specific optimisation",
        )


def _check_sizes(model: onnx.ModelProto, name: str) -> None:
    """A few bytes that ask for a huge tensor: shapes are inferred without making any.

    What depends on the input's values cannot be seen here; a hostile graph can still be slow.
    """
    try:
        inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    except (shape_inference.InferenceError, ValueError, RuntimeError) as error:
        raise InputError(f"{name}: its shapes do not fit: {_first_line(error)}") from error
    for value in (*inferred.value_info, *inferred.output):
        elements = math.prod(max(side.dim_value, 1) for side in value.type.tensor_type.shape.dim)
        if elements > MAX_ELEMENTS:
            raise LimitExceeded(f"{name}: {value.name} has {elements} elements, at most {MAX_ELEMENTS} are made")


def _external(model: onnx.ModelProto, name: str, folder: Path | None, limits: Limits) -> None:
    """Bring external data into the message."""
    total = 0
    for tensor in tensors(model):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        if folder is None:
            raise UnsupportedError(
                f"{name}: tensor {tensor.name} lies in another file",
                hint="give the folder that holds the .onnx file and its data, so that both are measured",
            )
        data = _slice_of(tensor, name, folder, limits)
        total += len(data)
        if total > MAX_BYTES:
            raise UnsupportedError(f"{name}: more than {MAX_BYTES} bytes of weights")
        tensor.raw_data = data
        tensor.ClearField("external_data")
        tensor.data_location = TensorProto.DEFAULT


def _slice_of(tensor: TensorProto, name: str, folder: Path, limits: Limits) -> bytes:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    path = _inside(folder, entries.get("location", ""), name)
    size = path.stat().st_size
    try:
        offset = int(entries.get("offset", "0") or 0)
        length = int(entries.get("length", "") or size - offset)
    except ValueError as error:
        raise InputError(f"{name}: tensor {tensor.name}: offset or length is not a number") from error
    if offset < 0 or length < 0 or offset + length > size:
        wanted = f"bytes {offset} … {offset + length}"
        raise InputError(f"{name}: tensor {tensor.name} needs {wanted}, {path.name} has {size}")
    if length > limits.max_file_bytes:
        raise LimitExceeded(f"{name}: tensor {tensor.name} has {length} bytes")
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)


def _inside(folder: Path, location: str, name: str) -> Path:
    """The file in the folder. Raises UnsupportedError when it, or what it links to, lies elsewhere."""
    pure, root = PurePosixPath(location), folder.resolve()
    path = (root / pure).resolve()
    if not location or pure.is_absolute() or ".." in pure.parts or "\\" in location or not path.is_relative_to(root):
        raise UnsupportedError(f"{name}: external data {location!r} lies outside the model's folder")
    if not path.is_file():
        raise InputError(f"{name}: external data {location!r} is not in the folder")
    return path


def with_values(model: onnx.ModelProto, values: Mapping[str, Any], name: str) -> onnx.ModelProto:
    """The model with some inputs fixed: they become initializers of the input's type.

    Raises InputError for a name that is no input, or a value that does not fit its type.
    """
    inputs = {value.name: value for value in model.graph.input}
    for key, given in values.items():
        if key not in inputs:
            raise InputError(f"{name}: no input {key!r}: it has {', '.join(inputs)}")
        kind = onnx.helper.tensor_dtype_to_np_dtype(inputs[key].type.tensor_type.elem_type)
        try:
            array = np.asarray(given).astype(kind)
        except (ValueError, TypeError) as error:
            raise InputError(f"{name}: input {key}: {error}") from error
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, key))
        model.graph.input.remove(inputs[key])
    return model


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
