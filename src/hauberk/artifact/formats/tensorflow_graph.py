"""TensorFlow graphs: every operator of every graph and function judged, and where paths of files come from.

Allowed are the operators of `packs/tensorflow_ops.json`: those of TensorFlow's registry that compute. Models save and
restore themselves, and read vocabularies; such an operator is allowed when its path comes from whoever runs the model.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache

from ...core.nouns import Severity
from ..verdicts import BY_USER, Standing, read_pack
from ..walk import printable
from .graphs import Teller
from .protobuf import Layout, Message
from .protobuf_tour import Trail
from .tensorflow_paths import Paths

MAX_TOLD = 100
MAX_TEXTS, MAX_TEXT = 64, 4096
STRING = 7
STREAMS = frozenset(("stderr", "stdout", "log(info)", "log(warning)", "log(error)", ""))
"""Where PrintV2 may write; anything else is the path of a file."""
DESCRIPTORS = ("", "local://", "bytes://")


@dataclass(frozen=True)
class Pack:
    """The verdicts: allowed; refused, with the reason; allowed when these inputs are no paths of the model's own."""

    allow: frozenset[str]
    refused: dict[str, str]
    paths: dict[str, list[int]]


@cache
def pack() -> Pack:
    """Read it, once."""
    content = read_pack("tensorflow_ops")
    refused = {name: why for why, names in content["refused"].items() for name in names.split()}
    return Pack(frozenset(content["allow"].split()), refused, content["paths"])


@dataclass
class Node:
    """A node of a graph. texts: of a constant. calls: functions that its attributes name. kind: its dtype."""

    op: str
    inputs: list[str]
    trail: Trail
    texts: list[str] | None = None
    calls: list[str] = field(default_factory=list)
    kind: int = 0


@dataclass
class Scope:
    """A graph, or a function of one with the places of its arguments."""

    graph: int
    name: str
    arguments: dict[str, int]
    nodes: dict[str, Node] = field(default_factory=dict)


class Graphs:
    """Collects the graphs of a file."""

    def __init__(self, teller: Teller) -> None:
        self.teller, self.layout = teller, Layout("tensorflow")
        self.scopes: dict[tuple[int, str], Scope] = {}
        self.current = Scope(0, "", {})
        self.times: Counter[str] = Counter()
        self.where: dict[str, Trail] = {}
        self.mentioned: dict[tuple[int, str], Trail] = {}
        self.assets: set[str] = set()
        self.count = 0

    def graph(self, message: Message, trail: Trail) -> None:
        """A GraphDef: the nodes that are met next are its own."""
        self.count += 1
        self.current = self.scopes[self.count, ""] = Scope(self.count, "", {})

    def function(self, message: Message, trail: Trail) -> None:
        """A FunctionDef: the nodes that are met next are its own. It hides an operator of its name."""
        signature = self.layout.read(message.bytes("signature"), "OpDef")
        name = signature.text("name")
        arguments = [self.layout.read(data, "OpDef.ArgDef").text("name") for data in signature.all("input_arg")]
        places = {name: at for at, name in enumerate(arguments)}
        if (self.count, name) in self.scopes:
            self.teller.odd("a function is defined twice", trail)
        self.current = self.scopes[self.count, name] = Scope(self.count, name, places)
        if name in pack().allow or name in pack().refused or name in pack().paths:
            what = f"the model brings its own {printable(name)}, in place of TensorFlow's operator"
            remedy = "read that function: it runs wherever the model seems to use the operator"
            self.teller.flaw("shadow", Severity.HIGH, str(trail), what, remedy, ("CWE-436",))

    def mention(self, message: Message, trail: Trail) -> None:
        """A function that an attribute names."""
        self.mentioned.setdefault((self.count, message.text("name")), trail)

    def node(self, message: Message, trail: Trail) -> None:
        """A NodeDef."""
        node = Node(message.text("op"), [i for i in message.texts("input") if i[:1] != "^"], trail)
        for data in message.all("attr"):
            entry = self.layout.read(data, "NodeDef.AttrEntry")
            self._attribute(node, entry.text("key"), self.layout.read(entry.bytes("value"), "AttrValue"))
        name = message.text("name")
        if name in self.current.nodes:
            self.teller.odd("two nodes have one name", trail)
        self.current.nodes[name] = node
        self.times[node.op] += 1
        self.where.setdefault(node.op, trail)

    def _attribute(self, node: Node, key: str, value: Message) -> None:
        functions = value.all("func") or self.layout.read(value.bytes("list"), "AttrValue.ListValue").all("func")
        if functions:
            node.calls += [self.layout.read(function, "NameAttrList").text("name") for function in functions]
        elif key in ("dtype", "T") and "type" in value:
            node.kind = value.number("type")
        elif key == "value" and "tensor" in value:
            tensor = self.layout.read(value.bytes("tensor"), "TensorProto")
            if tensor.number("dtype") == STRING:
                held = tensor.texts("string_val")
                node.texts = [text[:MAX_TEXT] for text in held[:MAX_TEXTS]]
                node.texts += ["?"] * bool(len(held) > MAX_TEXTS or len(tensor.bytes("tensor_content")))
        elif key == "output_stream" and value.text("s") not in STREAMS:
            self._reaches(node, f"writes to the file {printable(value.text('s'))!r}")
        elif key == "descriptor_source" and not value.text("s").startswith(DESCRIPTORS[1:]) and value.text("s"):
            self._reaches(node, f"reads the file {printable(value.text('s'))!r}")

    def _reaches(self, node: Node, why: str) -> None:
        self.teller.operator(node.op, str(node.trail), why)

    def finish(self) -> None:
        """Judge the operators, then the paths."""
        own = {name for _, name in self.scopes}
        told = 0
        for op in sorted(self.times):
            if op in pack().allow or op in pack().paths or op in own or self._allowed(op):
                continue
            told += 1
            if told > MAX_TOLD:
                self.teller.walk.skip(self.teller.path or "the file", f"more than {MAX_TOLD} operators are not known")
                break
            why = pack().refused.get(op, "")
            standing = Standing.DANGEROUS if why else Standing.UNKNOWN
            self.teller.walk.saw(f"tensorflow::{printable(op)}", "operator", standing, why or "no pack lists it")
            self.teller.operator(op, str(self.where[op]), why, times=self.times[op])
        for (graph, name), trail in self.mentioned.items():
            if name and (graph, name) not in self.scopes:
                self.teller.odd(f"the function {printable(name, 60)!r} is named, but not in the file", trail)
        Paths(self.teller, self.scopes, pack().paths, self.assets).check()

    def _allowed(self, op: str) -> bool:
        if f"tensorflow::{op}" not in self.teller.walk.judge.allow:
            return False
        self.teller.walk.saw(f"tensorflow::{op}", "operator", Standing.ALLOWED, BY_USER)
        return True
