"""HDF5's B-trees: version 1 finds old groups' members and chunks, version 2 links, attributes, chunks and huge objects.

Layout: HDF5 File Format Specification 3.0, III.A. A node is read once at most, and levels only go down.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .hdf5_file import Cursor, File, checksum
from .opcodes import Broken

OVERHEAD = 10
"""Signature, version, type and checksum of a node of version 2."""


class Branch(NamedTuple):
    """A child of a node of version 1: the key before it, and its address."""

    key: Cursor
    child: int


def old_tree(file: File, address: int | None, kind: int, key_size: int, fanout: int) -> Iterator[Branch]:
    """The children of every leaf of a tree of version 1. kind: 0 groups, 1 chunks. Raises Broken."""
    todo: list[tuple[int | None, int | None]] = [(address, None)]
    size = 8 + 2 * file.width + 2 * fanout * (key_size + file.width) + key_size
    while todo:
        where, above = todo.pop()
        node = file.block(where, size, "a B-tree node")
        if bytes(node.take(4)) != b"TREE" or node.number(1) != kind:
            raise Broken("a B-tree node is of another kind", node.at)
        level, used = node.number(1), node.number(2)
        node.take(2 * file.width)
        if used > 2 * fanout or above not in (None, level + 1):
            raise Broken("a B-tree node does not fit its tree", node.at)
        for _ in range(used):
            key, child = file.cursor(node.take(key_size), node.at), node.address()
            if level:
                todo.append((child, level))
            elif child is None:
                raise Broken("a B-tree points nowhere", node.at)
            else:
                yield Branch(key, child)


def enough(largest: int) -> int:
    """Bytes that HDF5 takes to write numbers up to `largest`."""
    return (max(largest, 1).bit_length() + 7) // 8


class Level(NamedTuple):
    """Nodes so many levels above the leaves: records in one, records below one, bytes that count the latter."""

    most: int
    total: int
    width: int


class Tree:
    """A B-tree of version 2. kind: of its records, as the specification numbers them. Raises Broken."""

    def __init__(self, file: File, address: int | None) -> None:
        self.file = file
        head = file.checked(address, 22 + file.width + file.length, "a B-tree header")
        head.expect(b"BTHD", 0)
        self.kind, self.node, self.record, self.depth = (head.number(n) for n in (1, 4, 2, 2))
        head.take(2)
        self.root, self.held, self.total = head.address(), head.number(2), head.size()
        if self.record < 1 or self.node < OVERHEAD + self.record or self.depth > 32:
            raise Broken("a B-tree's nodes hold no records", head.at)
        self.levels = self._levels()

    def _levels(self) -> list[Level]:
        most = (self.node - OVERHEAD) // self.record
        self.counter = enough(most)
        levels = [Level(most, most, 0)]
        for _ in range(self.depth):
            below = levels[-1]
            pointer = self.file.width + self.counter + below.width
            most = (self.node - OVERHEAD - pointer) // (self.record + pointer)
            if most < 1:
                raise Broken("a B-tree's nodes hold no children")
            total = (most + 1) * below.total + most
            levels.append(Level(most, total, enough(total)))
        return levels

    def records(self) -> Iterator[Cursor]:
        """Every record. Raises Broken."""
        seen = 0
        todo: list[tuple[int | None, int, int]] = []
        if self.root is not None:
            todo.append((self.root, self.held, self.depth))
        while todo:
            where, held, depth = todo.pop()
            node = self.file.block(where, self.node, "a B-tree node")
            if held > self.levels[depth].most:
                raise Broken("a B-tree node holds more records than fit", node.at)
            node.expect(b"BTIN" if depth else b"BTLF", 0)
            if node.number(1) != self.kind:
                raise Broken("a B-tree node is of another kind", node.at)
            for _ in range(held):
                yield self.file.cursor(node.take(self.record), node.at)
            seen += held
            for _ in range(held + 1 if depth else 0):
                child, below = node.address(), node.number(self.counter)
                node.take(self.levels[depth - 1].width)
                todo.append((child, below, depth - 1))
            self._verify(node)
        if seen != self.total:
            raise Broken(f"a B-tree has {seen} records and claims {self.total}")

    def _verify(self, node: Cursor) -> None:
        used = node.data[: node.pos]
        if node.number(4) != checksum(used):
            raise Broken("a B-tree node does not match its checksum", node.at)
