"""The tensors of a model, by name, for whoever looks at their numbers: the readers of `weights/`, and GGUF's.

Formats: safetensors, npy, npz, torch (zip and legacy), pickles and joblib of arrays, ONNX, GGUF (unquantised tensors).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import HauberkError, UnsupportedError
from ..core.limits import Limits
from .formats import gguf, onnx
from .formats.opcodes import Broken
from .formats.protobuf import Layout, Message
from .manifest import files_of
from .reading import Reading
from .walk import printable
from .weights import gather, onnx_file, source, tree
from .weights.values import ITEM_BYTES, Lost, Tensor

MAX_NESTING = 64
GGML = {0: "F32", 1: "F16", 30: "BF16", 28: "F64"}
"""ggml's types that are plain floats."""


@dataclass(frozen=True)
class Named:
    """One tensor. file: its file in the model, '' for the model itself. form: of that file, as the reader calls it.

    data: little-endian numbers, row by row.
    """

    file: str
    form: str
    name: str
    dtype: str
    shape: tuple[int, ...]
    data: memoryview


@dataclass(frozen=True)
class Unread:
    """A file, or a part of one, whose numbers were not read. known: whether it is of a format that holds tensors."""

    file: str
    why: str
    known: bool


def numbers(path: Path, limits: Limits) -> Iterator[Named | Unread]:
    """Every tensor of a model's files, one after the other; its bytes are good until the next is asked for.

    Raises InputError for a path that cannot be read.
    """
    for item in files_of(path, limits):
        reading = Reading(item, digests=False)
        try:
            yield from _of_file(reading.data, item.path, item.location, limits)
        except (UnsupportedError, Broken) as error:
            yield Unread(item.path, str(error), known=False)
        except HauberkError as error:
            yield Unread(item.path, str(error), known=True)
        finally:
            reading.entry()


def _of_file(data: memoryview, file: str, location: Path, limits: Limits) -> Iterator[Named | Unread]:
    if gguf.sniff(data):
        yield from _gguf(data, file)
        return
    if onnx.sniff(data):
        yield from _onnx(data, file)
        return
    found = source.read(data, limits)
    taken = tree.take(found.result, partial=True)
    for name, tensor in taken.tensors.items():
        gather.check(tensor, printable(name))
        yield Named(file, found.form, name, tensor.dtype, tensor.shape, _whole(tensor))
    lost = [left for left in taken.left if left.what.startswith("a tensor: ")]
    if lost:
        yield Unread(file, f"{len(lost)} tensors, such as {lost[0].path}: {lost[0].what[10:]}", known=True)


def _whole(tensor: Tensor) -> memoryview:
    """Where it lies, when it lies in one piece; a copy otherwise."""
    found = list(gather.pieces(tensor))
    if len(found) == 1:
        return found[0]
    start, size = tensor.offset * (tensor.size // max(1, tensor.count)), tensor.size
    data = tensor.storage.data
    if found and data is not None and found[0].obj is data.obj:
        return data[start : start + size]
    return memoryview(b"".join(found))


def _onnx(data: memoryview, file: str) -> Iterator[Named | Unread]:
    """The initialisers of every graph, and the tensors that nodes carry. Raises Broken for bytes that are no model."""
    layout = Layout("onnx")
    for name, content in _tensors(layout, layout.read(data, "ModelProto").all("graph"), 0):
        found = onnx_file.tensor(content)
        if isinstance(found, Tensor):
            gather.check(found, printable(name))
            yield Named(file, "onnx", name, found.dtype, found.shape, _whole(found))
        elif isinstance(found, Lost):
            yield Unread(file, f"tensor {printable(name)}: {found.why}", known=True)


def _tensors(layout: Layout, graphs: list[memoryview], depth: int) -> Iterator[tuple[str, Message]]:
    if depth > MAX_NESTING:
        raise Broken("graphs are nested too deeply", 0)
    for graph in (layout.read(content, "GraphProto") for content in graphs):
        for content in graph.all("initializer"):
            tensor = layout.read(content, "TensorProto")
            yield tensor.text("name"), tensor
        for node in (layout.read(content, "NodeProto") for content in graph.all("node")):
            where = ", ".join(node.texts("output")[:1])
            for attribute in (layout.read(content, "AttributeProto") for content in node.all("attribute")):
                for content in (*attribute.all("t"), *attribute.all("tensors")):
                    yield f"{where}.{attribute.text('name')}", layout.read(content, "TensorProto")
                yield from _tensors(layout, [*attribute.all("g"), *attribute.all("graphs")], depth + 1)


def _gguf(data: memoryview, file: str) -> Iterator[Named]:
    """Unquantised tensors; the number of a tensor's type stands before its offset, the last 8 bytes of its row."""
    reader = gguf.Reader(data)
    reader.header()
    for _ in range(reader.entries):
        key, kind = reader.key(), reader.number("I")
        value = reader.skip_value(kind)
        if key == "general.alignment":
            reader.alignment = max(1, int.from_bytes(value, "little" if reader.order == "<" else "big"))
    rows = []
    for _ in range(reader.tensors):
        row = reader.tensor()
        rows.append((row, int.from_bytes(data[reader.pos - 12 : reader.pos - 8], "little")))
    start = -(-reader.pos // reader.alignment) * reader.alignment
    for row, kind in rows:
        if reader.order == "<" and kind in GGML and start + row.begin + row.size <= len(data):
            items = row.size // ITEM_BYTES[GGML[kind]]
            yield Named(file, "gguf", row.name, GGML[kind], (items,), data[start + row.begin :][: row.size])
