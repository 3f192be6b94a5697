"""The Check `artifact.weights`: what the numbers of a model are, and what may be hidden in them.

It says that it found nothing, never that there is nothing: a payload that is encrypted, or compressed and not at the
start of a tensor, or spread with gaps, cannot be told from noise (see weights_bits). `weights.power` is the share of
payloads with structure that it finds when it plants them into this model's own weights; `weights.control` is the share
of random ones that it takes for such.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ..core.canon import Json
from ..core.errors import InputError
from ..core.exhibits import Table
from ..core.limits import Limits
from ..core.notebook import Notebook
from ..core.nouns import Evidence, Place, Severity
from ..core.ports import Inputs, Need
from ..core.stats import exact, rate
from .formats.opcodes import Broken
from .manifest import files_of, subject
from .reading import Reading
from .walk import MODEL_REFERENCES, printable
from .weights_bits import Suspicion, examine
from .weights_facts import BITS, Facts, facts, is_onnx, unused, words_of
from .weights_power import Reservoir, power
from .weights_read import Named, Unread, numbers

FRACTIONS = ("F32", "F16", "BF16")
"""Types whose low bits are examined."""
PROGRAMS = ("pickle", "npz", "npy")
"""Files that hold more than a network's weights: a missing value there is no accident."""
SHOWN = 100
UNUSED_BYTES = 1 << 16
"""Initialisers that nobody uses are leftovers of an export below this, and room for something else above."""


@dataclass
class Seen:
    """What was added up on the way."""

    files: set[str] = field(default_factory=set)
    tensors: int = 0
    items: int = 0
    nan: int = 0
    infinite: int = 0
    blocks: int = 0
    all_blocks: int = 0
    constant: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    hidden: list[tuple[str, Suspicion]] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    blind: list[Unread] = field(default_factory=list)


class Weights:
    """The Check."""

    id: str = "artifact.weights"
    version: str = "1"
    title: str = "Hidden data and dead numbers in the weights"
    needs: tuple[Need, ...] = (Need.ARTIFACT,)
    roles: tuple[str, ...] = ("model",)
    defaults: Mapping[str, Json] = MappingProxyType({"planted": 24})
    tools: tuple[str, ...] = ("numpy",)

    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        """Read every tensor once. Costs about a CPU minute a GiB of float32.

        Raises InputError when the artifact is not what the subject's digest names; LimitExceeded past the wall clock.
        """
        if inputs.artifact is None:
            raise InputError("artifact.weights: no model file was given")
        book, seen = Notebook(self, inputs, limits, seed), Seen()
        reservoir = Reservoir(_planted(book.parameters["planted"]), seed)
        for item in numbers(inputs.artifact, limits):
            book.check_time()
            inputs.progress(seen.tensors, 0, item.file)
            if isinstance(item, Unread):
                _unread(book, seen, item)
            else:
                _tensor(book, seen, item, reservoir)
        _leftovers(book, seen, inputs, limits)
        if subject(inputs.artifact, limits).digest != inputs.subjects["model"].digest:
            raise InputError(f"{inputs.artifact}: changed since it was named", hint="audit it again")
        _tell(book, seen)
        _measure(book, seen, reservoir)
        return book.evidence()


def _planted(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 10_000:
        raise InputError("artifact.weights: planted is not a number from 0 to 10000", hint="planted = 24")
    return value


def _unread(book: Notebook, seen: Seen, item: Unread) -> None:
    if item.known:
        book.skip(item.file or "the file", item.why)
    else:
        seen.blind.append(item)


def _tensor(book: Notebook, seen: Seen, tensor: Named, reservoir: Reservoir) -> None:
    found, name = facts(tensor), _name(tensor)
    seen.files.add(tensor.file)
    seen.tensors += 1
    seen.items += found.items
    seen.nan += found.nan
    seen.infinite += found.infinite
    if found.constant:
        seen.constant.append(name)
    if found.digest and (first := seen.digests.setdefault(found.digest, name)) != name:
        seen.twice.append(f"{name} = {first}")
    if found.nan:
        _nan(book, tensor, found)
    if tensor.dtype in FRACTIONS:
        _bits(seen, tensor, name, reservoir)


def _bits(seen: Seen, tensor: Named, name: str, reservoir: Reservoir) -> None:
    words, mantissa = words_of(tensor), BITS[tensor.dtype][2]
    examined = examine(words, mantissa)
    seen.blocks += examined.blocks
    seen.all_blocks += examined.all_blocks
    if examined.suspicion is not None:
        seen.hidden.append((name, examined.suspicion))
    elif examined.blocks:
        reservoir.offer(words, mantissa)


def _name(tensor: Named) -> str:
    return printable(f"{tensor.file}: {tensor.name}" if tensor.file else tensor.name)


def _nan(book: Notebook, tensor: Named, found: Facts) -> None:
    severity = Severity.INFO if tensor.form in PROGRAMS else Severity.MEDIUM
    message = f"{found.nan} of {found.items} numbers are NaN: whatever is computed from them is NaN too"
    place = Place(tensor.file, f"tensor {printable(tensor.name)}")
    book.find("artifact.weights.nan", severity, "model", place, message,
              remedy="find out at which step of training they arose; do not serve this model")  # fmt: skip


def _leftovers(book: Notebook, seen: Seen, inputs: Inputs, limits: Limits) -> None:
    """Initialisers of ONNX files that nothing uses."""
    assert inputs.artifact is not None
    for item in files_of(inputs.artifact, limits):
        reading = Reading(item, digests=False)
        try:
            rows = list(unused(reading.data)) if is_onnx(reading.data) else []
        except Broken:
            rows = []
        finally:
            reading.entry()
        seen.unused += [printable(f"{item.path}: {name}" if item.path else name) for name, _ in rows]
        if (size := sum(n for _, n in rows)) >= UNUSED_BYTES:
            message = f"{len(rows)} tensors of {size} bytes are used by no node, such as {printable(rows[0][0])!r}"
            remedy = "ask why they are there; onnxruntime or an optimiser drops them without a change of results"
            book.find("artifact.weights.unused", Severity.LOW, "model", Place(item.path), message, remedy=remedy)


def _tell(book: Notebook, seen: Seen) -> None:
    for name, suspicion in seen.hidden[:SHOWN]:
        severity = Severity.HIGH if suspicion.mark == "beginning" else Severity.MEDIUM
        message = f"its low {suspicion.depth} bits hold what trained weights do not: {suspicion.what}"
        remedy = "compare these weights with the publisher's; round them to half precision, which destroys low bits"
        book.find("artifact.weights.hidden", severity, "model", Place("", f"tensor {name}"), message,
                  remedy=remedy, references=(*MODEL_REFERENCES, "CWE-506"))  # fmt: skip
    if len(seen.hidden) > SHOWN:
        book.skip("further tensors with hidden data", f"the first {SHOWN} are listed")
    notes = ("constant", seen.constant, "are one number, repeated"), ("twice", seen.twice, "are there twice")
    for rule, names, what in notes:
        if names:
            message = f"{len(names)} tensors {what}, such as {names[0]}"
            book.find(f"artifact.weights.{rule}", Severity.INFO, "model", Place(), message,
                      remedy="usual for fresh or tied layers; ask, if this model should have none")  # fmt: skip
    if not seen.tensors:
        message = "no reader of weights knows this format: nothing is said about its numbers"
        if seen.blind:
            message += f" ({printable(seen.blind[0].why)})"
        book.find("artifact.weights.unread", Severity.INFO, "model", Place(), message,
                  remedy="convert the model to safetensors or ONNX to have its numbers looked at")  # fmt: skip


def _measure(book: Notebook, seen: Seen, reservoir: Reservoir) -> None:
    counts = {
        "files": len(seen.files), "tensors": seen.tensors, "numbers": seen.items, "nan": seen.nan,
        "infinite": seen.infinite, "constant": len(seen.constant), "twice": len(seen.twice),
        "unused": len(seen.unused), "hidden": len(seen.hidden), "blocks": seen.all_blocks,
        "blocks_examined": seen.blocks,
    }  # fmt: skip
    for name, n in counts.items():
        book.measure(exact(f"weights.{name}", n, unit="count", n=n))
    tried = power(reservoir)
    book.measure(rate("weights.power", tried.found, tried.trials))
    book.measure(rate("weights.control", tried.alarms, tried.trials))
    if seen.hidden:
        columns = ("tensor", "mark", "bits a weight", "first weight", "share of blocks", "what")
        rows = tuple((n, s.mark, s.depth, s.at, round(s.share, 4), s.what) for n, s in seen.hidden[:SHOWN])
        book.show(Table("hidden", "Tensors whose low bits are no noise", columns, rows))


WEIGHTS = Weights()
