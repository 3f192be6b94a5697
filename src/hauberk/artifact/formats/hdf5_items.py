"""The text and bytes in HDF5's attributes and data sets, wherever an item lies; and attributes themselves.

Layout: HDF5 File Format Specification 3.0, IV.A.2.m (attribute), .v (attribute info), IV.A.1 (shared messages).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .hdf5_file import Cursor, File
from .hdf5_group import indexed
from .hdf5_header import SPACE, TYPE
from .hdf5_heap import FractalHeap, GlobalHeaps
from .hdf5_type import ARRAY, COMPOUND, INTEGER, OPAQUE, SEQUENCE, STRING, Type, count, read_shape, read_type
from .opcodes import Broken

BY_NAME, BY_ORDER = (8, 0), (9, 0)
SHARED_TYPE, SHARED_SHAPE = 1, 2
Resolve = Callable[[Cursor, int], Cursor]
"""Finds the real body of a shared message of some kind."""


@dataclass(frozen=True)
class Attribute:
    """An attribute: its name, the type and number of its items, their bytes."""

    name: str
    type: Type
    held: int
    content: memoryview


def read_attribute(body: Cursor, resolve: Resolve) -> Attribute:
    """An attribute message of any version. Raises Broken."""
    version = body.number(1)
    if version not in (1, 2, 3):
        raise Broken(f"an attribute of version {version}", body.at)
    flags, sizes = body.number(1), [body.number(2) for _ in range(3)]
    body.take(1 if version == 3 else 0)
    step = 8 if version == 1 else 1
    name, kind, space = (body.take(-(-size // step) * step) for size in sizes)
    flags = flags if version > 1 else 0
    type_body, space_body = (Cursor(piece, body.width, body.length, body.at) for piece in (kind, space))
    item = read_type(resolve(type_body, TYPE) if flags & SHARED_TYPE else type_body)
    held = count(read_shape(resolve(space_body, SPACE) if flags & SHARED_SHAPE else space_body))
    if held * item.size > body.left:
        raise Broken(f"an attribute of {held} items of {item.size} bytes has {body.left} bytes", body.at)
    text = str(name[: sizes[0]], "utf-8", "surrogateescape").partition("\0")[0]
    return Attribute(text, item, held, body.take(held * item.size))


def dense(file: File, body: Cursor) -> Iterator[tuple[Cursor, int]]:
    """(body, flags) of every attribute that an attribute-info message keeps in a heap. Raises Broken."""
    body.expect(b"", 0)
    flags = body.number(1)
    body.take(2 * (flags & 1))
    heap_at, by_name = body.address(), body.address()
    by_order = body.address() if flags & 2 else None
    if heap_at is None:
        return
    heap = FractalHeap(file, heap_at)
    for key in set(indexed(file, by_name, BY_NAME, 9)) | set(indexed(file, by_order, BY_ORDER, 9)):
        yield heap.get(memoryview(key[:8])), key[8]


class Items:
    """Finds every text or run of bytes in some items. Those in a heap are told once, however often they are named."""

    def __init__(self, file: File, heaps: GlobalHeaps) -> None:
        self.file, self.heaps = file, heaps
        self.told: set[tuple[int, int]] = set()

    def texts(self, item: Type, content: memoryview, held: int) -> Iterator[memoryview]:
        """The texts in `held` items of a type. Raises Broken."""
        if item.plain or not held:
            return
        size = item.size
        if item.kind in (STRING, OPAQUE):
            yield from (content[at : at + size] for at in range(0, held * size, size))
        elif item.kind == ARRAY and item.base is not None:
            yield from self.texts(item.base, content, held * size // item.base.size)
        elif item.kind == COMPOUND:
            members = [(offset, member) for offset, member in item.members if not member.plain]
            for at in range(0, held * size, size):
                for offset, member in members:
                    yield from self.texts(member, content[at + offset : at + offset + member.size], 1)
        elif item.kind == SEQUENCE and item.base is not None:
            for at in range(0, held * size, size):
                yield from self._sequence(item.base, self.file.cursor(content[at : at + size]))

    def _sequence(self, base: Type, body: Cursor) -> Iterator[memoryview]:
        held, address, index = body.number(4), body.address(), body.number(4)
        if address is None or not held or not index or (address, index) in self.told:
            return
        self.told.add((address, index))
        found = self.heaps.item(address, index)
        if held * base.size > len(found):
            raise Broken(f"{held} items of {base.size} bytes have {len(found)} bytes in their heap")
        if base.size == 1 and base.kind in (INTEGER, STRING, OPAQUE):
            yield found[:held]
        elif not base.plain:
            yield from self.texts(base, found[: held * base.size], held)
