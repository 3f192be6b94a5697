"""ExecuTorch programs (`.pte`) and weights (`.ptd`): tables, operators, delegates, and segments behind the tables.

Tables: executorch/schema/program.fbs and flat_tensor.fbs (`packs/executorch_tables.json`, `…_weights_tables.json`).
Behind the first table a header may stand ("eh00", "FH01") that says how long the tables are and where segments begin.
A delegate is a program for a device: it is named, and not read.
"""

from __future__ import annotations

import re

from ...core.nouns import Severity
from ..verdicts import BY_USER, Standing
from ..walk import Walk, printable
from . import raw_numbers
from .accounts import accounts, tail
from .flatbuffer import Handler, Table, Tables, Tour, Trail, steps
from .graphs import Teller
from .torchscript import operators

PROGRAM, WEIGHTS = re.compile(rb"ET\d\d"), re.compile(rb"FT\d\d")
HEADERS = (b"eh00", b"FH01")
NAME = re.compile(r"\w+::\w+")
OWN = ("dim_order_ops", "quantized_decomposed", "executorch_prim", "et_copy", "prims", "cortex_m")
"""Operators that ExecuTorch itself brings and that compute: layouts, quantisation, arithmetic of sizes."""
DELEGATES = {
    "XnnpackBackend": "XNNPACK", "CoreMLBackend": "Core ML", "MPSBackend": "Metal", "QnnBackend": "Qualcomm's QNN",
    "VulkanBackend": "Vulkan", "VgfBackend": "VGF", "EthosUBackend": "Ethos-U", "NeuropilotBackend": "NeuroPilot",
}  # fmt: skip
NATIVE = frozenset(("AotiBackend", "CudaBackend", "MetalBackend"))
"""Delegates whose program is a native library, which the runtime loads into its process."""
ALIGN = 4096


def sniff(data: memoryview) -> bool:
    """Whether the mark of a program stands behind the first offset."""
    return PROGRAM.fullmatch(bytes(data[4:8])) is not None


def sniff_weights(data: memoryview) -> bool:
    """Whether the mark of weights stands behind the first offset."""
    return WEIGHTS.fullmatch(bytes(data[4:8])) is not None


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk a program. Raises Broken."""
    teller = Teller(walk, path, "executorch")
    program = Program(teller, data)
    program.walk("executorch", "Program", {
        "Operator": program.operator, "BackendDelegate": program.delegate, "DataSegment": program.segment,
        "Program": program.root,
    })  # fmt: skip
    teller.finish()


def walk_weights(walk: Walk, data: memoryview, path: str) -> None:
    """Walk weights. Raises Broken."""
    teller = Teller(walk, path, "executorch")
    program = Program(teller, data)
    program.walk("executorch_weights", "FlatTensor", {"DataSegment": program.segment})
    teller.finish()


class Program:
    """One walk through a file."""

    def __init__(self, teller: Teller, data: memoryview) -> None:
        self.teller, self.data = teller, data
        self.base = 0
        self.segments: list[tuple[int, int]] = []
        self.delegates: list[tuple[str, Trail]] = []

    def walk(self, pack: str, root: str, handlers: dict[str, Handler]) -> None:
        """Everything. Raises Broken."""
        allowed = steps(self.teller.walk, self.data)
        tour = Tour(Tables(pack), self.data, allowed, text=self.teller.text, blob=self.blob)
        self._header(tour)
        tour.go(root, handlers)
        for begin, size in self.segments:
            if self.base + begin + size > len(self.data):
                what = f"a segment lies at bytes {self.base + begin} to {self.base + begin + size}"
                what += f", and the file has {len(self.data)}"
                self.teller.flaw("size", Severity.HIGH, f"segment at {begin}", what, "do not load it", ("CWE-125",))
            else:
                at = self.base + begin
                tour.spans.add((at, at + size))
                raw_numbers.look(self.teller.walk, self.data[at : at + size], self.teller.path, f"byte {at}")
        accounts(tour, self.teller)
        tail(self.teller, self.data, tour.end, ALIGN)

    def _header(self, tour: Tour) -> None:
        """A header behind the mark: its size, that of the tables, and where segments begin."""
        if bytes(self.data[8:12]) not in HEADERS:
            return
        size = int.from_bytes(self.data[12:16], "little")
        self.base = int.from_bytes(self.data[24:32], "little")
        tables = int.from_bytes(self.data[16:24], "little")
        tour.spans.add((8, min(8 + size, len(self.data))))
        if not 24 <= size <= 64 or tables > len(self.data) or self.base > len(self.data):
            what = f"its header says {tables} bytes of tables and segments from byte {self.base} on"
            self.teller.flaw("size", Severity.HIGH, "header", what, "do not load it", ("CWE-130",))
            self.base = 0

    def root(self, table: Table, trail: Trail) -> None:
        """A program whose segments are named must have them."""
        if table.number("version"):
            self.teller.odd(f"version {table.number('version')} of the format is not known", trail)

    def segment(self, table: Table, trail: Trail) -> None:
        """Weights, or the program of a delegate, behind the tables."""
        self.segments.append((table.number("offset"), table.number("size")))

    def operator(self, table: Table, trail: Trail) -> None:
        """An operator by its name: of PyTorch's registry, or of ExecuTorch's own."""
        name = table.text("name")
        space = name.partition("::")[0]
        if name in operators() or (space in OWN and NAME.fullmatch(name)):
            return
        allowed = f"executorch::{name}" in self.teller.walk.judge.allow
        standing, why = (Standing.ALLOWED, BY_USER) if allowed else (Standing.UNKNOWN, "no pack lists it")
        self.teller.walk.saw(f"executorch::{printable(name)}", "operator", standing, why)
        if not allowed:
            self.teller.operator(name, str(trail))

    def delegate(self, table: Table, trail: Trail) -> None:
        """A program for a device, which nobody reads here."""
        name = table.text("id")
        if name in NATIVE:
            message = f"its delegate {printable(name)} is a native library inside the file, which the runtime loads"
            remedy = "do not load this program unless you trust whoever made it; export it without that delegate"
            self.teller.flaw("native", Severity.CRITICAL, str(trail), message, remedy, ("CWE-829",))
            return
        what = DELEGATES.get(name, "a device that is not known")
        self.teller.walk.skip(self.teller.path or "the file", f"its delegate {printable(name)} is a program for {what}")

    def blob(self, data: memoryview, trail: Trail) -> None:
        """Bytes that are neither weights nor the program of a delegate."""
        if trail.name not in ("storage", "data"):
            self.teller.blob(data, trail)
        else:
            raw_numbers.look(self.teller.walk, data, self.teller.path, trail)
