"""ONNX, by a small reader of protocol buffers: external data, custom operators, truncation.

The message layout is onnx.proto3 (ModelProto 7 graph, GraphProto 1 node, 5 initializer …).
"""

from __future__ import annotations

from collections.abc import Iterator

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from .opcodes import Broken
from .zip import escapes

OWN = frozenset(
    ("", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview", "ai.onnx.preview.training",
     "com.microsoft", "com.microsoft.nchwc", "com.microsoft.experimental", "com.ms.internal.nhwc")
)  # fmt: skip
"""Domains whose operators ONNX and ONNX Runtime bring themselves."""
COMPILED = frozenset(("EPContext",))
"""Operators of OWN that name a compiled program, often in another file, for a device to run."""
MAX_IR, MAX_NESTING = 32, 64
SECOND_TAGS = (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42)
"""producer_name, producer_version, domain, model_version, doc_string, graph, opset_import."""
GRAPHS_OF_ATTRIBUTE, TENSORS_OF_ATTRIBUTE, SPARSE_OF_ATTRIBUTE = (6, 11), (5, 10), (22, 23)

Field = tuple[int, int, "memoryview | int"]


def sniff(data: memoryview) -> bool:
    """Whether this begins as a ModelProto: an IR version, then a field of the model."""
    return len(data) > 4 and data[0] == 0x08 and 1 <= data[1] <= MAX_IR and data[2] in SECOND_TAGS


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk the model. Raises Broken when it is truncated or no ModelProto."""
    reader = Reader(walk, path)
    graph = False
    for number, kind, value in fields(data):
        if number == 7 and isinstance(value, memoryview):
            reader.graph(value, 0)
            graph = True
        elif number == 25 and isinstance(value, memoryview):
            reader.function(value)
        elif number == 20 and isinstance(value, memoryview):
            for inner, _, part in fields(value):
                if inner in (1, 2) and isinstance(part, memoryview):
                    reader.graph(part, 0)
        elif kind == 2 and number not in (2, 3, 4, 6, 8, 14, 26):
            raise Broken(f"field {number} is not one of a model", 0)
    if not graph:
        raise Broken("there is no graph", len(data))
    reader.finish()


def fields(data: memoryview) -> Iterator[Field]:
    """(number, wire type, value) of every field of a message. Raises Broken."""
    pos, end = 0, len(data)
    while pos < end:
        tag, pos = _varint(data, pos)
        kind = tag & 7
        if kind == 0:
            number, pos = _varint(data, pos)
            yield tag >> 3, kind, number
            continue
        size = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            size, pos = _varint(data, pos)
        if size is None or tag >> 3 == 0:
            raise Broken(f"wire type {kind} is not used", pos)
        if pos + size > end:
            raise Broken("the model is truncated", pos)
        yield tag >> 3, kind, data[pos : pos + size]
        pos += size


def _varint(data: memoryview, pos: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if pos >= len(data):
            raise Broken("the model is truncated", pos)
        byte = data[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, pos
    raise Broken("a number is too long", pos)


def _text(value: memoryview | int) -> str:
    return str(value, "utf-8", "replace") if isinstance(value, memoryview) else ""


class Reader:
    """Collects what a model's graphs and functions refer to."""

    def __init__(self, walk: Walk, path: str) -> None:
        self.walk, self.path = walk, path
        self.used: dict[tuple[str, str], int] = {}
        self.defined: set[tuple[str, str]] = set()
        self.told: set[str] = set()

    def graph(self, data: memoryview, depth: int) -> None:
        """Walk a GraphProto."""
        if depth > MAX_NESTING:
            raise Broken("graphs are nested too deeply", 0)
        for number, _, value in fields(data):
            if not isinstance(value, memoryview):
                continue
            if number == 1:
                self.node(value, depth)
            elif number == 5:
                self.tensor(value)
            elif number == 15:
                self.sparse(value)

    def function(self, data: memoryview) -> None:
        """Walk a FunctionProto: 1 name, 7 node, 10 domain, 11 attributes with their defaults."""
        name, domain = "", ""
        for number, _, value in fields(data):
            if number == 7 and isinstance(value, memoryview):
                self.node(value, 0)
            elif number == 11 and isinstance(value, memoryview):
                self.attribute(value, 0)
            name = _text(value) if number == 1 else name
            domain = _text(value) if number == 10 else domain
        self.defined.add((domain, name))

    def node(self, data: memoryview, depth: int) -> None:
        """Walk a NodeProto: 4 op_type, 5 attribute, 7 domain."""
        name, domain = "", ""
        for number, _, value in fields(data):
            if number == 4:
                name = _text(value)
            elif number == 7:
                domain = _text(value)
            elif number == 5 and isinstance(value, memoryview):
                self.attribute(value, depth)
        self.used[domain, name] = self.used.get((domain, name), 0) + 1

    def attribute(self, data: memoryview, depth: int) -> None:
        """Walk an AttributeProto for tensors and graphs."""
        for number, kind, value in fields(data):
            if kind != 2 or not isinstance(value, memoryview):
                continue
            if number in GRAPHS_OF_ATTRIBUTE:
                self.graph(value, depth + 1)
            elif number in TENSORS_OF_ATTRIBUTE:
                self.tensor(value)
            elif number in SPARSE_OF_ATTRIBUTE:
                self.sparse(value)

    def sparse(self, data: memoryview) -> None:
        """Walk a SparseTensorProto: 1 values, 2 indices."""
        for number, kind, value in fields(data):
            if kind == 2 and number in (1, 2) and isinstance(value, memoryview):
                self.tensor(value)

    def tensor(self, data: memoryview) -> None:
        """Walk a TensorProto for its external data: 13 is a list of key and value."""
        for number, kind, value in fields(data):
            if number == 13 and kind == 2 and isinstance(value, memoryview):
                pair = {n: _text(v) for n, _, v in fields(value)}
                if pair.get(1) == "location":
                    self.external(pair.get(2, ""))

    def external(self, location: str) -> None:
        """Weights in another file: inside the model's folder, and covered by its digest, or a finding."""
        if location in self.told or len(self.told) > 1000:
            return
        self.told.add(location)
        folder = self.path.rpartition("/")[0]
        beside = f"{folder}/{location}" if folder else location
        place = Place(self.path, f"external data {printable(location)}")
        if escapes(location) or not location:
            message = f"weights are read from {printable(location)!r}, outside the model's folder"
            remedy = "do not load this model; save it with its weights inside"
            references = ("CWE-22", "CVE-2024-27318")
            self.walk.flaw("artifact.onnx.escape", Severity.HIGH, place, message, remedy, references)
        elif beside in self.walk.beside:
            self.walk.claimed.add(beside)
        else:
            message = f"weights lie in {printable(location)!r}, which this digest does not cover"
            remedy = "audit the folder that holds both, or save the model with its weights inside"
            self.walk.flaw("artifact.onnx.external", Severity.MEDIUM, place, message, remedy, ("CWE-353",))

    def finish(self) -> None:
        """Tell of operators that neither ONNX nor the model defines."""
        foreign = {u for u in self.used if (u[0] not in OWN or u[1] in COMPILED) and u not in self.defined}
        for domain, name in sorted(foreign)[:100]:
            message = f"operator {printable(domain)}::{printable(name)} needs a library that ONNX Runtime lacks"
            remedy = "know that library before you load it; or export the model with standard operators"
            place = Place(self.path, f"operator {printable(domain, 60)}::{printable(name, 60)}")
            self.walk.flaw("artifact.onnx.domain", Severity.MEDIUM, place, message, remedy, ("CWE-829",))
