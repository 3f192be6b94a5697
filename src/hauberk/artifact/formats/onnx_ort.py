"""ONNX Runtime's own format (`.ort`): an optimised model as tables; its operators and tensors as of an ONNX model.

Tables: onnxruntime/core/flatbuffers/schema/ort.fbs (`packs/ort_tables.json`).
"""

from __future__ import annotations

from ...core.nouns import Severity
from ..walk import Walk
from . import raw_numbers
from .accounts import accounts, tail
from .flatbuffer import Table, Tables, Tour, Trail, steps
from .graphs import Teller, volume
from .onnx_operators import Operators
from .onnx_tensors import BITS

MARK = b"ORTM"
STRING = 8
ALIGN = 64


def sniff(data: memoryview) -> bool:
    """Whether the mark of the format stands behind the first offset."""
    return bytes(data[4:8]) == MARK


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk the model. Raises Broken."""
    teller = Teller(walk, path, "onnx")
    model = Model(teller)
    tour = Tour(Tables("ort"), data, steps(walk, data), text=teller.text, blob=model.blob)
    tour.go("InferenceSession", {"Node": model.node, "Tensor": model.tensor})
    model.operators.finish()
    accounts(tour, teller)
    tail(teller, data, tour.end, ALIGN)
    teller.finish()


class Model:
    """Collects the operators of a model."""

    def __init__(self, teller: Teller) -> None:
        self.teller = teller
        self.operators = Operators(teller)

    def node(self, table: Table, trail: Trail) -> None:
        """A node: which operator it runs."""
        self.operators.note(table.text("domain"), table.text("op_type"), trail)

    def tensor(self, table: Table, trail: Trail) -> None:
        """A tensor: as many bytes as its shape needs, or an offset into a file beside."""
        if table.number("external_data_offset", -1) >= 0:
            what = "weights lie in another file, which is not read with this one"
            self.teller.flaw("external", Severity.MEDIUM, str(trail), what, "scan the folder of both", ("CWE-353",))
            return
        dims, kind = table.numbers("dims"), table.number("data_type")
        size, bits = len(table.bytes("raw_data")), BITS.get(kind, 0)
        need = (volume(dims) * bits + 7) // 8
        if any(n < 0 for n in dims) or (kind != STRING and need != size):
            what = f"a tensor lies about itself: its shape needs {need} bytes and there are {size}"
            self.teller.flaw("size", Severity.HIGH, str(trail), what, "do not load this model", ("CWE-130",))

    def blob(self, data: memoryview, trail: Trail) -> None:
        """Bytes that are no tensor."""
        if trail.name != "raw_data":
            self.teller.blob(data, trail)
        else:
            raw_numbers.look(self.teller.walk, data, self.teller.path, trail)
