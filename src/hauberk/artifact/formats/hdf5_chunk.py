"""Where the chunks of an HDF5 data set lie: the six indexes that the library writes.

Layout: HDF5 File Format Specification 3.0, III.A, VII.A to VII.E, and the arithmetic of its extensible arrays (the
growth of blocks: super block u has 2**(u//2) data blocks of 2**((u+1)//2) times the smallest).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .hdf5_file import Cursor, File
from .hdf5_tree import Tree, old_tree
from .opcodes import Broken

PLAIN, FILTERED = 0, 1
MAX_BITS = 64


class Chunk(NamedTuple):
    """Where a chunk lies, its stored size (None: that of a whole one), and the filters that it was spared."""

    address: int
    size: int | None
    spared: int


def by_old_tree(file: File, address: int | None, rank: int) -> Iterator[Chunk]:
    """Chunks in a B-tree of version 1; rank counts the item's size as a dimension. Raises Broken."""
    for branch in old_tree(file, address, 1, 8 + 8 * rank, file.super.chunk_node):
        yield Chunk(branch.child, branch.key.number(4), branch.key.number(4))


def by_tree(file: File, address: int | None, rank: int) -> Iterator[Chunk]:
    """Chunks in a B-tree of version 2. Raises Broken."""
    tree = Tree(file, address)
    if tree.kind not in (10, 11):
        raise Broken(f"a tree of chunks is of kind {tree.kind}")
    size = tree.record - 8 * rank if tree.kind == 11 else 0
    for record in tree.records():
        yield from _element(record, size)


def _element(body: Cursor, size: int) -> Iterator[Chunk]:
    """A chunk as an index keeps it. size: of a filtered one's element, 0 for a plain one's."""
    where = body.address()
    stored, spared = (body.number(size - body.width - 4), body.number(4)) if size else (None, 0)
    if where is not None:
        yield Chunk(where, stored, spared)


def by_fixed_array(file: File, address: int | None) -> Iterator[Chunk]:
    """Chunks in a fixed array. Raises Broken."""
    head = file.checked(address, 12 + file.length + file.width, "an array's header")
    head.expect(b"FAHD", 0)
    client, size, bits, held, where = head.number(1), head.number(1), head.number(1), head.size(), head.address()
    array = Elements(file, client, size)
    if where is None:
        return
    prefix = 6 + file.width
    if held <= 1 << bits:
        block = file.checked(where, prefix + held * size + 4, "an array")
        array.begin(block, b"FADB")
        yield from array.chunks(block, held)
        return
    pages = -(-held >> bits)
    block = file.checked(where, prefix + (pages + 7) // 8 + 4, "an array")
    array.begin(block, b"FADB")
    yield from array.pages(where + prefix + (pages + 7) // 8 + 4, held, 1 << bits, bytes(block.take(block.left)))


class Elements:
    """The elements of an array of chunks, plain or filtered. Raises Broken."""

    def __init__(self, file: File, client: int, size: int) -> None:
        fits = size == file.width if client == PLAIN else 4 < size - file.width <= 12
        if client not in (PLAIN, FILTERED) or not fits:
            raise Broken(f"an array's elements are of kind {client} and size {size}")
        self.file, self.client, self.size = file, client, size

    def begin(self, block: Cursor, mark: bytes) -> None:
        """Read what every block begins with."""
        block.expect(mark, 0)
        if block.number(1) != self.client:
            raise Broken("an array's block is of another kind", block.at)
        block.address()

    def chunks(self, block: Cursor, held: int) -> Iterator[Chunk]:
        """The next elements of a block."""
        for _ in range(held):
            yield from _element(self.file.cursor(block.take(self.size), block.at), self.size * self.client)

    def pages(self, where: int, held: int, most: int, written: bytes) -> Iterator[Chunk]:
        """Elements in pages. written: a bit for each page, the highest first; the others are not read."""
        for number in range(-(-held // most)):
            count = min(most, held - number * most)
            size = count * self.size + 4
            if written[number // 8] & 0x80 >> number % 8:
                yield from self.chunks(self.file.checked(where, size, "an array's page"), count)
            else:
                self.file.own(where, size, "an array's page")
            where += size


class Growing:
    """An extensible array, for data sets that grow in one dimension. Raises Broken."""

    def __init__(self, file: File, address: int | None) -> None:
        self.file = file
        head = file.checked(address, 16 + 6 * file.length + file.width, "an array's header")
        head.expect(b"EAHD", 0)
        self.array = Elements(file, head.number(1), head.number(1))
        self.bits, self.inline, self.least, self.pointers, page_bits = (head.number(1) for _ in range(5))
        head.take(6 * file.length)
        self.root = head.address()
        powers = all(n and n & n - 1 == 0 for n in (self.least, self.pointers))
        if not powers or self.bits > MAX_BITS or page_bits > MAX_BITS:
            raise Broken("an array's growth makes no sense", head.at)
        self.page = 1 << page_bits
        self.offset = (self.bits + 7) // 8
        self.supers = 1 + self.bits - (self.least.bit_length() - 1)
        self.direct = 2 * (self.pointers.bit_length() - 1)

    def _items(self, level: int) -> int:
        return self.least << (level + 1) // 2

    def chunks(self) -> Iterator[Chunk]:
        """Every chunk."""
        if self.root is None:
            return
        file, width = self.file, self.file.width
        direct = [level for level in range(min(self.direct, self.supers)) for _ in range(1 << level // 2)]
        rest = list(range(self.direct, self.supers))
        size = 10 + width + self.inline * self.array.size + (len(direct) + len(rest)) * width
        block = file.checked(self.root, size, "an array's index")
        self.array.begin(block, b"EAIB")
        yield from self.array.chunks(block, self.inline)
        for level in direct:
            yield from self._data(block.address(), self._items(level), b"")
        for level in rest:
            yield from self._super(block.address(), level)

    def _super(self, where: int | None, level: int) -> Iterator[Chunk]:
        if where is None:
            return
        items, blocks, width = self._items(level), 1 << level // 2, self.file.width
        mask = (items // self.page + 7) // 8 if items > self.page else 0
        size = 10 + width + self.offset + blocks * (mask + width)
        block = self.file.checked(where, size, "an array's super block")
        self.array.begin(block, b"EASB")
        block.take(self.offset)
        masks = [bytes(block.take(mask)) for _ in range(blocks)]
        for written in masks:
            yield from self._data(block.address(), items, written)

    def _data(self, where: int | None, items: int, written: bytes) -> Iterator[Chunk]:
        if where is None:
            return
        prefix = 6 + self.file.width + self.offset
        paged = items > self.page
        if paged and not written:
            raise Broken("an array's pages have no list")
        block = self.file.checked(where, prefix + (0 if paged else items * self.array.size) + 4, "an array's block")
        self.array.begin(block, b"EADB")
        block.take(self.offset)
        if paged:
            yield from self.array.pages(where + prefix + 4, items, self.page, written)
        else:
            yield from self.array.chunks(block, items)
