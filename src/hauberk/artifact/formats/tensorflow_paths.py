"""Where the paths come from that a TensorFlow model saves to, restores from and reads vocabularies from.

Honest ones come from whoever runs the model: a placeholder, an argument of a function, an asset. A path that the
model brings along, or computes, reads or overwrites a file of the model's choice (when it runs, some when it loads).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

from ...core.nouns import Severity
from ..walk import printable
from .graphs import Teller
from .protobuf_tour import Trail

HARMLESS = re.compile(
    r"|model|checkpoint|\.part|_temp(_[0-9a-f]{32})?/part|_temp|part|-|/|variables/variables|model\.ckpt(-\d+)?"
)
"""Pieces of paths that TensorFlow's own savers put behind a prefix, and their defaults; all are relative."""
PASSING = frozenset((
    "Identity", "IdentityN", "StringJoin", "ShardedFilename", "ShardedFilespec", "Select", "SelectV2", "Pack",
    "Reshape", "ExpandDims", "Squeeze", "ConcatV2", "Concat", "PlaceholderWithDefault", "StaticRegexFullMatch",
    "RegexFullMatch", "Switch", "Merge", "StopGradient", "Snapshot", "GuaranteeConst", "EnsureShape", "Where",
))  # fmt: skip
"""Operators whose result is made of their inputs and nothing else."""
VARIABLES = frozenset(("ReadVariableOp", "VarHandleOp", "VariableV2", "Variable"))
ASSIGNING = frozenset(("AssignVariableOp", "Assign"))
DIRECT = frozenset(("PartitionedCall", "StatefulPartitionedCall", "TPUPartitionedCall"))
"""Operators that hand their inputs to a function one by one; the others put something before them."""
RESTORING = frozenset(("Restore", "RestoreV2"))
ASSIGNED = "a variable"
WRITERS = frozenset(("Save", "SaveV2", "MergeV2Checkpoints"))
STRING = 7
MAX_STEPS = 200_000


class Node(Protocol):
    """What is needed of a node."""

    op: str
    inputs: list[str]
    trail: Trail
    texts: list[str] | None
    calls: list[str]
    kind: int


class Scope(Protocol):
    """What is needed of a graph or function."""

    graph: int
    name: str

    @property
    def arguments(self) -> Mapping[str, int]: ...
    @property
    def nodes(self) -> Mapping[str, Node]: ...


Key = tuple[int, str]


class Paths:
    """Follows paths backwards. assets: names of nodes that the loader feeds with paths of the model's assets."""

    def __init__(
        self, teller: Teller, scopes: Mapping[Key, Scope], sinks: Mapping[str, list[int]], assets: set[str]
    ) -> None:
        self.teller, self.scopes, self.sinks, self.assets = teller, scopes, sinks, assets
        self.steps = 0
        self.told: set[tuple[str, str]] = set()
        self.variables = False
        self.todo: list[tuple[Key, str, str]] = []
        self.seen: set[tuple[Key, str, str]] = set()
        self.callers: dict[Key, list[tuple[Key, Node]]] = {}

    def check(self) -> None:
        """Tell of every path that the model brings along."""
        for key, scope in self.scopes.items():
            for node in scope.nodes.values():
                for name in (*node.calls, node.op):
                    if (target := (scope.graph, name)) in self.scopes and name:
                        self.callers.setdefault(target, []).append((key, node))
                for index in self.sinks.get(node.op, ()):
                    self._add(key, node.inputs[index : index + 1], node.op)
        self._follow()
        if self.variables:
            for key, scope in self.scopes.items():
                for node in scope.nodes.values():
                    if node.op in ASSIGNING and node.kind == STRING:
                        self._add(key, node.inputs[1:2], ASSIGNED)
            self._follow()

    def _add(self, key: Key, inputs: Iterable[str], sink: str) -> None:
        for name in inputs:
            step = key, name.partition(":")[0], sink
            if step not in self.seen:
                self.seen.add(step)
                self.todo.append(step)

    def _follow(self) -> None:
        while self.todo:
            self.steps += 1
            if self.steps > MAX_STEPS:
                self.teller.walk.skip(self.teller.path or "the file", "its paths of files lead too far")
                return
            key, name, sink = self.todo.pop()
            scope = self.scopes[key]
            if name in scope.arguments:
                self._callers(key, scope.arguments[name], sink)
            elif node := scope.nodes.get(name):
                self._node(key, name, node, sink)

    def _callers(self, key: Key, index: int, sink: str) -> None:
        """The values that are handed to an argument."""
        callers = self.callers.get(key, ())
        self.steps += len(callers)
        for caller, node in callers if self.steps <= MAX_STEPS else ():
            direct = node.op in DIRECT or node.op == key[1]
            self._add(caller, node.inputs[index : index + 1] if direct else node.inputs, sink)

    def _node(self, key: Key, name: str, node: Node, sink: str) -> None:
        if node.op == "Const":
            if name not in self.assets or key[1]:
                for text in node.texts or ():
                    if not HARMLESS.fullmatch(text):
                        self._tell(sink, f"{printable(text)!r}, which the model brings along", node.trail)
        elif node.op in PASSING:
            self._add(key, node.inputs, sink)
        elif node.op in VARIABLES:
            self.variables = True
        elif sink == ASSIGNED and node.op in RESTORING:
            return
        elif node.op not in ("Placeholder", "PlaceholderV2", "_Arg") and node.kind in (0, STRING):
            self._tell(sink, f"computed by {printable(node.op)}", node.trail)

    def _tell(self, sink: str, what: str, trail: Trail) -> None:
        if (sink, what) in self.told or len(self.told) > 50:
            return
        self.told.add((sink, what))
        writes = sink in WRITERS
        message = f"{sink} {'writes to' if writes else 'reads'} a path that is {what}"
        remedy = "do not load this model; save it again without that operator"
        severity = Severity.CRITICAL if writes else Severity.HIGH
        self.teller.flaw("path", severity, str(trail), message, remedy, ("CWE-73",))
