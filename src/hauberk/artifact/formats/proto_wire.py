"""Messages that were read from text or JSON, written as the bytes that they stand for, and walked as such."""

from __future__ import annotations

import binascii
import re
import struct
from typing import TYPE_CHECKING, Any

from ..walk import Walk
from .graphs import Teller
from .opcodes import Broken
from .protobuf import WIRES, Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

Value = bytes | str | list[tuple[str, Any]]
Fields = list[tuple[str, Any]]
"""(name, value) in the order of the text. A value is bytes (a string), text (a number or a name), or fields."""

TYPES = (
    "", "FLOAT", "DOUBLE", "INT32", "UINT8", "INT16", "INT8", "STRING", "COMPLEX64", "INT64", "BOOL", "QINT8", "QUINT8",
    "QINT32", "BFLOAT16", "QINT16", "QUINT16", "UINT16", "COMPLEX128", "HALF", "RESOURCE", "VARIANT", "UINT32",
    "UINT64",
)  # fmt: skip
ATTRIBUTES = (
    "", "FLOAT", "INT", "STRING", "TENSOR", "GRAPH", "FLOATS", "INTS", "STRINGS", "TENSORS", "GRAPHS", "SPARSE_TENSOR",
    "SPARSE_TENSORS", "TYPE_PROTO", "TYPE_PROTOS",
)  # fmt: skip
"""TensorFlow's DataType and ONNX's AttributeType, in the order of their numbers."""
MAX_NESTING = 100


def walk_fields(walk: Walk, fields: Fields, kind: str, pack: str, path: str) -> None:
    """Walk a message of that kind as the bytes it stands for; what the layout does not know is told."""
    teller = Teller(walk, path, pack)
    data = memoryview(Writer(teller, Layout(pack)).message(fields, kind, 0))
    if pack == "onnx":
        from . import onnx

        onnx.Model(teller).walk(data)
    else:
        from . import tensorflow

        tensorflow.File(teller).walk(data, kind)
    walk.formats[path] = f"{pack} text"
    teller.finish()


class Writer:
    """Writes messages of one layout."""

    def __init__(self, teller: Teller, layout: Layout) -> None:
        self.teller, self.layout = teller, layout

    def message(self, fields: Sequence[tuple[str, Any]], kind: str, depth: int) -> bytes:
        """The bytes of a message. Raises Broken when it is nested too deep."""
        if depth > MAX_NESTING:
            raise Broken("messages are nested too deeply", 0)
        named, out = self.layout.named(kind), bytearray()
        numbers = {spec.name: number for number, spec in self.layout.fields(kind).items()}
        for name, value in fields:
            if name not in named:
                self.teller.odd(f"field {name} of {kind} is not known", kind)
                continue
            spec, number = named[name][1], numbers[name]
            if spec.kind in WIRES:
                out += _varint(number << 3 | WIRES[spec.kind]) + self._scalar(value, spec.kind, kind, name)
                continue
            if isinstance(value, list):
                content = self.message(value, spec.kind, depth + 1) if len(spec.kind) > 1 else b""
            else:
                content = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
            out += _varint(number << 3 | 2) + _varint(len(content)) + content
        return bytes(out)

    def _scalar(self, value: Any, wire: str, kind: str, name: str) -> bytes:
        if wire != "v":
            return struct.pack("<d" if wire == "d" else "<f", _real(value))
        return _varint(self._whole(value, kind, name) & 0xFFFFFFFFFFFFFFFF)

    def _whole(self, value: Any, kind: str, name: str) -> int:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        if text in ("true", "t", "True", "false", "f", "False"):
            return int(text[0] in "tT")
        try:
            return int(text, 8) if text[:1] == "0" and text.isdigit() else int(text, 0)
        except ValueError:
            table = ATTRIBUTES if kind == "AttributeProto" else TYPES
            bare = text.removeprefix("DT_").removesuffix("_REF")
            return 1 if text == "EXTERNAL" else table.index(bare) if bare in table else 0


def _real(value: Any) -> float:
    try:
        number = float(value if isinstance(value, int | float) else str(value).rstrip("fF") or 0)
    except ValueError:
        return 0.0
    return max(min(number, 3e38), -3e38) if number == number else 0.0


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def walk_json(walk: Walk, value: dict[str, Any], path: str) -> bool:
    """Walk JSON that is a graph: of onnx.load, or of TensorFlow.js; False when it is none."""
    topology = value.get("modelTopology", value)
    graph = value.get("graph")
    if isinstance(graph, dict) and ("irVersion" in value or "ir_version" in value or "opsetImport" in value):
        kind, pack, chosen = "ModelProto", "onnx", value
    elif isinstance(topology, dict) and any("op" in n for n in _dicts(topology.get("node"))):
        kind, pack, chosen = "GraphDef", "tensorflow", topology
    else:
        return False
    walk_fields(walk, from_json(chosen, kind, Layout(pack), 0), kind, pack, path)
    return True


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def from_json(value: dict[str, Any], kind: str, layout: Layout, depth: int) -> Fields:
    """The fields of an object in protobuf's JSON. Raises Broken when it is nested too deep."""
    if depth > MAX_NESTING:
        raise Broken("objects are nested too deeply", 0)
    named, found = layout.named(kind), Fields()
    for key, held in value.items():
        name = key if key in named else re.sub("([A-Z])", lambda m: "_" + m[1].lower(), key)
        spec = named[name][1] if name in named else None
        if spec is not None and spec.keyed and isinstance(held, dict):
            items: list[Any] = [{"key": inner, "value": each} for inner, each in held.items()]
        else:
            items = held if isinstance(held, list) else [held]
        for item in items:
            if isinstance(item, dict) and spec is not None and len(spec.kind) > 1:
                found.append((name, from_json(item, spec.kind, layout, depth + 1)))
            elif item is not None:
                found.append((name, _decoded(item) if spec is not None and spec.kind == "b" else _said(item)))
    return found


def _decoded(item: Any) -> bytes:
    try:
        return binascii.a2b_base64(str(item))
    except binascii.Error:
        return str(item).encode("utf-8", "surrogatepass")


def _said(item: Any) -> str:
    return str(item).lower() if isinstance(item, bool) else str(item)
