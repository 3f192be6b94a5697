"""HDF5 object headers: the messages that describe a group, a data set or a type, over all their continuation blocks.

Layout: HDF5 File Format Specification 3.0, IV.A.1 (both versions) and IV.A.2 (the messages).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .hdf5_file import Cursor, File
from .opcodes import Broken

NIL, SPACE, LINK_INFO, TYPE, FILL_OLD, FILL, LINK, EXTERNAL, LAYOUT = range(9)
GROUP_INFO, FILTERS, ATTRIBUTE, COMMENT, TIME_OLD, SHARED_TABLE, CONTINUATION = range(0x0A, 0x11)
SYMBOLS, TIME, TREE_K, DRIVER, ATTRIBUTE_INFO, REFERENCES, SPACE_INFO, CACHE_IMAGE = range(0x11, 0x19)
KNOWN = frozenset(range(0x19)) - {9}
"""Message types of the specification; 9 stands for nothing but a test of the library's own."""
SMALL = KNOWN - {NIL, TYPE, FILL_OLD, FILL, LINK, LAYOUT, FILTERS, ATTRIBUTE, COMMENT, SHARED_TABLE, CACHE_IMAGE}
MAX_SMALL = 1024
"""Messages of a few numbers: a shape of 32 dimensions and their limits is the longest."""
WHAT = "an object header"
SHARED = 2
"""The flag of a message whose body says only where the real one is."""


class Message(NamedTuple):
    """One message: its type, its flags, its body."""

    kind: int
    flags: int
    body: Cursor


class Header:
    """Reads the object header at an address. Raises Broken."""

    def __init__(self, file: File, address: int) -> None:
        self.file, self.todo = file, [(address, 0)]
        self.ordered = False
        self.new = bytes(file.peek(address, 4).data) == b"OHDR"

    def messages(self) -> Iterator[Message]:
        """Every message, without those that hold nothing or continue the header elsewhere. Raises Broken."""
        first = True
        while self.todo:
            address, size = self.todo.pop()
            if first:
                body = self._new_first(address) if self.new else self._old_first(address)
            elif self.new:
                body = self.file.checked(address, size, WHAT)
                if bytes(body.take(4)) != b"OCHK":
                    raise Broken("a header's continuation has no mark", body.at)
            else:
                body = self.file.block(address, size, WHAT)
            first = False
            yield from self._parts(body)

    def _parts(self, body: Cursor) -> Iterator[Message]:
        prefix = 4 + 2 * self.ordered if self.new else 8
        while body.left >= prefix:
            kind = body.number(1 if self.new else 2)
            size, flags = body.number(2), body.number(1)
            body.take(prefix - 4 if self.new else 3)
            at = body.at + body.pos
            message = Message(kind, flags, self.file.cursor(body.take(size), at))
            if kind in SMALL and size > MAX_SMALL:
                raise Broken(f"a message of type {kind} has {size} bytes", at)
            if kind == NIL:
                content = bytes(message.body.data)
                self.file.stray += size - content.count(0)
            if kind == CONTINUATION:
                self._continued(message.body)
            elif kind != NIL:
                yield message

    def _continued(self, body: Cursor) -> None:
        where, size = body.address(), body.size()
        if where is None or size < 8:
            raise Broken("a header continues nowhere", body.at)
        self.todo.append((where, size))

    def _old_first(self, address: int) -> Cursor:
        head = self.file.peek(address, 16)
        head.expect(b"", 1)
        head.take(7)
        body = self.file.block(address, 16 + head.number(4), WHAT)
        body.take(16)
        return body

    def _new_first(self, address: int) -> Cursor:
        head = self.file.peek(address, 64)
        head.expect(b"OHDR", 2)
        flags = head.number(1)
        self.ordered = bool(flags & 4)
        head.take(16 * bool(flags & 32) + 4 * bool(flags & 16))
        size = head.number(1 << (flags & 3))
        body = self.file.checked(address, head.pos + size + 4, WHAT)
        body.take(head.pos)
        return body
