"""A graph compiled to steps: what does not reach the outputs is dropped, what is constant is computed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from hauberk.core.errors import HauberkError, UnsupportedError

from .node import Node, Op, attribute_of, tensor_of
from .table import CONTROL, TABLE

DOMAINS = ("", "ai.onnx")
FOLDABLE = 1 << 24  # elements: constants above that are computed when they are used


@dataclass(frozen=True, eq=False)
class Step:
    """One call. drop: names that nothing needs any more after it."""

    node: Node
    op: Op
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    drop: tuple[str, ...] = ()


def reads(node: onnx.NodeProto) -> set[str]:
    """Every name that a node, or a subgraph inside it, may read."""
    names = {name for name in node.input if name}
    for graph in _subgraphs(node):
        names.update(value.name for value in graph.output)
        for inner in graph.node:
            names |= reads(inner)
    return names


def _subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g


def reaching(graph: onnx.GraphProto, outputs: Sequence[str]) -> list[onnx.NodeProto]:
    """The nodes that `outputs` depend on, in order."""
    needed, kept = set(outputs), []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed |= reads(node)
    return kept[::-1]


def lacking(nodes: Sequence[onnx.NodeProto]) -> set[tuple[str, str]]:
    """(domain, operator) of every node, subgraphs included, that no table has."""
    found = set()
    for node in nodes:
        if node.domain not in DOMAINS or (node.op_type not in TABLE and node.op_type not in CONTROL):
            found.add((node.domain, node.op_type))
        for graph in _subgraphs(node):
            found |= lacking(graph.node)
    return found


class Graph(nn.Module):
    """A compiled graph. inputs, outputs: names. outer: constants of the graphs around it, for folding.

    Constants are buffers (they move with `.to` and `.double`) and have no gradient of their own.
    """

    def __init__(
        self,
        proto: onnx.GraphProto,
        opset: int,
        outputs: Sequence[str] | None = None,
        outer: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.outputs = list(outputs or [value.name for value in proto.output])
        own = {value.name: tensor_of(value) for value in proto.initializer}
        self.inputs = [value.name for value in proto.input if value.name not in own]
        self._opset, self._steps = opset, list[Step]()
        self._subgraphs, self._keys = nn.ModuleList(), dict[str, str]()
        shadowed = {k: v for k, v in (outer or {}).items() if k not in self.inputs}
        kept = reaching(proto, self.outputs)
        self._compile(kept, own, {**shadowed, **own})
        self._let_go()

    def _compile(self, nodes: list[onnx.NodeProto], own: dict[str, Tensor], known: dict[str, Tensor]) -> None:
        for proto in nodes:
            step = self._step(proto, known)
            folded = _fold(step, known)
            if folded is None:
                self._steps.append(step)
            own.update(folded or {})
            known.update(folded or {})
        wanted = set(self.outputs).union(*(self._reads(step) for step in self._steps))
        for name in sorted(own.keys() & wanted):
            self._keys[name] = f"constant_{len(self._keys)}"
            self.register_buffer(self._keys[name], own[name])

    def _step(self, proto: onnx.NodeProto, known: Mapping[str, Tensor]) -> Step:
        attributes: dict[str, Any] = {}
        for attribute in proto.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                graph = Graph(attribute.g, self._opset, outer=known)
                self._subgraphs.append(graph)
                attributes[attribute.name] = graph
            else:
                attributes[attribute.name] = attribute_of(attribute)
        node = Node(proto.op_type, proto.name, self._opset, attributes, max(len(proto.output), 1))
        op = CONTROL.get(proto.op_type) or TABLE[proto.op_type]
        return Step(node, op, tuple(proto.input), tuple(proto.output))

    def _reads(self, step: Step) -> set[str]:
        graphs = [v for v in step.node.attributes.values() if isinstance(v, Graph)]
        inner = (graph._reads(s) for graph in graphs for s in graph._steps)
        return set(step.inputs).union(*(graph.outputs for graph in graphs), *inner)

    def _let_go(self) -> None:
        """Note after each step which values made here are read for the last time."""
        seen, steps = set(self.outputs), []
        made = {name for step in self._steps for name in step.outputs if name}
        for step in reversed(self._steps):
            last = (self._reads(step) | set(step.outputs)) & made - seen
            seen |= last
            steps.append(Step(step.node, step.op, step.inputs, step.outputs, tuple(sorted(last))))
        self._steps = steps[::-1]

    def run(self, scope: Mapping[str, Any]) -> list[Any]:
        """The outputs, given the inputs and whatever is around by name."""
        values = {**scope, **{name: self._buffers[key] for name, key in self._keys.items()}}
        for step in self._steps:
            _call(step, values)
            for name in step.drop:
                values.pop(name, None)
        return [values[name] for name in self.outputs]

    def forward(self, *inputs: Tensor) -> Any:
        """One value, or a tuple where the graph has several outputs."""
        results = self.run(dict(zip(self.inputs, inputs, strict=True)))
        return results[0] if len(results) == 1 else tuple(results)


def _call(step: Step, values: dict[str, Any]) -> None:
    given = [values[name] if name else None for name in step.inputs]
    if step.node.op in CONTROL:
        given.insert(0, values)
    try:
        result = step.op(step.node, *given)
    except HauberkError:
        raise
    except (RuntimeError, ValueError, IndexError, TypeError, KeyError, AttributeError) as error:
        raise step.node.refuse(f"{type(error).__name__}: {error}") from error
    results = result if isinstance(result, tuple) else (result,)
    values.update((name, value) for name, value in zip(step.outputs, results, strict=False) if name)


@torch.no_grad()
def _fold(step: Step, known: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The step's outputs when they are constant and small, or None."""
    if step.node.op in CONTROL or not all(name in known for name in step.inputs if name):
        return None
    values: dict[str, Any] = {name: known[name] for name in step.inputs if name}
    try:
        _call(step, values)
    except UnsupportedError:
        return None  # it may never be reached; if it is, it says so then
    made = {name: values[name] for name in step.outputs if name}
    small = all(isinstance(v, Tensor) and v.numel() <= FOLDABLE for v in made.values())
    return made if small else None
