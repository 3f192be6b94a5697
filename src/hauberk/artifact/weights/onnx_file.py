"""The initialisers of an ONNX model, by their names (onnx.proto3: GraphProto.initializer, TensorProto)."""

from __future__ import annotations

from typing import Any

from ..formats.protobuf import Layout, Message
from .values import ITEM_BYTES, Aside, Lost, Storage, Tensor, Whole, row_major

TYPES = {
    1: "F32", 2: "U8", 3: "I8", 4: "U16", 5: "I16", 6: "I32", 7: "I64", 9: "BOOL", 10: "F16", 11: "F64", 12: "U32",
    13: "U64", 14: "C64", 16: "BF16", 17: "F8_E4M3", 18: "F8_E4M3FNUZ", 19: "F8_E5M2", 20: "F8_E5M2FNUZ",
    24: "F8_E8M0",
}  # fmt: skip
TEXT, EXTERNAL = 8, 1
FIXED, COUNTED = ("float_data", "double_data"), ("int32_data", "int64_data", "uint64_data")


def read_onnx(data: memoryview) -> Whole:
    """Name and tensor in turn. Raises Broken for bytes that are no model."""
    layout, items = Layout("onnx"), list[Any]()
    graph = layout.read(layout.read(data, "ModelProto").bytes("graph"), "GraphProto")
    for content in graph.all("initializer"):
        found = layout.read(content, "TensorProto")
        items += [found.text("name"), tensor(found)]
    for content in graph.all("sparse_initializer"):
        values = layout.read(layout.read(content, "SparseTensorProto").bytes("values"), "TensorProto")
        items += [values.text("name"), Lost("safetensors has no form for a sparse tensor", 0)]
    return Whole("dict", items)


def tensor(found: Message) -> Tensor | Lost | Aside:
    """A TensorProto's numbers, wherever it holds them."""
    number, shape = found.number("data_type"), tuple(found.numbers("dims"))
    if number == TEXT:
        return Aside("a tensor of text")
    if number not in TYPES or any(n < 0 for n in shape):
        return Lost(f"safetensors has no type for ONNX's type {number}", 0)
    if "external_data" in found or found.number("data_location") == EXTERNAL:
        return Lost("its numbers lie in another file", 0)
    kind = TYPES[number]
    made = Tensor(Storage("", kind, _numbers(found, ITEM_BYTES[kind])), kind, 0, shape, row_major(shape))
    return made if made.storage.data is not None and len(made.storage.data) == made.size else Lost(
        "it holds other numbers than its shape has room for", 0
    )  # fmt: skip


def _numbers(found: Message, item: int) -> memoryview:
    """The raw bytes, or those of the one field of numbers, each as wide as the type."""
    if "raw_data" in found:
        return found.bytes("raw_data")
    for name in FIXED:
        if name in found:
            parts = found.all(name)
            return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))
    mask = (1 << 8 * item) - 1
    numbers = (n for name in COUNTED if name in found for n in found.numbers(name))
    return memoryview(b"".join((n & mask).to_bytes(item, "little") for n in numbers))
