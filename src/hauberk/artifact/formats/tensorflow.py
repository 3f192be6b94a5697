"""TensorFlow's protobuf files: SavedModel, MetaGraph, GraphDef, Keras metadata, fingerprint; told apart by content.

Every operator of every graph and function is judged (`tensorflow_graph`), every tensor is held against its shape, the
files that it names must stay inside, and JSON that Keras left in it is walked as Keras configuration.
Layouts: tensorflow/core/protobuf/*.proto (`packs/tensorflow_proto.json`).
"""

from __future__ import annotations

from ...core.nouns import Severity
from ..walk import Walk, join, printable
from . import keras
from .graphs import Teller
from .keras_config import Configuration
from .onnx_external import leaves
from .protobuf import Layout, Message, first, shape_of
from .protobuf_tour import Tour, Trail
from .tensorflow_graph import Graphs
from .tensorflow_tensors import check

TITLES = {
    "SavedModel": "tensorflow saved model", "MetaGraphDef": "tensorflow meta graph", "GraphDef": "tensorflow graph",
    "SavedMetadata": "tensorflow keras metadata", "FingerprintDef": "tensorflow fingerprint",
}  # fmt: skip
GRAPHS = ("GraphDef", "SavedModel", "MetaGraphDef")
MIN_NESTED, MAX_NESTED = 16, 50


def sniff(data: memoryview) -> bool:
    """Whether this is one of TensorFlow's messages, two levels deep."""
    return root(data) != ""


def root(data: memoryview) -> str:
    """Which message a file is; '' when it is none of TensorFlow's."""
    shape = shape_of(data)
    if not shape:
        return ""
    if set(shape) <= {0, 1, 2} and shape.get(1, 0) == 0 and shape.get(2) == 2:
        return "SavedModel" if _meta_graph(shape_of(first(data, 2))) else ""
    if _meta_graph(shape) and shape_of(first(data, 2)) is not None and _graph(first(data, 2)):
        return "MetaGraphDef"
    if _graph(data):
        return "GraphDef"
    if set(shape) <= {0, 1} and shape.get(1) == 2:
        inner = shape_of(first(data, 1)) or {}
        return "SavedMetadata" if set(inner) <= {0, 2, 3, 4, 5, 6} and inner.get(4) == 2 and 5 in inner else ""
    numbers = {n for n, wire in shape.items() if wire == 0}
    return "FingerprintDef" if set(shape) <= set(range(8)) and len(numbers) >= 3 and shape.get(6) == 2 else ""


def _meta_graph(shape: dict[int, int] | None) -> bool:
    wires = {wire for number, wire in (shape or {}).items() if number}
    return shape is not None and set(shape) <= set(range(8)) and wires == {2} and 2 in shape


def _graph(data: memoryview) -> bool:
    shape = shape_of(data) or {}
    wires = {1: 2, 2: 2, 3: 0, 4: 2, 0: 0, 5: 2}
    if 1 not in shape or any(wires.get(number, wire) != wire for number, wire in shape.items()):
        return False
    node = shape_of(first(data, 1)) or {}
    fits = set(node) <= set(range(8)) and node.get(1, 2) == node.get(2) == 2
    return fits and bytes(first(first(data, 1), 2)).decode("latin-1").isprintable()


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk the file. Raises Broken when it is truncated."""
    kind = root(data)
    walk.formats[path] = TITLES[kind]
    teller = Teller(walk, path, "tensorflow")
    File(teller).walk(data, kind)
    teller.finish()


class Revived(Configuration):
    """A Keras configuration beside a graph: a class that is not known by its name alone is revived from the graph."""

    def _unknown(self, dotted: str, message: str) -> None:
        if not dotted.startswith("Custom."):
            super()._unknown(dotted, message)


class File:
    """One walk through a file of TensorFlow's."""

    def __init__(self, teller: Teller) -> None:
        self.teller, self.layout = teller, Layout("tensorflow")
        self.graphs = Graphs(teller)
        self.nested = 0

    def walk(self, data: memoryview, kind: str) -> None:
        """Everything. Raises Broken."""
        handlers = {
            "GraphDef": self.graphs.graph,
            "FunctionDef": self.graphs.function,
            "NodeDef": self.graphs.node,
            "NameAttrList": self.graphs.mention,
            "TensorProto": lambda message, trail: check(self.teller, message, trail),
            "AssetFileDef": self.asset,
            "SavedUserObject": self.keras,
            "KerasObject": self.keras,
        }
        tour = Tour(self.teller.walk, self.layout, handlers, self.teller.odd, self.text, self.blob)
        tour.go(data, kind)
        self.graphs.finish()

    def asset(self, message: Message, trail: Trail) -> None:
        """A file of the model's assets folder, whose path the loader feeds to a tensor."""
        name = message.text("filename")
        tensor = self.layout.read(message.bytes("tensor_info"), "TensorInfo").text("name")
        self.graphs.assets.add(tensor.partition(":")[0])
        if leaves(name):
            what = f"the asset {printable(name)!r} lies outside the model's folder, and its contents are read"
            self.teller.flaw("escape", Severity.HIGH, str(trail), what, "do not load this model", ("CWE-22",))

    def keras(self, message: Message, trail: Trail) -> None:
        """The configuration of a Keras layer, as JSON."""
        content = message.bytes("metadata")
        if keras.is_json(content):
            try:
                Revived(self.teller.walk, self.teller.path).text(str(content, "utf-8"))
            except (ValueError, RecursionError):
                self.teller.odd("the configuration of a Keras layer is no JSON", trail)

    def text(self, text: str, trail: Trail) -> None:
        """Any text but the JSON that is walked as such."""
        if trail.name != "metadata":
            self.teller.text(text, trail)

    def blob(self, data: memoryview, trail: Trail) -> None:
        """Bytes that are no tensor; a graph among them would be built by an operator such as DatasetFromGraph."""
        if trail.name == "tensor_content":
            return
        if self.nested < MAX_NESTED and len(data) >= MIN_NESTED and root(data) in GRAPHS:
            what = "a text of the model is itself a graph, which hides operators from whoever reads the model"
            remedy = "do not load this model: an operator may build and run that graph"
            self.nested += 1
            if self.nested == MAX_NESTED:
                self.teller.walk.skip(self.teller.path or "the file", f"more than {MAX_NESTED} graphs in its texts")
            self.teller.flaw("nested", Severity.HIGH, str(trail), what, remedy, ("CWE-506",))
            self.teller.walk.enter(data, join(self.teller.path, printable(str(trail))))
        else:
            self.teller.blob(data, trail)
