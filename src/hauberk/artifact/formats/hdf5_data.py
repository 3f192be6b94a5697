"""An HDF5 data set: where its bytes lie, which filters they went through, and its items where a scanner reads them.

Layout: HDF5 File Format Specification 3.0, IV.A.2.h (external files), .i (layout), .l (filters), and the mapping of
virtual data sets in III.G. Raw numbers are accounted for by arithmetic and never read.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import hdf5_chunk
from .hdf5_chunk import Chunk
from .hdf5_file import Cursor, File
from .hdf5_header import FILL
from .hdf5_heap import GlobalHeaps, local_heap, name_at
from .hdf5_type import MAX_RANK
from .opcodes import Broken

COMPACT, CONTIGUOUS, CHUNKED, VIRTUAL = range(4)
DEFLATE, SHUFFLE, FLETCHER, SZIP, NBIT, SCALE = range(1, 7)
SINGLE, IMPLICIT, FIXED, GROWING, TREE = range(1, 6)
TRAILER = 4
"""Bytes that fletcher32 puts behind a chunk."""


@dataclass
class Layout:
    """kind: one of the classes above. dims: of a chunk, in items. item: bytes of one. index: of the chunks."""

    kind: int
    address: int | None = None
    size: int = 0
    inline: memoryview | None = None
    dims: tuple[int, ...] = ()
    item: int = 0
    index: int = 0
    whole_edges: bool = False
    single: tuple[int, int] | None = None
    heap_index: int = 0
    filters: tuple[int, ...] = field(default=())

    @property
    def chunk_size(self) -> int:
        """Bytes of a chunk before filters."""
        return math.prod(self.dims) * self.item


def read_layout(body: Cursor) -> Layout:
    """A data layout message of any version. Raises Broken."""
    version = body.number(1)
    if version in (1, 2):
        return _first(body)
    if version not in (3, 4, 5):
        raise Broken(f"a data layout of version {version}", body.at)
    kind = body.number(1)
    if kind == COMPACT:
        return Layout(kind, inline=body.take(body.number(2)))
    if kind == CONTIGUOUS:
        return Layout(kind, body.address(), body.size())
    if kind == CHUNKED:
        return _chunked(body) if version == 3 else _indexed(body)
    if kind == VIRTUAL and version > 3:
        return Layout(kind, body.address(), heap_index=body.number(4))
    raise Broken(f"a data layout of class {kind}", body.at)


def _first(body: Cursor) -> Layout:
    rank, kind = body.number(1), body.number(1)
    body.take(5)
    address = body.address() if kind != COMPACT else None
    dims = _dims(body, rank, 4)
    if kind == CHUNKED:
        return Layout(kind, address, dims=dims[:-1], item=dims[-1])
    if kind == CONTIGUOUS:
        return Layout(kind, address, -1)
    if kind == COMPACT:
        return Layout(kind, inline=body.take(body.number(4)))
    raise Broken(f"a data layout of class {kind}", body.at)


def _dims(body: Cursor, rank: int, width: int) -> tuple[int, ...]:
    dims = tuple(body.number(width) for _ in range(rank)) if 1 <= rank <= MAX_RANK + 1 else ()
    if not dims or not all(dims):
        raise Broken("a chunk has no size", body.at)
    return dims


def _chunked(body: Cursor) -> Layout:
    rank, address = body.number(1), body.address()
    dims = _dims(body, rank, 4)
    return Layout(CHUNKED, address, dims=dims[:-1], item=dims[-1])


def _indexed(body: Cursor) -> Layout:
    flags, rank, width = body.number(1), body.number(1), body.number(1)
    dims = _dims(body, rank, width)
    index = body.number(1)
    single = None
    if index == SINGLE and flags & 2:
        single = (body.size(), body.number(4))
    elif index in (FIXED, GROWING, TREE):
        body.take({FIXED: 1, GROWING: 5, TREE: 6}[index])
    elif index not in (SINGLE, IMPLICIT):
        raise Broken(f"an index of chunks of kind {index}", body.at)
    address = body.address()
    return Layout(
        CHUNKED, address, dims=dims[:-1], item=dims[-1], index=index, whole_edges=bool(flags & 1), single=single
    )


def chunks(file: File, layout: Layout, shape: tuple[int, ...]) -> Iterator[Chunk]:
    """Every chunk of a data set, each accounted for. Raises Broken."""
    if layout.address is None:
        return
    for chunk in _listed(file, layout, shape):
        size = layout.chunk_size if chunk.size is None else chunk.size
        file.own(chunk.address, size, "a chunk")
        yield Chunk(chunk.address, size, chunk.spared)


def _listed(file: File, layout: Layout, shape: tuple[int, ...]) -> Iterator[Chunk]:
    rank = len(layout.dims)
    if layout.index == 0:
        yield from hdf5_chunk.by_old_tree(file, layout.address, rank + 1)
    elif layout.index == FIXED:
        yield from hdf5_chunk.by_fixed_array(file, layout.address)
    elif layout.index == GROWING:
        yield from hdf5_chunk.Growing(file, layout.address).chunks()
    elif layout.index == TREE:
        yield from hdf5_chunk.by_tree(file, layout.address, rank)
    elif layout.index == SINGLE:
        size, spared = layout.single or (None, 0)
        yield Chunk(layout.address or 0, size, spared)
    else:
        count = math.prod(-(-n // d) for n, d in zip(shape, layout.dims, strict=True))
        if count:
            yield Chunk(layout.address or 0, count * layout.chunk_size, 0)


def read_filters(body: Cursor) -> tuple[int, ...]:
    """The filters' ids, in the order of writing. Raises Broken."""
    version, held = body.number(1), body.number(1)
    if version not in (1, 2):
        raise Broken(f"filters of version {version}", body.at)
    body.take(6 if version == 1 else 0)
    found = []
    for _ in range(held):
        ident = body.number(2)
        named = body.number(2) if version == 1 or ident >= 256 else 0
        _, values = body.number(2), body.number(2)
        body.take(-(-named // 8) * 8 if version == 1 else named)
        body.take(4 * (values + (values & 1 if version == 1 else 0)))
        found.append(ident)
    return tuple(found)


def unfiltered(layout: Layout, chunk: Chunk, raw: memoryview, most: int) -> bytes | None:
    """A chunk's bytes as they were before its filters; None where one of those is not read here. Raises Broken."""
    content = bytes(raw)
    for place, ident in reversed(list(enumerate(layout.filters))):
        if chunk.spared >> place & 1:
            continue
        if ident == DEFLATE:
            content = _inflated(content, most)
        elif ident == SHUFFLE:
            content = _unshuffled(content, layout.item)
        elif ident == FLETCHER:
            content = content[:-TRAILER]
        else:
            return None
    return content


def _inflated(content: bytes, most: int) -> bytes:
    try:
        state = zlib.decompressobj()
        found = state.decompress(content, most + TRAILER + 1)
    except zlib.error as error:
        raise Broken(f"a chunk is damaged: {error}") from error
    if len(found) > most + TRAILER:
        raise Broken("a chunk unpacks to more than its size")
    if state.unused_data:
        raise Broken(f"{len(state.unused_data)} bytes stand behind a packed chunk")
    return found


def _unshuffled(content: bytes, item: int) -> bytes:
    held = len(content) // item
    if item < 2 or held < 2:
        return content
    found = bytearray(content)
    for n in range(item):
        found[n : held * item : item] = content[n * held : (n + 1) * held]
    return bytes(found)


def fill_size(kind: int, body: Cursor) -> int:
    """Bytes of a fill value, of a message of either kind. Raises Broken."""
    if kind == FILL:
        version = body.number(1)
        if version not in (1, 2, 3):
            raise Broken(f"a fill value of version {version}", body.at)
        given = body.number(1) & 0x20 if version == 3 else body.take(3)[2] or version == 1
        if not given:
            return body.left
    size = body.number(4)
    return body.left if size == (1 << 32) - 1 or size > body.left else max(size, body.left - 7)


def external_files(file: File, body: Cursor) -> list[str]:
    """The files that hold a data set's bytes. Raises Broken."""
    body.expect(b"", 1)
    body.take(3)
    _, held, where = body.number(2), body.number(2), body.address()
    heap = local_heap(file, where)
    found = []
    for _ in range(held):
        found.append(name_at(heap, body.size()))
        body.take(2 * body.length)
    return found


def virtual_source(file: File, heaps: GlobalHeaps, layout: Layout) -> str:
    """The first of the files of which a virtual data set is made; "." is the file itself. Raises Broken."""
    if layout.address is None:
        return "."
    body = file.cursor(heaps.item(layout.address, layout.heap_index))
    version = body.number(1)
    if version not in (0, 1):
        raise Broken(f"a virtual data set of version {version}")
    held = body.size()
    flags = body.number(1) if version and held else 0
    return body.text() if held and not flags & 5 else "."
