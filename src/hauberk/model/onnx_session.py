"""onnxruntime under guard: the CPU only, few threads, one input, one output."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.errors import InputError, LimitExceeded, UnsupportedError

from .adapter import Bounds

if TYPE_CHECKING:
    from hauberk.core.ports import Floats

    from .onnx_ending import Ending

MAX_INPUT = 1 << 26  # elements of one example: 256 MiB of float32
TYPES = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8, "tensor(int8)": np.int8, "tensor(int32)": np.int32, "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_, "tensor(uint16)": np.uint16, "tensor(int16)": np.int16,
}  # fmt: skip


@dataclass(frozen=True)
class Intake:
    """The one input. batch: examples that the graph takes at a time; None for any number."""

    name: str
    dtype: Any
    shape: tuple[int, ...]
    batch: int | None


def open_session(proto: Any, output: str, threads: int, name: str) -> Any:
    """An onnxruntime session on the CPU that computes one tensor of the graph, by name."""
    import onnx
    import onnxruntime

    from .onnx_file import nodes

    asked = onnx.ModelProto()
    asked.CopyFrom(proto)
    keep = [value for value in proto.graph.output if value.name == output]
    del asked.graph.output[:]
    asked.graph.output.extend(keep or [onnx.ValueInfoProto(name=output)])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4  # errors are raised; printed too, they would spoil a terminal
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # threads that wait burn no CPU
    onnxruntime.disable_telemetry_events()
    # folding a constant If whose outputs are not all used crashes the process (onnxruntime 1.32, silero-vad)
    without = ["ConstantFolding"] if any(node.op_type == "If" for node in nodes(proto)) else None
    try:
        return onnxruntime.InferenceSession(
            asked.SerializeToString(), options, providers=["CPUExecutionProvider"], disabled_optimizers=without
        )
    except Exception as error:  # onnxruntime has a dozen exception types; each means: it will not load this
        raise UnsupportedError(
            f"{name}: onnxruntime does not load it: {_first_line(error)}",
            hint="check the model with onnx.checker, or raise its opset",
        ) from error


def intake_of(session: Any, shape: tuple[int, ...] | None, name: str) -> Intake:
    """The one input. Raises UnsupportedError when there are more, InputError when its shape is not known."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        listed = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs) or "none"
        raise UnsupportedError(
            f"{name}: expected one input, got {len(inputs)}: {listed}",
            hint="give the values of all inputs but the example: others={name: value}",
        )
    given = inputs[0]
    if given.type not in TYPES:
        raise UnsupportedError(f"{name}: input {given.name} is {given.type}, expected numbers")
    sides = list(given.shape or [])
    batch = sides[0] if sides and isinstance(sides[0], int) and sides[0] > 0 else None
    return Intake(given.name, TYPES[given.type], _example_shape(sides[1:], bool(sides), shape, name), batch)


def _example_shape(
    sides: Sequence[Any], known: bool, shape: tuple[int, ...] | None, name: str
) -> tuple[int, ...]:  # fmt: skip
    """The file's shape, completed by the one that was given."""
    open_sides = not known or any(not isinstance(side, int) or side <= 0 for side in sides)
    if shape is None and open_sides:
        raise InputError(
            f"{name}: the file leaves the input shape open: {[*sides]}",
            hint="give the shape of one example, for instance shape=(3, 224, 224)",
        )
    chosen = tuple(int(side) for side in (sides if shape is None else shape))
    fits = not known or (
        len(chosen) == len(sides)
        and all(not isinstance(s, int) or s <= 0 or s == c for s, c in zip(sides, chosen, strict=True))
    )
    if not fits:
        raise InputError(f"{name}: expected examples of shape {tuple(sides)}, got {chosen}")
    if math.prod(chosen) > MAX_INPUT:
        raise LimitExceeded(f"{name}: one example of shape {chosen} has more than {MAX_INPUT} elements")
    return chosen


def middle(intake: Intake, bounds: Bounds, n: int) -> Floats:
    """n times the example in the middle of the bounds."""
    low, high = bounds or (0.0, 0.0)
    return np.full((n, *intake.shape), (low + high) / 2, dtype=np.float32)


def settle(session: Any, ending: Ending, intake: Intake, bounds: Bounds, name: str) -> tuple[Intake, str]:
    """How many examples at a time the graph really takes, and a note where that or its answers are odd."""
    if intake.batch is not None:
        return intake, f"the graph has a fixed batch of {intake.batch}: examples are given {intake.batch} at a time"
    low, high = bounds or (-1.0, 1.0)
    drawn = np.random.default_rng(0).uniform(low, high, (2, *intake.shape)).astype(np.float32)
    for pair in (drawn, middle(intake, bounds, 2)):  # what is drawn may be outside of what the model takes
        try:
            together, alone = (run(session, ending, intake, part, name) for part in (pair, pair[:1]))
        except UnsupportedError:
            continue
        if np.allclose(together[:1], alone, rtol=1e-2, atol=1e-3, equal_nan=True):
            return intake, ""
        return intake, "the answer to one example depends on the rest of the batch: is a layer in training mode?"
    return replace(intake, batch=1), "the graph runs on one example, not on two: examples are given one at a time"


def on_grid(intake: Intake, x: Floats) -> Floats:
    """x as an integer input can hold it: rounded, and clipped to its type. Other inputs are left alone."""
    kind = np.dtype(intake.dtype)
    if kind.kind == "f":
        return x
    low, high = (0, 1) if kind.kind == "b" else (np.iinfo(kind).min, np.iinfo(kind).max)
    return np.clip(np.rint(x), low, high)


def run(session: Any, ending: Ending, intake: Intake, x: Floats, name: str) -> Any:
    """The answers to x: (n, k) scores, (n, 1) for one column, (n,) labels."""
    x = on_grid(intake, x)
    x = np.ascontiguousarray(x, dtype=intake.dtype)
    step = intake.batch or max(len(x), 1)
    parts = [_run_part(session, intake, x[at : at + step], name) for at in range(0, len(x), step)]
    answer = np.concatenate(parts)
    if answer.ndim > 2:
        answer = answer.reshape(len(answer), -1) if max(answer.shape[1:]) == math.prod(answer.shape[1:]) else answer
    if answer.ndim not in (1, 2) or len(answer) != len(x):
        raise UnsupportedError(f"{name}: not a classifier: it answers {answer.shape} to {len(x)} examples")
    if ending.labels:
        return answer.reshape(len(x)) if answer.size == len(x) else answer
    answer = answer.reshape(len(x), -1)
    if ending.activation == "Sigmoid" and answer.shape[1] > 1 and ending.cut != ending.output:
        return answer / np.maximum(answer.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return answer


def _run_part(session: Any, intake: Intake, part: Any, name: str) -> Any:
    """A last part that is too short for a fixed batch is filled with copies of its first example."""
    lacking = 0 if intake.batch is None else intake.batch - len(part)
    full = np.concatenate([part, np.repeat(part[:1], lacking, axis=0)]) if lacking else part
    try:
        answer = np.asarray(session.run(None, {intake.name: full})[0])
    except Exception as error:  # onnxruntime's exceptions have no common type
        raise UnsupportedError(f"{name}: onnxruntime does not run it on {full.shape}: {_first_line(error)}") from error
    return answer[: len(part)] if answer.ndim else answer.reshape(1)[: len(part)]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
