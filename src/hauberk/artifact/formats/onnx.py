"""ONNX: every message of a model, by its layout; its operators, its tensors, the files that it reads beside itself.

The message layout is onnx.proto3 (`packs/onnx_proto.json`). A field that no reader knows, one that comes twice, and
bytes behind the model are told: a parser would merge or drop them in silence.
"""

from __future__ import annotations

from ..walk import Walk
from .graphs import Teller
from .onnx_external import External
from .onnx_operators import Operators
from .onnx_tensors import Tensors
from .opcodes import Broken
from .protobuf import Layout, Message, shape_of
from .protobuf_tour import Tour, Trail

MAX_IR = 32
SECOND_TAGS = (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42)
"""producer_name, producer_version, domain, model_version, doc_string, graph, opset_import."""
MODEL_FIELDS = frozenset((0, 1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26))
GRAPH, OPSETS = 7, 8

VALUE_FIELDS = {
    1: "f", 2: "i", 3: "s", 4: "t", 5: "g", 6: "floats", 7: "ints", 8: "strings", 9: "tensors", 10: "graphs",
    11: "sparse_tensor", 12: "sparse_tensors", 13: "tp", 14: "type_protos",
}  # fmt: skip
"""AttributeProto.type, and the field that it says to read."""


def sniff(data: memoryview) -> bool:
    """Whether this is a ModelProto: an IR version and a field of one, or a graph among nothing but such fields."""
    if len(data) > 4 and data[0] == 0x08 and 1 <= data[1] <= MAX_IR and data[2] in SECOND_TAGS:
        return True
    shape = shape_of(data) or {}
    return shape.get(GRAPH) == 2 and shape.get(1, 0) == 0 and shape.get(OPSETS, 2) == 2 and set(shape) <= MODEL_FIELDS


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk the model. Raises Broken when it is truncated or no ModelProto."""
    teller = Teller(walk, path, "onnx")
    Model(teller).walk(data)
    teller.finish()


class Model:
    """One walk through a ModelProto."""

    def __init__(self, teller: Teller) -> None:
        self.teller = teller
        self.external = External(teller)
        self.tensors = Tensors(teller, self.external)
        self.operators = Operators(teller)
        self.graphs = 0

    def walk(self, data: memoryview) -> None:
        """Everything. Raises Broken."""
        handlers = {
            "GraphProto": self.graph,
            "NodeProto": self.node,
            "AttributeProto": self.attribute,
            "TensorProto": self.tensors.check,
            "SparseTensorProto": self.tensors.sparse,
            "FunctionProto": self.operators.define,
            "ModelProto": self.operators.imports,
        }
        tour = Tour(self.teller.walk, Layout("onnx"), handlers, self.teller.odd, self.teller.text, self.blob)
        tour.go(data, "ModelProto")
        if not self.graphs:
            raise Broken("there is no graph", len(data))
        self.operators.finish()
        self.external.finish()

    def graph(self, message: Message, trail: Trail) -> None:
        """A GraphProto: names of initializers are its keys."""
        self.graphs += 1
        names = [self._name(tensor) for tensor in message.all("initializer")]
        if len(set(names)) != len(names):
            self.teller.odd("two initializers have one name", trail)

    def node(self, message: Message, trail: Trail) -> None:
        """A NodeProto: which operator it runs."""
        self.operators.use(message, trail)
        attributes = [self._attribute(value) for value in message.all("attribute")]
        if len({a.text("name") for a in attributes}) != len(attributes):
            self.teller.odd("a node has two attributes of one name", trail)
        if message.text("op_type") == "EPContext":
            self._compiled({a.text("name"): a for a in attributes})

    def attribute(self, message: Message, trail: Trail) -> None:
        """An AttributeProto: one value, of the type that it says."""
        present = [name for name in VALUE_FIELDS.values() if name in message.values]
        kind = message.number("type")
        if len(present) > 1 or (kind and present and present != [VALUE_FIELDS.get(kind)]):
            self.teller.odd("an attribute holds another value than the one of its type", trail)

    def blob(self, data: memoryview, trail: Trail) -> None:
        """Bytes that are no tensor: attributes, and strings of tensors."""
        if trail.name != "raw_data":
            self.teller.blob(data, trail)

    def _compiled(self, attributes: dict[str, Message]) -> None:
        """EPContext reads its program from a file that an attribute names, unless it is embedded."""
        embedded = attributes.get("embed_mode")
        cache = attributes.get("ep_cache_context")
        if cache is not None and embedded is not None and embedded.number("i") == 0:
            self.external.program(cache.text("s"))

    def _name(self, data: memoryview) -> str:
        return self.tensors.layout.read(data, "TensorProto").text("name")

    def _attribute(self, data: memoryview) -> Message:
        return self.tensors.layout.read(data, "AttributeProto")
