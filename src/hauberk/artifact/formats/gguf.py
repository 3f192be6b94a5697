"""GGUF, versions 1 to 3 in both byte orders: every count, length and offset held against the bytes that are there.

Source: docs/gguf.md of ggml, and ggml/src/gguf.cpp for what its reader refuses. Tensors are skipped by arithmetic.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from . import hidden, jinja, raw_numbers
from .ggml_types import BLOCKS, size_of
from .opcodes import Broken

MAGIC = b"GGUF"
FIXED = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""Metadata types of one size; 8 is a text and 9 an array."""
TEXT, ARRAY = 8, 9
MAX_NAME, MAX_DIMENSIONS = 64, 4
"""GGML_MAX_NAME and GGML_MAX_DIMS."""
MAX_KEY = 65535
MAX_VALUES = 20_000_000
"""Texts in arrays that are read; the largest vocabularies have a million."""
MAX_TEMPLATES = 1000
MAX_NESTING = 4
LONG = 1 << 62


@dataclass(frozen=True)
class Tensor:
    """A tensor as the header describes it. offset: from the beginning of the data."""

    name: str
    begin: int
    size: int


def sniff(data: memoryview) -> bool:
    """Whether this begins as GGUF."""
    return bytes(data[:4]) == MAGIC


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Read the header, the metadata and the table of tensors; account for every byte. Raises Broken."""
    reader = Reader(data)
    reader.header()
    for _ in range(reader.entries):
        _metadata(walk, reader, path)
    tensors = [reader.tensor() for _ in range(reader.tensors)]
    hidden.hidden(walk, data[: reader.pos], path)
    _layout(walk, reader, tensors, path)


class Reader:
    """Reads values in order. Raises Broken for whatever does not fit in the file."""

    def __init__(self, data: memoryview) -> None:
        self.data, self.pos, self.order, self.wide = data, 4, "<", True
        self.tensors = self.entries = self.values = 0
        self.alignment = 32
        self.keys: set[str] = set()
        self.names: set[str] = set()

    def header(self) -> None:
        """Version, byte order, counts. A file in the other byte order has its version in the high bytes."""
        version = self.number("I")
        if version > 0xFFFF:
            self.order, self.pos = ">", 4
            version = self.number("I")
        if version not in (1, 2, 3):
            raise Broken(f"version {version} of GGUF is not known", 4)
        self.wide = version > 1
        self.tensors, self.entries = self.length(), self.length()
        left = len(self.data) - self.pos
        if self.tensors * 24 > left or self.entries * 13 > left * 2:
            raise Broken(f"{self.tensors} tensors and {self.entries} entries are announced in {left} bytes", self.pos)

    def number(self, form: str) -> int:
        """A number of one of struct's formats, in this file's byte order."""
        size = struct.calcsize(form)
        return int(struct.unpack(self.order + form, self.take(size))[0])

    def length(self) -> int:
        """A length: 4 bytes in version 1, else 8."""
        return self.number("Q" if self.wide else "I")

    def take(self, size: int) -> memoryview:
        """The next bytes."""
        if size > len(self.data) - self.pos:
            raise Broken(f"{size} bytes are announced where {len(self.data) - self.pos} are left", self.pos)
        self.pos += size
        return self.data[self.pos - size : self.pos]

    def text(self, limit: int = LONG) -> memoryview:
        """A text's bytes."""
        size = self.length()
        if size > limit:
            raise Broken(f"a name has {size} bytes, the format allows {limit}", self.pos)
        return self.take(size)

    def key(self) -> str:
        """A metadata key, which must be new."""
        name = str(self.text(MAX_KEY), "utf-8", "backslashreplace")
        if name in self.keys:
            raise Broken(f"the key {printable(name)!r} stands there twice: readers take one or the other", self.pos)
        self.keys.add(name)
        return name

    def skip_value(self, kind: int, depth: int = 0) -> memoryview:
        """Read over a value, and return the bytes of a text or number."""
        if kind == TEXT:
            return self.text()
        if kind == ARRAY:
            return self._array(depth)
        if kind not in FIXED:
            raise Broken(f"metadata type {kind} is not known", self.pos)
        value = self.take(struct.calcsize(FIXED[kind]))
        if kind == 7 and value[0] > 1:
            raise Broken("a truth value is neither 0 nor 1", self.pos)
        return value

    def _array(self, depth: int) -> memoryview:
        kind, count = self.number("I"), self.length()
        if kind in FIXED:
            return self.take(count * struct.calcsize("=" + FIXED[kind]))
        if kind not in (TEXT, ARRAY) or depth >= MAX_NESTING:
            raise Broken(f"arrays of type {kind} are not known" if depth < MAX_NESTING else "arrays nest", self.pos)
        if count * (8 if self.wide else 4) > len(self.data) - self.pos:
            raise Broken(f"{count} values are announced where {len(self.data) - self.pos} bytes are left", self.pos)
        self.values += count
        if self.values > MAX_VALUES:
            raise Broken(f"more than {MAX_VALUES} values stand in arrays", self.pos)
        if kind == TEXT:
            self._texts(count)
        else:
            for _ in range(count):
                self._array(depth + 1)
        return self.data[:0]

    def _texts(self, count: int) -> None:
        unpack, size = struct.Struct(self.order + ("Q" if self.wide else "I")).unpack_from, 8 if self.wide else 4
        pos, end = self.pos, len(self.data)
        for _ in range(count):
            if pos + size > end:
                raise Broken("the file ends in an array of texts", pos)
            pos += size + unpack(self.data, pos)[0]
        if pos > end:
            raise Broken("the file ends in an array of texts", pos)
        self.pos = pos

    def tensor(self) -> Tensor:
        """One row of the table of tensors."""
        name = str(self.text(MAX_NAME), "utf-8", "backslashreplace")
        dimensions = self.number("I")
        if name in self.names or dimensions > MAX_DIMENSIONS:
            what = "stands there twice" if name in self.names else f"has {dimensions} dimensions"
            raise Broken(f"tensor {printable(name)!r} {what}", self.pos)
        self.names.add(name)
        shape = [self.length() for _ in range(dimensions)]
        kind, offset = self.number("I"), self.number("Q")
        if kind not in BLOCKS:
            raise Broken(f"tensor {printable(name)!r} is of type {kind}, which is not known", self.pos)
        size = size_of(kind, shape)
        if size is None or size > len(self.data):
            raise Broken(f"tensor {printable(name)!r}: {BLOCKS[kind][0]} of shape {shape} does not fit", self.pos)
        return Tensor(name, offset, size)


def _metadata(walk: Walk, reader: Reader, path: str) -> None:
    key, kind = reader.key(), reader.number("I")
    start = reader.pos
    value = reader.skip_value(kind)
    if key == "general.alignment":
        alignment = int.from_bytes(value, "little" if reader.order == "<" else "big")
        if kind != 4 or alignment < 1 or alignment & (alignment - 1) or alignment > 1 << 24:
            raise Broken(f"an alignment of {alignment} is not a power of two", reader.pos)
        reader.alignment = alignment
    elif kind == TEXT:
        jinja.walk_text(walk, key, str(value, "utf-8", "replace"), path)
    elif kind == ARRAY and "template" in key:
        _templates(walk, reader, start, key, path)


def _templates(walk: Walk, reader: Reader, start: int, key: str, path: str) -> None:
    """The texts of an array whose key says that they are templates."""
    again = Reader(reader.data)
    again.pos, again.order, again.wide = start, reader.order, reader.wide
    if again.number("I") == TEXT:
        count = again.length()
        if count > MAX_TEMPLATES:
            walk.skip(path or "the file", f"{printable(key, 60)} has more than {MAX_TEMPLATES} templates")
        for number in range(min(count, MAX_TEMPLATES)):
            jinja.walk_text(walk, f"{key}[{number}]", str(again.text(), "utf-8", "replace"), path)


def _layout(walk: Walk, reader: Reader, tensors: list[Tensor], path: str) -> None:
    """Every tensor inside the file, aligned, alone in its bytes; nothing between them but padding."""
    align, start = reader.alignment, -(-reader.pos // reader.alignment) * reader.alignment
    at, last = reader.pos, "the header"
    if not tensors:
        start = min(start, len(reader.data))
    for tensor in sorted(tensors, key=lambda t: (t.begin, t.size)):
        begin = start + tensor.begin
        if tensor.begin % align or begin + tensor.size > len(reader.data):
            what = f"begins at {tensor.begin}, which is not aligned" if tensor.begin % align else "ends behind the file"
            raise Broken(f"tensor {printable(tensor.name)!r} {what}", begin)
        if begin < at:
            raise Broken(f"tensor {printable(tensor.name)!r} begins inside {last}", begin)
        _gap(walk, reader, at, begin, path)
        raw_numbers.look(walk, reader.data[begin : begin + tensor.size], path, f"tensor {printable(tensor.name)}")
        at, last = begin + tensor.size, repr(printable(tensor.name))
    _gap(walk, reader, at, len(reader.data), path)


def _gap(walk: Walk, reader: Reader, begin: int, end: int, path: str) -> None:
    """Bytes that no tensor claims: padding of zeros up to the next aligned place, or something hidden."""
    if end - begin < reader.alignment and not any(reader.data[begin:end]):
        return
    message = f"{end - begin} bytes belong to no tensor and are no padding: readers do not look there"
    remedy = "do not use this file; write it again from its tensors"
    place = Place(path, f"byte {begin}")
    walk.flaw("artifact.gguf.hidden", Severity.HIGH, place, message, remedy, ("CWE-912",))
    hidden.hidden(walk, reader.data[begin:end], path, f"byte {begin}")
    if end == len(reader.data):
        walk.enter(reader.data[begin:end], f"{path}!byte {begin}")
