"""HDF5's ground: the superblock, blocks that are held against the file before they are read, and an account of each.

Layout: HDF5 File Format Specification 3.0, II.A. Every block is read once at most: two that share bytes are refused
at the end (`gaps`), and the bytes read as metadata are bounded by the file's own size, so that no file costs more
than a few passes over itself.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from .opcodes import Broken

MAGIC = b"\x89HDF\r\n\x1a\n"
PLACES = (0, *(512 << n for n in range(40)))
"""HDF5 lets a block of the user's own stand before its mark, of 512 bytes or any power of two above."""
WIDTHS = (2, 4, 8)
ALLOWANCE = 1 << 16
"""Metadata bytes that a file may ask for beyond twice its own size."""
MASK = 0xFFFFFFFF


class Cursor:
    """Reads one block from front to end; never past it. width, length: bytes of an address and of a size."""

    __slots__ = ("at", "data", "length", "pos", "width")

    def __init__(self, data: memoryview, width: int, length: int, at: int) -> None:
        self.data, self.width, self.length, self.at, self.pos = data, width, length, at, 0

    def take(self, size: int) -> memoryview:
        """The next bytes. Raises Broken."""
        end = self.pos + size
        if size < 0 or end > len(self.data):
            raise Broken("a block is truncated", self.at + self.pos)
        piece = self.data[self.pos : end]
        self.pos = end
        return piece

    def number(self, size: int) -> int:
        """The next little-endian number."""
        return int.from_bytes(self.take(size), "little")

    def address(self) -> int | None:
        """The next address; None where it is undefined."""
        value = self.number(self.width)
        return None if value == (1 << 8 * self.width) - 1 else value

    def size(self) -> int:
        """The next size of a thing in the file."""
        return self.number(self.length)

    def expect(self, mark: bytes, *versions: int) -> int:
        """A block's signature and its version. Raises Broken."""
        got, version = bytes(self.take(len(mark))), self.number(1)
        if got != mark or version not in versions:
            raise Broken(f"expected {mark.decode('ascii')} of version {versions}, got {got!r} {version}", self.at)
        return version

    def text(self, step: int = 1) -> str:
        """The text up to the next zero byte, padded to a multiple of `step`."""
        tail = bytes(self.data[self.pos : self.pos + 65536])
        size = tail.find(b"\0")
        if size < 0:
            raise Broken("a name has no end", self.at + self.pos)
        raw = bytes(self.take(-(-(size + 1) // step) * step))
        return raw[:size].decode("utf-8", "surrogateescape")

    @property
    def left(self) -> int:
        """Bytes of the block not yet read."""
        return len(self.data) - self.pos


@dataclass(frozen=True)
class Super:
    """The superblock. base: where addresses count from. end: of the file, as it says itself."""

    version: int
    base: int
    end: int
    root: int
    extension: int | None
    driver: int | None
    group_leaf: int = 4
    group_node: int = 16
    chunk_node: int = 32


class File:
    """An HDF5 file's bytes. Raises Broken for what does not begin as one.

    stray: bytes inside of blocks that are not zero and that no reader reads.
    """

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.width = self.length = 8
        self.spent = self.stray = 0
        self.owned: dict[int, tuple[int, str]] = {}
        self.base = begin(data)
        self.super = self._super()

    def cursor(self, data: memoryview, at: int = 0) -> Cursor:
        """A reader of some bytes of this file."""
        return Cursor(data, self.width, self.length, at)

    def peek(self, address: int | None, size: int) -> Cursor:
        """A reader of `size` bytes at an address, or of as many as there are. Raises Broken beyond the file."""
        if address is None:
            raise Broken("an address is undefined")
        at = self.base + address
        if at >= len(self.data):
            raise Broken(f"an address points to byte {at}, the file has {len(self.data)}", at)
        piece = self.data[at : at + size]
        self.spent += len(piece)
        if self.spent > 2 * len(self.data) + ALLOWANCE:
            raise Broken("blocks are pointed to more than once", at)
        return self.cursor(piece, at)

    def block(self, address: int | None, size: int, what: str) -> Cursor:
        """A reader of a whole block, which then is accounted for. Raises Broken."""
        self.own(address, size, what)
        return self.peek(address, size) if size else self.cursor(self.data[:0])

    def own(self, address: int | None, size: int, what: str) -> None:
        """Account for a block without reading it. Raises Broken when it is not in the file, or is owned already."""
        at = self.base + (address or 0)
        if address is None or size < 0 or at + size > len(self.data):
            raise Broken(f"{what} of {size} bytes at {at} does not fit in the file", at)
        if size and at in self.owned:
            raise Broken(f"{what} and {self.owned[at][1]} begin at the same byte", at)
        if size:
            self.owned[at] = (at + size, what)

    def checked(self, address: int | None, size: int, what: str) -> Cursor:
        """A whole block whose last four bytes are its checksum, without them. Raises Broken."""
        whole = self.block(address, size, what)
        body = whole.take(size - 4)
        if whole.number(4) != checksum(body):
            raise Broken(f"{what} does not match its checksum", whole.at)
        return self.cursor(body, whole.at)

    def gaps(self) -> list[tuple[int, int]]:
        """(begin, end) of what no block accounts for, up to the end of the file. Raises Broken when two overlap."""
        found, at, before = [], self.base, "the superblock"
        for begin_, (end, what) in sorted(self.owned.items()):
            if begin_ < at:
                raise Broken(f"{what} overlaps {before}", begin_)
            if begin_ > at:
                found.append((at, begin_))
            at, before = end, what
        if at < len(self.data):
            found.append((at, len(self.data)))
        return found

    def fanout(self, chunk: int, node: int, leaf: int) -> None:
        """Obey a message about the sizes of B-tree nodes. Raises Broken."""
        if not chunk or not node or not leaf:
            raise Broken("B-tree nodes of no size")
        self.super = replace(self.super, chunk_node=chunk, group_node=node, group_leaf=leaf)

    def _super(self) -> Super:
        version = self.data[self.base + 8] if len(self.data) > self.base + 8 else 255
        if version not in (0, 1, 2, 3):
            raise Broken(f"superblock version {version} is not known", self.base + 8)
        found = self._old_super(version) if version < 2 else self._new_super(version)
        if found.base != self.base:
            raise Broken(f"the superblock says that it stands at {found.base}", self.base)
        if found.end > len(self.data):
            raise Broken(f"the file should have {found.end} bytes, it has {len(self.data)}", len(self.data))
        return found

    def _widths(self, offsets: int, lengths: int) -> None:
        if offsets not in WIDTHS or lengths not in WIDTHS:
            raise Broken(f"addresses of {offsets} and sizes of {lengths} bytes are not used", self.base)
        self.width, self.length = offsets, lengths

    def _old_super(self, version: int) -> Super:
        head = self.peek(0, 24 + 4 * version)
        head.take(13)
        self._widths(head.number(1), head.number(1))
        head.take(1)
        leaf, node, _ = head.number(2), head.number(2), head.number(4)
        chunk = head.number(2) if version else 32
        size = head.pos + 2 * version + 6 * self.width + 24
        rest = self.block(0, size, "the superblock")
        rest.take(head.pos + 2 * version)
        base, _, end, driver = rest.address(), rest.address(), rest.address(), rest.address()
        _, root = rest.address(), rest.address()
        return Super(version, base or 0, end or 0, _defined(root), None, driver, leaf, node, chunk)

    def _new_super(self, version: int) -> Super:
        head = self.peek(0, 12)
        head.take(9)
        self._widths(head.number(1), head.number(1))
        rest = self.checked(0, 16 + 4 * self.width, "the superblock")
        rest.take(12)
        base, extension, end, root = rest.address(), rest.address(), rest.address(), rest.address()
        return Super(version, base or 0, end or 0, _defined(root), extension, None)


def _defined(address: int | None) -> int:
    if address is None:
        raise Broken("there is no root group")
    return address


def begin(data: memoryview) -> int:
    """Where the superblock stands: at the first place of those where a reader looks. Raises Broken."""
    for at in PLACES:
        if at >= len(data):
            break
        if data[at : at + 8] == MAGIC:
            return at
    raise Broken("there is no superblock")


def checksum(data: memoryview) -> int:
    """Bob Jenkins' lookup3 (public domain, 2006), as HDF5 puts it behind its metadata.

    >>> hex(checksum(memoryview(b"Four score and seven years ago")))
    '0x17770551'
    """
    size = len(data)
    a = b = c = (0xDEADBEEF + size) & MASK
    if not size:
        return c
    body = (size - 1) // 12 * 12
    for x, y, z in struct.iter_unpack("<3I", data[:body]):
        a, b, c = (a + x) & MASK, (b + y) & MASK, (c + z) & MASK
        a = (a - c) & MASK ^ (c << 4 | c >> 28) & MASK
        c = (c + b) & MASK
        b = (b - a) & MASK ^ (a << 6 | a >> 26) & MASK
        a = (a + c) & MASK
        c = (c - b) & MASK ^ (b << 8 | b >> 24) & MASK
        b = (b + a) & MASK
        a = (a - c) & MASK ^ (c << 16 | c >> 16) & MASK
        c = (c + b) & MASK
        b = (b - a) & MASK ^ (a << 19 | a >> 13) & MASK
        a = (a + c) & MASK
        c = (c - b) & MASK ^ (b << 4 | b >> 28) & MASK
        b = (b + a) & MASK
    x, y, z = struct.unpack("<3I", bytes(data[body:]).ljust(12, b"\0"))
    return _last((a + x) & MASK, (b + y) & MASK, (c + z) & MASK)


def _last(a: int, b: int, c: int) -> int:
    """Its final mixing: each step turns one word by another, the three taking turns."""
    first, second, by = c, a, b
    for turn in (14, 11, 25, 16, 4, 14, 24):
        turned = ((first ^ by) - (by << turn | by >> 32 - turn)) & MASK
        first, second, by = second, by, turned
    return by
