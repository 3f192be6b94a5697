"""HDF5's data types and shapes, as far as a scanner needs them: what an item is, how long, and where it points.

Layout: HDF5 File Format Specification 3.0, IV.A.2.b (dataspace) and IV.A.2.d (datatype).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from .hdf5_file import Cursor
from .opcodes import Broken

INTEGER, FLOAT, TIME, STRING, BITS, OPAQUE, COMPOUND, REFERENCE, ENUM, SEQUENCE, ARRAY, COMPLEX = range(12)
PROPERTIES = {INTEGER: 4, FLOAT: 12, TIME: 2, STRING: 0, BITS: 4, REFERENCE: 0}
MAX_NESTING, MAX_RANK = 32, 32
OWN_REFERENCES = 2
"""Kinds of reference that stay within the file; later ones may name another."""


@dataclass(frozen=True)
class Type:
    """kind: one of the classes above. size: bytes of an item. bits: the class's flags. base: what it is made of.

    members: (offset, type) of a compound's.
    """

    kind: int
    size: int
    bits: int = 0
    base: Type | None = None
    members: tuple[tuple[int, Type], ...] = ()

    @cached_property
    def plain(self) -> bool:
        """Whether an item is numbers alone: nothing in it is text, bytes, or points elsewhere."""
        if self.kind in (STRING, OPAQUE, REFERENCE, SEQUENCE):
            return False
        return all(member.plain for _, member in self.members) and (self.base is None or self.base.plain)

    @cached_property
    def foreign(self) -> bool:
        """Whether an item may refer to something in another file."""
        if self.kind == REFERENCE:
            return self.bits & 15 >= OWN_REFERENCES
        return any(member.foreign for _, member in self.members) or (self.base is not None and self.base.foreign)


def read_type(body: Cursor, depth: int = 0) -> Type:
    """A datatype message. Raises Broken."""
    head = body.number(1)
    kind, version, bits, size = head & 15, head >> 4, body.number(3), body.number(4)
    if depth > MAX_NESTING or version not in (1, 2, 3, 4, 5) or not size:
        raise Broken(f"a data type of class {kind}, version {version} and size {size}", body.at)
    if kind in PROPERTIES:
        body.take(PROPERTIES[kind])
        return Type(kind, size, bits)
    if kind == OPAQUE:
        body.take(bits & 255)
        return Type(kind, size, bits)
    if kind == COMPOUND:
        return Type(kind, size, bits, members=_members(body, bits & 0xFFFF, version, size, depth))
    if kind == ENUM:
        return Type(kind, size, bits, base=_enum(body, bits & 0xFFFF, version, depth))
    if kind == ARRAY:
        _dimensions(body, version)
    elif kind not in (SEQUENCE, COMPLEX):
        raise Broken(f"data type class {kind} is not known", body.at)
    return Type(kind, size, bits, base=read_type(body, depth + 1))


def _members(body: Cursor, count: int, version: int, size: int, depth: int) -> tuple[tuple[int, Type], ...]:
    found = []
    for _ in range(count):
        body.text(8 if version < 3 else 1)
        offset = body.number(4 if version < 3 else max(1, (size.bit_length() + 7) // 8))
        if version == 1:
            body.take(28)
        member = read_type(body, depth + 1)
        if offset + member.size > size:
            raise Broken("a member lies outside its compound", body.at)
        found.append((offset, member))
    if sum(member.size for _, member in found) > size:
        raise Broken("the members of a compound overlap", body.at)
    return tuple(found)


def _enum(body: Cursor, count: int, version: int, depth: int) -> Type:
    base = read_type(body, depth + 1)
    for _ in range(count):
        body.text(8 if version < 3 else 1)
    body.take(count * base.size)
    return base


def _dimensions(body: Cursor, version: int) -> None:
    rank = body.number(1)
    if rank > MAX_RANK:
        raise Broken(f"an array has {rank} dimensions", body.at)
    body.take((3 + 4 * rank if version < 3 else 0) + 4 * rank)


def read_shape(body: Cursor) -> tuple[int, ...] | None:
    """The dimensions of a dataspace message; None for one that holds nothing. Raises Broken."""
    version, rank, flags = body.number(1), body.number(1), body.number(1)
    if version not in (1, 2) or rank > MAX_RANK:
        raise Broken(f"a shape of version {version} and {rank} dimensions", body.at)
    kind = body.number(1)
    if version == 1:
        body.take(4)
    shape = tuple(body.size() for _ in range(rank))
    body.take(rank * body.length * (bool(flags & 1) + bool(flags & 2 and version == 1)))
    return None if version == 2 and kind == 2 else shape


def count(shape: tuple[int, ...] | None) -> int:
    """How many items a shape holds.

    >>> count((2, 3)), count(()), count(None)
    (6, 1, 0)
    """
    return 0 if shape is None else math.prod(shape)
