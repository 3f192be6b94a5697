"""The data sets of an HDF5 file (Keras' .h5 and .weights.h5) by their paths, read by the scan's own reader.

Data sets lie in one piece, or in one chunk, as Keras writes weights; of more chunks than one nothing is taken.
"""

from __future__ import annotations

from typing import Any

from ..formats import hdf5, hdf5_data, hdf5_header
from ..formats.hdf5_chunk import Chunk
from ..formats.hdf5_data import COMPACT, CONTIGUOUS, Layout
from ..formats.hdf5_file import File
from ..formats.hdf5_header import Message
from ..formats.hdf5_type import FLOAT, INTEGER, Type, read_type
from ..walk import FREE_EXPANSION, Walk
from .values import ITEM_BYTES, Aside, Lost, Storage, Tensor, Whole, row_major

FLOATS = {(2, 5, 10): "F16", (2, 8, 7): "BF16", (4, 8, 23): "F32", (8, 11, 52): "F64"}
"""Bytes of an item; bits of its exponent and mantissa."""
INTEGERS = {1: ("U8", "I8"), 2: ("U16", "I16"), 4: ("U32", "I32"), 8: ("U64", "I64")}
BIG, SIGNED = 1, 8
HEAD = 8
"""Bytes of a data type before its properties."""


def read_hdf5(walk: Walk, data: memoryview) -> Whole:
    """Path and tensor in turn. Raises Broken for what HDF5's own library would refuse."""
    reader = Weights(walk, File(data), "")
    reader.run()
    return Whole("dict", reader.found)


class Weights(hdf5.Reader):
    """Keeps the data sets that it passes."""

    def __init__(self, walk: Walk, file: File, path: str) -> None:
        super().__init__(walk, file, path)
        self.found: list[Any] = []
        self._dtype: str | Aside = Aside("data of no type")

    def _data_set(self, kinds: dict[int, Message], name: str) -> None:
        if hdf5_header.TYPE in kinds:
            body = self._body(kinds[hdf5_header.TYPE])
            raw = bytes(body.data[: HEAD + 12])
            self._dtype = dtype_of(read_type(self.file.cursor(body.data)), raw)
        before = len(self.found)
        super()._data_set(kinds, name)
        if len(self.found) == before:
            self.found += [name[1:], Lost("its numbers lie in another file", 0)]

    def _stored(self, layout: Layout, item: Type, shape: tuple[int, ...], held: int, name: str) -> None:
        super()._stored(layout, item, shape, held, name)
        self.found += [name[1:], self._value(layout, item, shape, held)]

    def _value(self, layout: Layout, item: Type, shape: tuple[int, ...], held: int) -> Tensor | Lost | Aside:
        if isinstance(self._dtype, Aside):
            return self._dtype
        content = self._whole(layout, shape, held * item.size)
        if content is None or len(content) < held * ITEM_BYTES[self._dtype]:
            return Lost("its numbers lie in chunks", 0)
        storage = Storage(name_of(layout), self._dtype, content, swapped=bool(item.bits & BIG))
        return Tensor(storage, self._dtype, 0, shape, row_major(shape))

    def _whole(self, layout: Layout, shape: tuple[int, ...], size: int) -> memoryview | None:
        if layout.kind == COMPACT:
            return layout.inline
        if layout.kind == CONTIGUOUS:
            if layout.address is None:
                return memoryview(bytes(size)) if size <= FREE_EXPANSION else None
            at = self.file.base + layout.address
            return self.file.data[at : at + size]
        if layout.dims != shape:
            return None
        return self._one_chunk(layout)

    def _one_chunk(self, layout: Layout) -> memoryview | None:
        if layout.index != hdf5_data.SINGLE or layout.address is None:
            return None
        stored, spared = layout.single or (layout.chunk_size, 0)
        at = self.file.base + layout.address
        chunk = Chunk(layout.address, stored, spared)
        content = hdf5_data.unfiltered(layout, chunk, self.file.data[at : at + stored], layout.chunk_size)
        return None if content is None else memoryview(content)


def name_of(layout: Layout) -> str:
    """A name for where a data set lies."""
    return str(layout.address)


def dtype_of(item: Type, raw: bytes) -> str | Aside:
    """The type of safetensors for an item. raw: its data type message, whose properties tell floats apart."""
    if item.kind == INTEGER and item.size in INTEGERS:
        return INTEGERS[item.size][bool(item.bits & SIGNED)]
    if item.kind == FLOAT and len(raw) >= HEAD + 8:
        parts = (item.size, raw[HEAD + 5], raw[HEAD + 7])
        if parts in FLOATS:
            return FLOATS[parts]
        return Aside(f"numbers of {item.size} bytes that safetensors has no type for")
    return Aside("data that are no numbers")
