"""If, Loop and Scan: their bodies see the values around them. A sequence is a Python list, an empty optional None."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .node import Node, Table, ints
from .shaping import split_sizes

MAX_STEPS = 100_000  # of one Loop: above any unrolled time axis, below a night


def _if(node: Node, scope: dict[str, Any], condition: Tensor) -> tuple[Any, ...]:
    branch = node.graph("then_branch" if bool(condition) else "else_branch")
    return tuple(branch.run(scope))


def _loop(
    node: Node, scope: dict[str, Any], trips: Tensor | None, condition: Tensor | None, *state: Any
) -> tuple[Any, ...]:
    body, carried = node.graph("body"), list(state)
    limit = MAX_STEPS + 1 if trips is None else int(trips.item())
    going = True if condition is None else bool(condition)
    scanned: list[list[Tensor]] = [[] for _ in body.outputs[1 + len(carried) :]]
    step = 0
    while going and step < limit:
        if step >= MAX_STEPS:
            raise node.refuse(f"more than {MAX_STEPS} steps")
        given = dict(zip(body.inputs, [torch.tensor(step), torch.tensor(going), *carried], strict=True))
        flag, *results = body.run({**scope, **given})
        going, carried = bool(flag), results[: len(carried)]
        for rows, value in zip(scanned, results[len(carried) :], strict=True):
            rows.append(value)
        step += 1
    return (*carried, *(torch.stack(rows) if rows else torch.empty(0) for rows in scanned))


def _scan(node: Node, scope: dict[str, Any], *inputs: Any) -> tuple[Any, ...]:
    if node.opset < 9:
        raise node.refuse("the batched Scan of opset 8")
    body, count = node.graph("body"), node.integer("num_scan_inputs", 1)
    carried, sequences = list(inputs[: len(inputs) - count]), inputs[len(inputs) - count :]
    made = len(body.outputs) - len(carried)
    in_axes, out_axes = (node.integers(f"scan_{s}_axes") or [0] * n for s, n in (("input", count), ("output", made)))
    in_back, out_back = (
        node.integers(f"scan_{s}_directions") or [0] * n for s, n in (("input", count), ("output", made))
    )
    rows = [_unstacked(x, a, b) for x, a, b in zip(sequences, in_axes, in_back, strict=True)]
    scanned: list[list[Tensor]] = [[] for _ in range(made)]
    for slices in zip(*rows, strict=True):
        results = body.run({**scope, **dict(zip(body.inputs, [*carried, *slices], strict=True))})
        carried = results[: len(carried)]
        for collected, value in zip(scanned, results[len(carried) :], strict=True):
            collected.append(value)
    stacks = (torch.stack(c[::-1] if b else c, a) for c, a, b in zip(scanned, out_axes, out_back, strict=True))
    return (*carried, *stacks)


def _unstacked(x: Tensor, axis: int, backwards: int) -> list[Tensor]:
    slices = list(x.unbind(axis))
    return slices[::-1] if backwards else slices


CONTROL: Table = {"If": _if, "Loop": _loop, "Scan": _scan}


def _insert(node: Node, sequence: list[Tensor], value: Tensor, at: Tensor | None = None) -> list[Tensor]:
    place = len(sequence) if at is None else int(at)
    place = place + len(sequence) if place < 0 else place
    return [*sequence[:place], value, *sequence[place:]]


def _erase(node: Node, sequence: list[Tensor], at: Tensor | None = None) -> list[Tensor]:
    place = len(sequence) - 1 if at is None else int(at) % len(sequence)
    return [*sequence[:place], *sequence[place + 1 :]]


def _joined(node: Node, sequence: list[Tensor]) -> Tensor:
    axis = node.integer("axis", 0)
    return torch.stack(sequence, axis) if node.flag("new_axis") else torch.cat(sequence, axis)


def _cut(node: Node, x: Tensor, split: Tensor | None = None) -> list[Tensor]:
    axis = node.integer("axis", 0)
    if split is None:
        parts = list(torch.split(x, 1, axis))
        return parts if node.flag("keepdims", True) else [part.squeeze(axis) for part in parts]
    if split.dim() == 0:
        return list(torch.split(x, int(split), axis))
    return list(torch.split(x, split_sizes(node, x.shape[axis], split), axis))


TABLE: Table = {
    "Optional": lambda node, value=None: value,
    "OptionalHasElement": lambda node, value=None: torch.tensor(value is not None),
    "OptionalGetElement": lambda node, value: value,
    "SequenceEmpty": lambda node: [],
    "SequenceConstruct": lambda node, *values: list(values),
    "SequenceInsert": _insert,
    "SequenceErase": _erase,
    "SequenceAt": lambda node, sequence, at: sequence[ints(at)[0]],
    "SequenceLength": lambda node, sequence: torch.tensor(len(sequence), dtype=torch.int64),
    "ConcatFromSequence": _joined,
    "SplitToSequence": _cut,
}
