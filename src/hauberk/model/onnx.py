"""ONNX classifiers: onnxruntime answers, and where a gradient is wanted the graph becomes a torch module.

>>> from onnx import parser
>>> text = '<ir_version: 8, opset_import: ["": 17]> f (float[n, 3] x) => (float[n, 3] y) { y = Softmax(x) }'
>>> model = open_onnx(parser.parse_model(text).SerializeToString(), bounds=(0.0, 1.0))
>>> model.shape, model.n_classes
((3,), 3)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.errors import InputError, need
from hauberk.core.limits import Limits

from .adapter import Adapter, Bounds, Signature
from .meter import QueryMeter
from .onnx_session import Intake, intake_of, middle, open_session, run, settle
from .probabilities import Reading

if TYPE_CHECKING:
    from hauberk.core.ports import Floats

    from .onnx_ending import Ending
    from .onnx_gradient import Oracle

REFERENCE = 64  # examples on which onnxruntime and the converted module must agree
BATCH_ELEMENTS = 1 << 22  # of the input in one call: 16 MiB of float32


def open_onnx(
    content: bytes | Path, *, bounds: Bounds = None, shape: tuple[int, ...] | None = None,
    n_classes: int | None = None, answers: Reading | str | None = None, max_queries: int | None = None,
    threads: int = 1, name: str = "", limits: Limits | None = None, others: Mapping[str, Any] | None = None,
) -> OnnxModel:  # fmt: skip
    """A classifier from ONNX bytes, a file, or a folder (one .onnx file and its external data).

    bounds: of any input element. shape: of one example, where the file leaves sides open. n_classes: where
    only labels are answered and the file does not say. answers: how answers are read (`Reading`); by default
    the graph's end or the first answer tells. others: values of the inputs that are not the example, by name
    (a recurrent state, a sample rate). A graph with a fixed batch is fed that many examples at a time.
    Raises InputError for bytes that are not a whole ONNX model, UnsupportedError for a model that is not a
    classifier of one input or has operators outside ai.onnx and ai.onnx.ml, LimitExceeded for a bomb.
    """
    need("onnx", extra="audit")
    need("onnxruntime", extra="audit")
    from .onnx_ending import find_ending
    from .onnx_file import read_model, with_values

    label = name or (content.name if isinstance(content, Path) else "model.onnx")
    proto = with_values(read_model(content, label, limits or Limits()), others or {}, label)
    flat = _inlined(proto, label)
    ending = find_ending(flat, label)
    session = open_session(proto, ending.output, threads, label)
    intake = intake_of(session, shape, label)
    answer = run(session, ending, intake, middle(intake, bounds, 1), label)
    intake, odd = settle(session, ending, intake, bounds, label)
    ending = replace(ending, columns=0 if ending.labels else answer.shape[1])
    count = _count(ending, n_classes, label)
    signature = Signature(label, intake.shape, count, bounds)
    model = OnnxModel(signature, flat, session, ending, intake, QueryMeter(max_queries), answers, threads)
    if odd:
        model.note(odd)
    return model


class OnnxModel(Adapter):
    """An ONNX classifier as a Model. notes: what was assumed about it, in words."""

    def __init__(
        self, signature: Signature, proto: Any, session: Any, ending: Ending, intake: Intake,
        meter: QueryMeter, answers: Reading | str | None, threads: int,
    ) -> None:  # fmt: skip
        batch = max(1, min(1024, BATCH_ELEMENTS // max(math.prod(intake.shape), 1)))
        super().__init__(signature, meter, batch=batch, reading=answers or ending.reading)
        self._proto, self._session, self._ending, self._intake = proto, session, ending, intake
        self._threads = threads
        self._module: Any = None
        self._reference: Floats | None = None
        self._said: list[str] = _first_notes(ending, intake)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed: which output, how it is read, where the gradient starts."""
        return tuple(self._said)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes as the model names them; empty where it does not."""
        return self._ending.classes

    def note(self, words: str) -> None:
        """Add to the notes."""
        self._said.append(words)

    def remember(self, x: Floats) -> None:
        """Keep up to 64 real examples: on these the gradient's module must agree with onnxruntime."""
        self._reference = np.array(self._checked(x)[:REFERENCE])

    def predict(self, x: Floats) -> Floats:
        """As `core.ports.Model.predict`. The first examples are remembered."""
        answer = super().predict(x)
        if self._reference is None and len(answer):
            self.remember(x)
        return answer

    def module(self) -> Any:
        """The same function as a torch.nn.Module: float32 (n, *shape) -> logits (n, n_classes).

        It gives the tensor before the last softmax or sigmoid, so that gradients do not vanish. It is
        converted once, and compared with onnxruntime on the remembered examples (no query is counted).
        Raises UnsupportedError when an operator is lacking, no gradient reaches the input, or they disagree.
        """
        if self._module is None:
            need("torch", extra="torch")
            from .onnx_gradient import build

            reference = self._drawn() if self._reference is None else self._reference
            built = build(self._proto, self._ending, self._intake, self._oracle(reference), self.name)
            self._module = built.module
            self._said += built.notes
        return self._module

    def _oracle(self, x: Floats) -> Oracle:
        probabilities = self._read(x)  # decides the reading where it is still open
        reading = self.reader.reading
        assert reading is not None
        from .onnx_gradient import Oracle

        return Oracle(x, probabilities, reading, self._threads)

    def _drawn(self) -> Floats:
        """Inputs within the bounds, where no real ones were seen."""
        rng = np.random.default_rng(0)
        size = (REFERENCE, *self.shape)
        self.note("no real example was seen: the gradient was checked on random inputs")
        if self.bounds is None:
            return rng.standard_normal(size).astype(np.float32)
        return rng.uniform(*self.bounds, size).astype(np.float32)

    def _answer(self, x: Floats) -> Any:
        return run(self._session, self._ending, self._intake, x, self.name)


def _first_notes(ending: Ending, intake: Intake) -> list[str]:
    notes = [f"answers are read from the output {ending.output!r}"]
    if ending.activation == "Sigmoid" and ending.columns > 1:
        notes.append("every class has its own sigmoid: probabilities are the sigmoids divided by their sum")
    if np.dtype(intake.dtype).kind != "f":
        notes.append(f"the input is {np.dtype(intake.dtype)}: examples are rounded to it")
    return notes


def _inlined(proto: Any, name: str) -> Any:
    if not len(proto.functions):
        return proto
    from onnx import inliner

    try:
        return inliner.inline_local_functions(proto)
    except RuntimeError as error:
        raise InputError(f"{name}: its functions cannot be inlined: {error}") from error


def _count(ending: Ending, given: int | None, name: str) -> int:
    """The number of classes. One column of scores means two."""
    if ending.labels:
        if given is None and len(ending.classes) < 2:
            raise InputError(f"{name}: it answers labels only, of an unknown number of classes", hint="give n_classes")
        return given or len(ending.classes)
    found = max(ending.columns, 2)
    if given is not None and given != found:
        raise InputError(f"{name}: expected {given} classes, the model answers {ending.columns} scores")
    return found
