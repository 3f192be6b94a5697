"""LSTM, GRU and RNN, step by step: every direction, activation, peephole and sequence length that ONNX has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .node import Node, Table

Activation = Callable[[Tensor], Tensor]
State = tuple[Tensor, ...]
Cell = Callable[[Tensor, State], State]

DEFAULTS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}


@dataclass(frozen=True)
class Weights:
    """Of one direction. w: (gates * hidden, input); r: (gates * hidden, hidden); wb, rb: biases; p: peepholes."""

    w: Tensor
    r: Tensor
    wb: Tensor
    rb: Tensor
    p: Tensor | None


def _activation(node: Node, name: str, alpha: float | None, beta: float | None) -> Activation:
    a, b = alpha, beta
    known: dict[str, Activation] = {
        "relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid,
        "softsign": F.softsign, "softplus": F.softplus,
        "elu": lambda x: F.elu(x, 1.0 if a is None else a),
        "leakyrelu": lambda x: F.leaky_relu(x, 0.01 if a is None else a),
        "thresholdedrelu": lambda x: torch.where(x > (1.0 if a is None else a), x, torch.zeros_like(x)),
        "hardsigmoid": lambda x: torch.clamp((0.2 if a is None else a) * x + (0.5 if b is None else b), 0, 1),
        "affine": lambda x: (1.0 if a is None else a) * x + (0.0 if b is None else b),
        "scaledtanh": lambda x: (1.0 if a is None else a) * torch.tanh((1.0 if b is None else b) * x),
    }  # fmt: skip
    if name.lower() not in known:
        raise node.refuse(f"activation {name}")
    return known[name.lower()]


def _activations(node: Node, directions: int) -> list[Sequence[Activation]]:
    """Per direction. activation_alpha and _beta are consumed in order by the activations that have one."""
    names = node.attributes.get("activations")
    listed = [n.decode() if isinstance(n, bytes) else str(n) for n in names] if names else []
    listed = listed or DEFAULTS[node.op] * directions
    alphas, betas = (list(node.attributes.get(f"activation_{k}", [])) for k in ("alpha", "beta"))
    made = []
    for name in listed:
        a = alphas.pop(0) if alphas and name.lower() in WITH_ALPHA else None
        b = betas.pop(0) if betas and name.lower() in WITH_BETA else None
        made.append(_activation(node, name, a, b))
    count = len(made) // directions
    return [made[i * count : (i + 1) * count] for i in range(directions)]


WITH_ALPHA = {"elu", "leakyrelu", "thresholdedrelu", "hardsigmoid", "affine", "scaledtanh"}
WITH_BETA = {"hardsigmoid", "affine", "scaledtanh"}


def _clipped(node: Node) -> Activation:
    if not node.has("clip"):
        return lambda x: x
    limit = node.number("clip", 0.0)
    return lambda x: torch.clamp(x, -limit, limit)


def _rnn_cell(node: Node, k: Weights, act: Sequence[Activation]) -> Cell:
    clip = _clipped(node)

    def cell(x: Tensor, state: State) -> State:
        return (act[0](clip(x + F.linear(state[0], k.r, k.rb))),)

    return cell


def _gru_cell(node: Node, k: Weights, act: Sequence[Activation]) -> Cell:
    clip, late, h = _clipped(node), node.flag("linear_before_reset"), k.r.shape[1]

    def cell(x: Tensor, state: State) -> State:
        before = state[0]
        gates = act[0](clip(x[:, : 2 * h] + F.linear(before, k.r[: 2 * h], k.rb[: 2 * h])))
        update, reset = gates[:, :h], gates[:, h:]
        if late:
            inner = reset * F.linear(before, k.r[2 * h :], k.rb[2 * h :])
        else:
            inner = F.linear(reset * before, k.r[2 * h :], k.rb[2 * h :])
        hidden = act[1](clip(x[:, 2 * h :] + inner))
        return ((1 - update) * hidden + update * before,)

    return cell


def _lstm_cell(node: Node, k: Weights, act: Sequence[Activation]) -> Cell:
    clip, couple = _clipped(node), node.flag("input_forget")

    def cell(x: Tensor, state: State) -> State:
        before, memory = state
        i, o, f, c = (x + F.linear(before, k.r, k.rb)).chunk(4, 1)
        if k.p is not None:
            pi, _, pf = k.p.chunk(3)
            i, f = i + pi * memory, f + pf * memory
        i = act[0](clip(i))
        f = 1 - i if couple else act[0](clip(f))
        memory = f * memory + i * act[1](clip(c))
        if k.p is not None:
            o = o + k.p.chunk(3)[1] * memory
        return act[0](clip(o)) * act[2](memory), memory

    return cell


CELLS = {"RNN": _rnn_cell, "GRU": _gru_cell, "LSTM": _lstm_cell}


def _walk(cell: Cell, x: Tensor, state: State, lengths: Tensor | None, backwards: bool) -> tuple[Tensor, State]:
    """x: (time, batch, gates * hidden), already multiplied. Past its length an example keeps its state."""
    outputs: list[Tensor] = [x.new_zeros(0)] * len(x)
    order = reversed(range(len(x))) if backwards else range(len(x))
    for t in order:
        new = cell(x[t], state)
        if lengths is not None:
            live = (lengths > t).unsqueeze(1)
            outputs[t] = torch.where(live, new[0], torch.zeros_like(new[0]))
            new = tuple(torch.where(live, n, s) for n, s in zip(new, state, strict=True))
        else:
            outputs[t] = new[0]
        state = new
    return torch.stack(outputs), state


def _weights(w: Tensor, r: Tensor, b: Tensor | None, p: Tensor | None, direction: int) -> Weights:
    half = w.shape[1]
    bias = w.new_zeros(2 * half) if b is None else b[direction]
    return Weights(w[direction], r[direction], bias[:half], bias[half:], None if p is None else p[direction])


def _recurrent(
    node: Node, x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None, lengths: Tensor | None = None,
    h0: Tensor | None = None, c0: Tensor | None = None, p: Tensor | None = None,
) -> tuple[Tensor, ...]:  # fmt: skip
    batch_first = node.flag("layout")
    if batch_first:
        x, h0, c0 = x.transpose(0, 1), _swap(h0), _swap(c0)
    starts = [h0, c0] if node.op == "LSTM" else [h0]
    acts = _activations(node, w.shape[0])
    outputs, ends = [], []
    for d in range(w.shape[0]):
        k = _weights(w, r, b, p, d)
        zero = x.new_zeros(x.shape[1], r.shape[2])
        state = tuple(zero if s is None else s[d] for s in starts)
        backwards = d == 1 or node.text("direction", "forward") == "reverse"
        y, end = _walk(CELLS[node.op](node, k, acts[d]), F.linear(x, k.w, k.wb), state, lengths, backwards)
        outputs.append(y)
        ends.append(end)
    y, last = torch.stack(outputs, 1), [torch.stack(parts) for parts in zip(*ends, strict=True)]
    if batch_first:  # (time, directions, batch, hidden) -> (batch, time, directions, hidden)
        return y.permute(2, 0, 1, 3), *(s.transpose(0, 1) for s in last)
    return y, *last


def _swap(state: Tensor | None) -> Tensor | None:
    return None if state is None else state.transpose(0, 1)


TABLE: Table = {"LSTM": _recurrent, "GRU": _recurrent, "RNN": _recurrent}
