"""The torch module behind an ONNX model's gradient, trusted only where it agrees with onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from hauberk.core.errors import UnsupportedError

from .onnx_session import Intake, open_session, run
from .onnx_torch import convert
from .onnx_torch.head import Logits
from .probabilities import Reading, softmax

if TYPE_CHECKING:
    from hauberk.core.ports import Floats

    from .onnx_ending import Ending

TOLERANCE = 1e-4  # of the largest score: float32 sums in another order differ by about 1e-6 a layer
SLOPES = 8  # examples at which the gradient is looked at


@dataclass(frozen=True)
class Oracle:
    """What onnxruntime says: x (n, *shape) and its probabilities (n, n_classes)."""

    x: Floats
    probabilities: Floats
    reading: Reading
    threads: int


@dataclass(frozen=True)
class Built:
    """The module, and what was assumed on the way."""

    module: Logits
    notes: tuple[str, ...]


def agreement(theirs: Floats, ours: Floats) -> float:
    """The largest difference, as a share of the largest score (at least 1). Infinite for other shapes or NaN."""
    if theirs.shape != ours.shape or not np.isfinite(ours).all():
        return float("inf")
    return float(np.abs(theirs - ours).max(initial=0.0) / max(1.0, float(np.abs(theirs).max(initial=0.0))))


def build(proto: Any, ending: Ending, intake: Intake, oracle: Oracle, name: str) -> Built:
    """The logits of the model. Tries the tensor before the last activation first, then the output itself;
    the whole batch at once first, then as many examples at a time as the graph was written for.

    Raises UnsupportedError when no way agrees with onnxruntime within TOLERANCE, or no gradient comes back.
    """
    if ending.labels or oracle.reading.label_only:
        raise UnsupportedError(f"{name}: it answers labels only, there is no gradient")
    worst: list[float] = []
    for module, end in _ways(proto, ending, intake, oracle.reading):
        difference = _difference(module, proto, end, intake, oracle, name)
        if difference <= TOLERANCE:
            notes = _check_gradient(module, oracle.x, name)
            return Built(module, (*_notes(end, difference, len(oracle.x)), *notes))
        worst.append(difference)
    raise UnsupportedError(
        f"{name}: the converted module and onnxruntime differ by {min(worst):.2g} of the largest score "
        f"on {len(oracle.x)} examples, expected at most {TOLERANCE}",
        hint="the model can still be tested as a black box",
    )


def _ways(proto: Any, ending: Ending, intake: Intake, reading: Reading) -> Iterator[tuple[Logits, Ending]]:
    whole = np.dtype(intake.dtype).kind != "f"
    dtype = torch.float32 if whole else torch.from_numpy(np.zeros(1, intake.dtype)).dtype
    ends = [ending] if ending.cut == ending.output else [ending, replace(ending, cut=ending.output, activation="")]
    for end in ends:
        graph = convert(proto, [end.cut])
        for batch in [None] if intake.batch is None else [None, intake.batch]:
            yield Logits(graph, _tail(end, reading), dtype, batch, whole=whole), end


def _tail(end: Ending, reading: Reading) -> str:
    """What the tensor at the cut is (`head.TAILS`)."""
    if end.activation == "Sigmoid":
        return "sigmoids" if end.columns > 1 else "margin"
    return "logits" if end.activation in ("Softmax", "LogSoftmax") else str(reading)


def _difference(module: Logits, proto: Any, end: Ending, intake: Intake, oracle: Oracle, name: str) -> float:
    """The larger of two: at the cut, and of the probabilities. Infinite when the module does not run."""
    plain = replace(end, activation="", output=end.cut)
    session = open_session(proto, end.cut, oracle.threads, name)
    theirs = run(session, plain, intake, oracle.x, name)
    with torch.no_grad():
        x = torch.from_numpy(np.asarray(oracle.x, dtype=np.float32))
        try:
            ours, logits = module.raw(x).numpy(), module(x).numpy()
        except UnsupportedError:
            if module.batch == intake.batch:
                raise
            return float("inf")
    at_cut = agreement(theirs, ours.reshape(len(x), -1))
    return max(at_cut, agreement(oracle.probabilities, softmax(logits)))


def _check_gradient(module: Logits, x: Any, name: str) -> tuple[str, ...]:
    """A note where the gradient is not finite at some examples (a square root at zero, say)."""
    leaf: Tensor = torch.from_numpy(np.array(x[:SLOPES], dtype=np.float32)).requires_grad_()
    logits = module(leaf)
    if not logits.requires_grad:
        raise UnsupportedError(f"{name}: no gradient reaches the input: an operator on the way rounds or compares")
    (slope,) = torch.autograd.grad(logits.square().sum(), leaf, allow_unused=True)
    if slope is None:
        raise UnsupportedError(f"{name}: no gradient reaches the input")
    lost = int((~torch.isfinite(slope.flatten(1)).all(dim=1)).sum())
    if lost == len(leaf):
        raise UnsupportedError(f"{name}: the gradient is not finite at any of {lost} examples")
    return (f"the gradient is not finite at {lost} of {len(leaf)} examples",) if lost else ()


def _notes(end: Ending, difference: float, n: int) -> tuple[str, ...]:
    where = f"before the last {end.activation}" if end.activation else "at the output"
    return (
        f"gradients start {where} ({end.cut!r})",
        f"the converted module agrees with onnxruntime within {difference:.1g} on {n} examples",
    )
