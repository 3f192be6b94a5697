"""TensorFlow Lite's graphs: operators by number or name, tensors by their shapes, graphs that call each other.

A kernel trusts the numbers of its tensors and the sizes of their buffers; a verifier of tables does not look at either
(CVE-2020-15208 to CVE-2020-15214). Flex operators are TensorFlow's: they are judged by TensorFlow's pack.
"""

from __future__ import annotations

from functools import cache

from ...core.nouns import Severity
from ..verdicts import BY_USER, Standing, read_pack
from ..walk import printable
from . import flexbuffer
from .flatbuffer import Table, Trail
from .graphs import Teller, volume
from .payload import begins
from .tensorflow_graph import pack

CUSTOM = "CUSTOM"
PLACEHOLDER, DELEGATE = "PLACEHOLDER_FOR_GREATER_OP_CODES", "DELEGATE"
FLEX = "Flex"
KNOWN_CUSTOM = frozenset((
    "TFLite_Detection_PostProcess", "Mfcc", "AudioSpectrogram", "NumericVerify", "Multinomial", "RandomStandardNormal",
    "RandomUniform", "SignBit", "Irfft2d", "Ifft2d", "Roll", "Atan2", "Sign", "Complex", "ComplexAbs", "Imag", "Real",
    "Convolution2DTransposeBias", "MaxPoolingWithArgmax2D", "MaxUnpooling2D", "TransformTensorBilinear",
    "TransformLandmarks", "Landmarks2TransformMatrix", "Resampler", "edgetpu-custom-op", "FractionalMaxPool",
    "ExtractImagePatches", "RFFT2D", "Cumsum", "HashtableLookup", "SentencepieceTokenizer",
))  # fmt: skip
"""Operators that TensorFlow Lite, its task library and MediaPipe register themselves; all of them compute."""
SIZES = {0: 4, 1: 2, 2: 4, 3: 1, 4: 8, 6: 1, 7: 2, 8: 8, 9: 1, 10: 8, 11: 16, 12: 8, 15: 4, 16: 2, 18: 2}
"""TensorType: bytes of one value, where they are of one size."""
HALF = 17
STRING, BYTE_TYPES = 5, (3, 9)
CALLS = {
    "IfOptions": ("then_subgraph_index", "else_subgraph_index"), "CallOnceOptions": ("init_subgraph_index",),
    "WhileOptions": ("cond_subgraph_index", "body_subgraph_index"), "CallOptions": ("subgraph",),
    "StablehloWhileOptions": ("cond_subgraph_index", "body_subgraph_index"),
    "StablehloReduceOptions": ("body_subgraph_index",), "StablehloReduceWindowOptions": ("body_subgraph_index",),
    "StablehloSortOptions": ("comparator_subgraph_index",),
    "StableHLOCompositeOptions": ("decomposition_subgraph_index",),
    "StablehloScatterOptions": ("update_computation_subgraph_index",),
}  # fmt: skip
MAX_TOLD = 50
MIN_FILE = 64


@cache
def builtin() -> list[str]:
    """The operators, by number."""
    names: list[str] = read_pack("tflite_ops")["builtin"].split()
    return names


class Model:
    """Collects the graphs of a model."""

    def __init__(self, teller: Teller) -> None:
        self.teller = teller
        self.codes: list[str] = []
        self.told = 0
        self.looked: set[int] = set()
        self.used: set[int] = {0}

    def code(self, table: Table, trail: Trail) -> None:
        """An OperatorCode: a number, of which an old field holds the small ones; or a name."""
        old, new = table.number("deprecated_builtin_code"), table.number("builtin_code")
        number, name = max(old, new), table.text("custom_code")
        title = builtin()[number] if 0 <= number < len(builtin()) else f"number {number}"
        if old != PLACEHOLDER_NUMBER and old and new and old != new:
            self.teller.odd("an operator has two numbers", trail)
        self.codes.append(name if title == CUSTOM else title)
        if title == CUSTOM:
            self._custom(name, trail)
        elif title in (DELEGATE, PLACEHOLDER, "STABLEHLO_CUSTOM_CALL") or title.startswith("number"):
            self._unknown(title, trail)
        elif name:
            self.teller.text(name, trail)

    def _custom(self, name: str, trail: Trail) -> None:
        if name in KNOWN_CUSTOM or name.startswith(FLEX):
            if name.startswith(FLEX):
                self._flex(name.removeprefix(FLEX), trail)
            return
        self._unknown(name, trail)

    def _flex(self, op: str, trail: Trail) -> None:
        if op in pack().refused:
            self.teller.operator(FLEX + op, str(trail), pack().refused[op])
        elif op not in pack().allow:
            self._unknown(FLEX + op, trail)

    def _unknown(self, name: str, trail: Trail) -> None:
        allowed = f"tflite::{name}" in self.teller.walk.judge.allow
        standing, why = (Standing.ALLOWED, BY_USER) if allowed else (Standing.UNKNOWN, "no pack lists it")
        self.teller.walk.saw(f"tflite::{printable(name)}", "operator", standing, why)
        if not allowed:
            self.teller.operator(name, str(trail))

    def operator(self, table: Table, trail: Trail, options: memoryview) -> None:
        """An Operator: its code is there; the options of a Flex operator name the same operator as its code."""
        index = table.number("opcode_index")
        if index >= len(self.codes):
            self._lie(trail, f"an operator is of code {index}, and there are {len(self.codes)}")
            return
        if not len(options):
            return
        node = flexbuffer.flex_node(options)
        if node is None:
            self.teller.blob(options, Trail(trail, "custom_options", 0))
            return
        named, inner = node
        code = self.codes[index]
        if not code.startswith(FLEX) or {named, inner} - {code.removeprefix(FLEX)}:
            what = f"operator {printable(code)} would run {printable(named)} and {printable(inner)} of TensorFlow"
            self.teller.flaw("flex", Severity.HIGH, str(trail), what, "do not run this model", ("CWE-436",))
            self._flex(inner, trail)
            self._flex(named, trail)
        self.teller.blob(options, Trail(trail, "custom_options", 0))

    def finish(self, graphs: list[Table], buffers: list[memoryview]) -> None:
        """Hold tensors to their buffers, operators to their tensors, graphs to each other."""
        calls: dict[int, set[int]] = {}
        for number, graph in enumerate(graphs):
            where = Trail(None, "subgraphs", number)
            tensors = list(graph.tables("tensors"))
            graph.tour.spend(len(tensors))
            for index, tensor in enumerate(tensors):
                self._tensor(tensor, buffers, Trail(where, "tensors", index))
            calls[number] = self._operators(graph, len(tensors), where)
        self._cycles(calls)

    def _operators(self, graph: Table, count: int, where: Trail) -> set[int]:
        called: set[int] = set()
        numbers = graph.numbers("inputs") + graph.numbers("outputs")
        for index, operator in enumerate(graph.tables("operators")):
            graph.tour.spend(1)
            for name in ("inputs", "outputs", "intermediates"):
                numbers += operator.numbers(name)
            for field in ("builtin_options", "builtin_options2"):
                called |= self._called(operator, field)
            if any(not -1 <= n < count for n in numbers):
                self._lie(Trail(where, "operators", index), f"tensor {max(numbers)} is used, and there are {count}")
                return called
            numbers = []
        return called

    def _called(self, operator: Table, field: str) -> set[int]:
        if field not in operator:
            return set()
        slot, at = operator.places[field]
        kind = operator.tour.tables.union(slot.kind, operator.number(f"{field}_type"))
        if kind not in CALLS:
            return set()
        options = operator.tour.table(kind, operator.tour.follow(at))
        return {options.number(name) for name in CALLS[kind] if name in options or kind != "StableHLOCompositeOptions"}

    def _cycles(self, calls: dict[int, set[int]]) -> None:
        """Graphs that call themselves never end (CVE-2021-29591)."""
        left = {n: {c for c in called if c in calls} for n, called in calls.items()}
        while ready := [n for n, called in left.items() if not called & left.keys()]:
            for n in ready:
                left.pop(n)
        if left:
            what = f"graph {min(left)} calls itself: no runtime can end that"
            references = ("CVE-2021-29591", "CWE-674")
            self.teller.flaw("recursion", Severity.HIGH, "subgraphs", what, "do not load this model", references)
        if any(c not in calls for called in calls.values() for c in called):
            self._lie(Trail(None, "subgraphs", 0), "a graph is called that is not there")

    def _tensor(self, tensor: Table, buffers: list[memoryview], trail: Trail) -> None:
        number, shape, kind = tensor.number("buffer"), tensor.numbers("shape"), tensor.number("type")
        self.used.add(number)
        if number >= max(len(buffers), 1) or any(n < 0 for n in shape):
            self._lie(trail, f"its buffer is {number} of {len(buffers)}, its shape {shape[:8]}")
            return
        content = buffers[number] if buffers else memoryview(b"")
        if not len(content):
            return
        need = self._bytes(kind, volume(shape))
        if need is not None and need != len(content) and "sparsity" not in tensor:
            self._lie(trail, f"its shape needs {need} bytes and there are {len(content)}")
        if number not in self.looked and kind in (STRING, *BYTE_TYPES):
            self.looked.add(number)
            if kind == STRING or (len(content) >= MIN_FILE and begins(self.teller.walk, content)):
                self.teller.blob(content, trail)

    def _bytes(self, kind: int, count: int) -> int | None:
        if kind == HALF:
            return (count + 1) // 2
        return count * SIZES[kind] if kind in SIZES else None

    def _lie(self, trail: Trail, what: str) -> None:
        self.told += 1
        if self.told <= MAX_TOLD:
            remedy = "do not load this model; a kernel that trusts it reads or writes outside its memory"
            self.teller.flaw("size", Severity.HIGH, str(trail), f"the model lies: {what}", remedy, ("CWE-125",))


PLACEHOLDER_NUMBER = 127
"""What the old field of an operator's number says when the number is in the new one."""
