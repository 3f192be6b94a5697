"""What is in an HDF5 group: links, in the old way (symbol table) or the new (messages, or a heap with an index).

Layout: HDF5 File Format Specification 3.0, III.B, III.C and IV.A.2.c, .g, .r.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .hdf5_file import Cursor, File
from .hdf5_header import LINK, LINK_INFO, SYMBOLS, Message
from .hdf5_heap import FractalHeap, local_heap, name_at
from .hdf5_tree import Tree, old_tree
from .opcodes import Broken

HARD, SOFT, EXTERNAL = 0, 1, 64
BY_NAME, BY_ORDER = (5, 4), (6, 8)
"""Kind of a B-tree of links, and the bytes before the heap's id in its records."""
NO_CACHE, CACHED_GROUP, CACHED_SOFT = 0, 1, 2


@dataclass(frozen=True)
class Link:
    """A name in a group. target: of a hard link. value: path of a soft link; file and path of an external one."""

    name: str
    kind: int
    target: int | None = None
    value: tuple[str, ...] = ()


def links(file: File, found: list[Message]) -> Iterator[Link]:
    """Every link of the group with these messages. Raises Broken."""
    for message in found:
        if message.kind == LINK:
            yield read_link(message.body)
        elif message.kind == SYMBOLS:
            yield from _old(file, message.body)
        elif message.kind == LINK_INFO:
            yield from _dense(file, message.body)


def _old(file: File, body: Cursor) -> Iterator[Link]:
    tree, heap_at = body.address(), body.address()
    heap = local_heap(file, heap_at)
    size = 8 + 2 * file.super.group_leaf * (2 * file.width + 24)
    for branch in old_tree(file, tree, 0, file.length, file.super.group_node):
        node = file.block(branch.child, size, "a symbol table")
        node.expect(b"SNOD", 1)
        node.take(1)
        for _ in range(node.number(2)):
            yield _entry(node, heap)


def _entry(node: Cursor, heap: Cursor) -> Link:
    name, target, cache = node.number(node.width), node.address(), node.number(4)
    node.take(4)
    scratch = node.take(16)
    text = name_at(heap, name)
    if cache == CACHED_SOFT:
        return Link(text, SOFT, value=(name_at(heap, int.from_bytes(scratch[:4], "little")),))
    if cache not in (NO_CACHE, CACHED_GROUP):
        raise Broken(f"a symbol table's entry is of kind {cache}", node.at)
    return Link(text, HARD, target)


def _dense(file: File, body: Cursor) -> Iterator[Link]:
    body.expect(b"", 0)
    flags = body.number(1)
    body.take(8 * (flags & 1))
    heap_at, by_name = body.address(), body.address()
    by_order = body.address() if flags & 2 else None
    if heap_at is None:
        return
    heap = FractalHeap(file, heap_at)
    keys = set(indexed(file, by_name, BY_NAME)) | set(indexed(file, by_order, BY_ORDER))
    for key in keys:
        yield read_link(heap.get(memoryview(key)))


def indexed(file: File, address: int | None, kind: tuple[int, int], size: int = 7) -> Iterator[bytes]:
    """The heap's ids in an index; a heap may have two, and a reader uses either. Raises Broken."""
    if address is None:
        return
    tree = Tree(file, address)
    if tree.kind != kind[0]:
        raise Broken(f"an index is of kind {tree.kind}, expected {kind[0]}")
    for record in tree.records():
        record.take(kind[1])
        yield bytes(record.take(size))


def read_link(body: Cursor) -> Link:
    """A link message. Raises Broken."""
    body.expect(b"", 1)
    flags = body.number(1)
    kind = body.number(1) if flags & 8 else HARD
    body.take(8 * bool(flags & 4) + bool(flags & 16))
    name = str(body.take(body.number(1 << (flags & 3))), "utf-8", "surrogateescape")
    if kind == HARD:
        return Link(name, HARD, body.address())
    value = body.take(body.number(2))
    if kind == SOFT:
        return Link(name, SOFT, value=(str(value, "utf-8", "surrogateescape"),))
    if kind != EXTERNAL:
        return Link(name, kind)
    inner = body.data[body.pos - len(value) : body.pos]
    parts = Cursor(inner, body.width, body.length, body.at)
    parts.take(1)
    return Link(name, EXTERNAL, value=(parts.text(), parts.text()))
