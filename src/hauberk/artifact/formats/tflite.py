"""TensorFlow Lite: every table of a model, its operators, its tensors, its metadata, and the files packed behind it.

The tables are those of tensorflow/lite/schema/schema.fbs (`packs/tflite_tables.json`). The task library packs label
files into a zip behind the model, whose directory counts from the beginning of the file or of the zip.
"""

from __future__ import annotations

import re

from ...core.nouns import Severity
from ..walk import Walk, printable
from . import raw_numbers, zip
from .accounts import accounts, tail
from .flatbuffer import Table, Tables, Tour, Trail, steps
from .graphs import Teller
from .onnx_external import leaves
from .tflite_graph import Model
from .zip_records import directory, find_end

MARK, METADATA_MARK = b"TFL3", b"M001"
METADATA = "TFLITE_METADATA"
PK = b"PK\x03\x04"
NOTHING = b"PK\x05\x06" + bytes(18)
"""The end of a zip without members, as the writer of metadata leaves it (with the size of the model in it)."""
OF_MEDIAPIPE, MAX_UNUSED = re.compile(rb"[A-Z]{2}MD"), 8192
"""Tables of facts that MediaPipe puts into its models without naming them (FDMD, COMD, SEMD, MSMD), and their size."""
ALIGN = 64


def sniff(data: memoryview) -> bool:
    """Whether the mark of the format stands behind the first offset."""
    return bytes(data[4:8]) == MARK


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk the model, its metadata and what is packed behind it. Raises Broken."""
    teller = Teller(walk, path, "tflite")
    File(teller, data).walk()
    teller.finish()


class File:
    """One walk through a file."""

    def __init__(self, teller: Teller, data: memoryview) -> None:
        self.teller, self.data = teller, data
        self.buffers: list[memoryview] = []
        self.model = Model(teller)

    def walk(self) -> None:
        """Everything. Raises Broken."""
        handlers = {
            "Model": self.root,
            "Operator": self.operator,
            "ExternalBufferGroup": self.external,
        }
        allowed = steps(self.teller.walk, self.data)
        tour = Tour(Tables("tflite"), self.data, allowed, text=self.teller.text, blob=self.blob)
        tour.go("Model", handlers)
        for table in tour.table("Model", tour.follow(0)).tables("metadata"):
            self.metadata(table)
        self._unused()
        accounts(tour, self.teller)
        self._behind(tour.end)

    def root(self, table: Table, trail: Trail) -> None:
        """The model itself. Its parts are taken in order: one place may stand for several of them."""
        for number, code in enumerate(table.tables("operator_codes")):
            self.model.code(code, Trail(trail, "operator_codes", number))
        for number, buffer in enumerate(table.tables("buffers")):
            self.buffer(buffer, Trail(trail, "buffers", number))
        self.model.finish(list(table.tables("subgraphs")), self.buffers)

    def buffer(self, table: Table, trail: Trail) -> None:
        """Weights: in a vector, or for models beyond 2 GiB at a place behind all tables."""
        offset, size = table.number("offset"), table.number("size")
        if offset > 1 or size > 1:
            self._outside(table, offset, size, trail)
        else:
            self.buffers.append(table.bytes("data"))

    def _outside(self, table: Table, offset: int, size: int, trail: Trail) -> None:
        if offset + size > len(self.data) or "data" in table:
            what = f"a buffer lies at bytes {offset} to {offset + size}, and the file has {len(self.data)}"
            self.teller.flaw("size", Severity.HIGH, str(trail), what, "do not load this model", ("CWE-125",))
            self.buffers.append(self.data[:0])
        else:
            table.tour.spans.add((offset, offset + size))
            self.buffers.append(self.data[offset : offset + size])

    def _unused(self) -> None:
        """Buffers that neither a tensor nor the metadata use; and how the others begin."""
        spared, looked = MAX_UNUSED, set[tuple[int, bytes]]()
        for number, content in enumerate(self.buffers):
            if not len(content):
                continue
            where = Trail(None, "buffers", number)
            alike = len(content), bytes(content[:64])
            if alike not in looked:  # one vector may stand for many
                raw_numbers.look(self.teller.walk, content, self.teller.path, where)
            looked.add(alike)
            if number not in self.model.used:
                if OF_MEDIAPIPE.fullmatch(bytes(content[4:8])) and len(content) <= spared:
                    spared -= len(content)
                    self.teller.blob(content, where)
                    continue
                what = f"no tensor uses the {len(content)} bytes of this buffer"
                remedy = "ask what they are: no runtime reads them"
                self.teller.flaw("unread", Severity.MEDIUM, str(where), what, remedy, ("CWE-506",))

    def operator(self, table: Table, trail: Trail) -> None:
        """Options of a custom operator may lie behind all tables as well."""
        offset, size = table.number("large_custom_options_offset"), table.number("large_custom_options_size")
        options = table.bytes("custom_options")
        if offset > 1 and offset + size <= len(self.data):
            table.tour.spans.add((offset, offset + size))
            options = self.data[offset : offset + size]
        elif offset > 1:
            self.teller.odd("options of an operator lie outside the file", trail)
        self.model.operator(table, trail, options)

    def external(self, table: Table, trail: Trail) -> None:
        """A file of weights beside the model."""
        name = table.text("name")
        outside = leaves(name)
        where = "outside the model's folder" if outside else "which is not read yet"
        what = f"weights are read from {printable(name)!r}, {where}"
        severity = Severity.HIGH if outside else Severity.MEDIUM
        self.teller.flaw("external", severity, str(trail), what, "save the model with its weights inside", ("CWE-22",))

    def blob(self, data: memoryview, trail: Trail) -> None:
        """Bytes that are neither weights nor options, which are read elsewhere."""
        if trail.name not in ("data", "custom_options"):
            self.teller.blob(data, trail)

    def metadata(self, table: Table) -> None:
        """A named buffer: a description of the model in tables of its own, or short facts of the converter."""
        number, name = table.number("buffer"), table.text("name")
        if number >= len(self.buffers):
            self.teller.odd("metadata lie in a buffer that is not there", printable(name))
            return
        content = self.buffers[number]
        self.model.used.add(number)
        if bytes(content[4:8]) != METADATA_MARK:
            self.teller.blob(content, f"metadata {printable(name)}")
            return
        allowed = steps(self.teller.walk, content)
        tour = Tour(Tables("tflite_metadata"), content, allowed, text=self.teller.text, blob=self.teller.blob)
        tour.go("ModelMetadata", {"AssociatedFile": self.associated})
        accounts(tour, self.teller, f"metadata {printable(name)}: ")

    def associated(self, table: Table, trail: Trail) -> None:
        """A file that the metadata name; readers unpack it."""
        if leaves(table.text("name")):
            what = f"the metadata name the file {printable(table.text('name'))!r}, outside the model"
            self.teller.flaw("escape", Severity.HIGH, str(trail), what, "do not load this model", ("CWE-22",))

    def _behind(self, end: int) -> None:
        """What is packed behind the model: nothing, zeros that align, or a zip of files."""
        walk, path, rest = self.teller.walk, self.teller.path, self.data[end:]
        at = bytes(rest[: ALIGN + 4]).find(PK)
        if at < 0 and len(rest) <= ALIGN and not bytes(rest).strip(b"\0"):
            return
        if bytes(rest[:4]) == NOTHING[:4] and len(rest) == len(NOTHING) and rest[4:12] == NOTHING[4:12]:
            return
        if at < 0 or bytes(rest[:at]).strip(b"\0") or (last := find_end(self.data)) is None:
            tail(self.teller, self.data, end)
            return
        shift = directory(self.data, last).shift
        begin = end + at
        packed = zip.open_zip(walk, self.data[begin:], path) if shift else zip.open_zip(walk, self.data, path, begin)
        if packed is not None:
            for member in packed.members:
                zip.enter(walk, packed, member, path)
