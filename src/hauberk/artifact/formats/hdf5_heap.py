"""HDF5's heaps: local (names of old groups), global (variable-length items), fractal (dense links and attributes).

Layout: HDF5 File Format Specification 3.0, III.D to III.G. A fractal heap is read as it grows: a table of rows of
blocks, `width` in each, the first two rows of the starting size and each further one of twice the one before.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from .hdf5_file import Cursor, File, checksum
from .hdf5_tree import Tree, enough
from .opcodes import Broken

MANAGED, HUGE, TINY = 0, 1, 2
MAX_BITS = 64
HUGE_KINDS = {1: False, 2: True, 3: False, 4: True}
"""Kinds of a tree of huge objects, and whether they are filtered."""


def local_heap(file: File, address: int | None) -> Cursor:
    """The names of an old group. Raises Broken."""
    head = file.block(address, 8 + 2 * file.length + file.width, "a local heap")
    head.expect(b"HEAP", 0)
    head.take(3)
    size, _, where = head.size(), head.size(), head.address()
    return file.block(where, size, "a local heap's names")


def name_at(heap: Cursor, offset: int) -> str:
    """The name at an offset of a local heap. Raises Broken."""
    heap.pos = offset
    return heap.text()


class GlobalHeaps:
    """The collections of variable-length items, each read once. Raises Broken."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.known: dict[int, dict[int, memoryview]] = {}

    def item(self, address: int | None, index: int) -> memoryview:
        """An item's bytes, padded as they are kept."""
        if address is None:
            raise Broken("an item lies nowhere")
        if address not in self.known:
            self.known[address] = self._collection(address)
        found = self.known[address].get(index)
        if found is None:
            raise Broken(f"a heap has no item {index}", self.file.base + address)
        return found

    def _collection(self, address: int) -> dict[int, memoryview]:
        head = self.file.peek(address, 8 + self.file.length)
        head.expect(b"GCOL", 1)
        head.take(3)
        body = self.file.block(address, head.size(), "a global heap")
        body.take(head.pos)
        found: dict[int, memoryview] = {}
        while body.left >= 8 + body.length:
            index, _, _, size = body.number(2), body.number(2), body.number(4), body.size()
            if index == 0:
                break
            if index in found:
                raise Broken(f"a heap has item {index} twice", body.at)
            found[index] = body.take(size)
            body.take(min(-size % 8, body.left))
        return found


def own_free_space(file: File, address: int | None) -> None:
    """Account for a free-space manager and its list. Raises Broken."""
    if address is None:
        return
    head = file.checked(address, 18 + 7 * file.length + file.width, "a free-space manager")
    head.expect(b"FSHD", 0)
    head.take(1 + 4 * head.length + 8 + head.length)
    where, _, size = head.address(), head.size(), head.size()
    if where is not None:
        file.own(where, size, "a list of free space")


@dataclass(frozen=True)
class Block:
    """A direct block: where it begins in the heap's own counting, and its bytes."""

    offset: int
    data: memoryview


class FractalHeap:
    """A fractal heap, all its blocks read. Raises Broken."""

    def __init__(self, file: File, address: int | None) -> None:
        self.file, self.address = file, address
        self._header()
        self.blocks: list[Block] = []
        if self.root is not None:
            self._read_blocks()
        own_free_space(file, self.space)
        self.blocks.sort(key=lambda block: block.offset)
        self.starts = [block.offset for block in self.blocks]
        self.huge: dict[int, tuple[int | None, int]] | None = None

    def _header(self) -> None:
        file = self.file
        size = 22 + 12 * file.length + 3 * file.width
        probe = file.peek(self.address, 9)
        probe.take(7)
        filters = probe.number(2)
        extra = file.length + 4 + filters if filters else 0
        head = file.checked(self.address, size + extra + 4, "a fractal heap")
        head.expect(b"FRHP", 0)
        self.id_size, self.filters, flags, self.max_managed = (head.number(n) for n in (2, 2, 1, 4))
        self.checked_blocks = bool(flags & 2)
        _, self.huge_tree, _, self.space = head.size(), head.address(), head.size(), head.address()
        for _ in range(8):
            head.size()
        self.width, self.start, self.max_direct, self.bits = head.number(2), head.size(), head.size(), head.number(2)
        _, self.root, self.rows = head.number(2), head.address(), head.number(2)
        if not self.width or not self.start or self.max_direct < self.start or self.bits > MAX_BITS or self.rows > 64:
            raise Broken("a fractal heap's table makes no sense", head.at)
        self.filtered_root = head.size() if filters else None
        self.offset_size = (self.bits + 7) // 8
        self.length_size = enough(min(self.max_direct, self.max_managed))
        self.direct_rows = (self.max_direct.bit_length() - self.start.bit_length()) + 2

    def _row_size(self, row: int) -> int:
        return self.start << max(0, row - 1)

    def _read_blocks(self) -> None:
        if self.filters:
            raise Broken("a heap's blocks are filtered, which no known writer does", self.file.base)
        if not self.rows:
            self._direct(self.root, self.start)
            return
        todo = [(self.root, self.rows)]
        while todo:
            where, rows = todo.pop()
            self._indirect(where, rows, todo)

    def _indirect(self, where: int | None, rows: int, todo: list[tuple[int | None, int]]) -> None:
        file = self.file
        size = 9 + file.width + self.offset_size + rows * self.width * file.width
        node = file.checked(where, size, "a heap's index")
        self._begin(node, b"FHIB")
        for row in range(rows):
            for _ in range(self.width):
                child = node.address()
                if child is None:
                    continue
                if row < self.direct_rows:
                    self._direct(child, self._row_size(row))
                else:
                    todo.append((child, self._rows_of(self._row_size(row))))

    def _rows_of(self, size: int) -> int:
        return size.bit_length() - (self.start * self.width).bit_length() + 1

    def _begin(self, node: Cursor, mark: bytes) -> int:
        node.expect(mark, 0)
        if node.address() != self.address:
            raise Broken("a heap's block is of another heap", node.at)
        return node.number(self.offset_size)

    def _direct(self, where: int | None, size: int) -> None:
        node = self.file.block(where, size, "a heap's block")
        offset = self._begin(node, b"FHDB")
        if self.checked_blocks:
            clear = bytearray(node.data)
            clear[node.pos : node.pos + 4] = bytes(4)
            if node.number(4) != checksum(memoryview(clear)):
                raise Broken("a heap's block does not match its checksum", node.at)
        self.blocks.append(Block(offset, node.data))

    def get(self, key: memoryview) -> Cursor:
        """The object that a heap's id names. Raises Broken."""
        body = self.file.cursor(key)
        head = body.number(1)
        kind = head >> 4 & 3
        if head >> 6 or kind > TINY:
            raise Broken("a heap's id is of an unknown kind")
        if kind == TINY:
            size = head & 15 if self.id_size <= 17 else (head & 15) << 8 | body.number(1)
            return self.file.cursor(body.take(size + 1))
        if kind == HUGE:
            return self._huge(body)
        return self._managed(body.number(self.offset_size), body.number(self.length_size))

    def _managed(self, offset: int, size: int) -> Cursor:
        at = bisect_right(self.starts, offset) - 1
        block = self.blocks[at] if at >= 0 else Block(0, memoryview(b""))
        inner = offset - block.offset
        piece = block.data[inner : inner + size]
        if len(piece) != size or not size:
            raise Broken("a heap's id points outside its blocks")
        self.file.spent += size
        return self.file.cursor(piece)

    def _huge(self, body: Cursor) -> Cursor:
        direct = self.id_size - 1 >= self.file.width + self.file.length
        if direct:
            where, size = body.address(), body.size()
        else:
            known = self._huge_objects()
            where, size = known.get(body.number(min(self.file.length, body.left)), (None, 0))
        return self.file.block(where, size, "a heap's large object")

    def _huge_objects(self) -> dict[int, tuple[int | None, int]]:
        if self.huge is None:
            tree, self.huge = Tree(self.file, self.huge_tree), {}
            if HUGE_KINDS.get(tree.kind, True):
                raise Broken("a heap's large objects are filtered, which no known writer does")
            for record in tree.records():
                where, size = record.address(), record.size()
                self.huge[record.size()] = (where, size)
        return self.huge
