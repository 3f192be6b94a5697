"""A small writer of HDF5, for samples that h5py would not write: every block by hand, every checksum right."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from hauberk.artifact.formats.hdf5_file import MAGIC, checksum

SMALLEST_HEAP = 4096
"""Bytes of a global heap; the library refuses smaller ones."""
UNDEFINED = b"\xff" * 8
SPACE, LINK_INFO, TYPE, FILL, LINK, EXTERNAL, LAYOUT = 1, 2, 3, 5, 6, 7, 8
GROUP_INFO, FILTERS, ATTRIBUTE, CONTINUATION, SYMBOLS, DRIVER, CACHE_IMAGE = 10, 11, 12, 16, 17, 0x14, 0x18
SCALAR = bytes((2, 0, 0, 0))
FLOAT = bytes((0x11, 0x20, 0x1F, 0)) + struct.pack("<I", 4) + struct.pack("<HHBBBBI", 0, 32, 23, 8, 0, 23, 127)
BYTE = bytes((0x10, 0, 0, 0)) + struct.pack("<IHH", 1, 0, 8)
EMPTY_GROUP = bytes((0, 0)) + UNDEFINED * 2


def summed(body: bytes) -> bytes:
    """A block with its checksum behind it."""
    return body + struct.pack("<I", checksum(memoryview(body)))


def shape(*dims: int) -> bytes:
    """A dataspace message."""
    return bytes((2, len(dims), 0, 1)) + struct.pack(f"<{len(dims)}Q", *dims)


def string(size: int) -> bytes:
    """A type message: text of a fixed length."""
    return bytes((0x13, 0, 0, 0)) + struct.pack("<I", size)


def opaque(size: int) -> bytes:
    """A type message: bytes that nobody explains."""
    return bytes((0x15, 0, 0, 0)) + struct.pack("<I", size)


def message(kind: int, body: bytes, flags: int = 0) -> bytes:
    """A message of a header of version 2."""
    return struct.pack("<BHB", kind, len(body), flags) + body


def header(*messages: bytes) -> bytes:
    """An object header of version 2."""
    body = b"".join(messages)
    return summed(b"OHDR" + bytes((2, 2)) + struct.pack("<I", len(body)) + body)


def attribute(name: str, kind: bytes, space: bytes, content: bytes) -> bytes:
    """An attribute message of version 3."""
    label = name.encode() + b"\0"
    sizes = struct.pack("<HHH", len(label), len(kind), len(space))
    return message(ATTRIBUTE, b"\3\0" + sizes + b"\0" + label + kind + space + content)


def text(name: str, value: bytes) -> bytes:
    """An attribute that is one text of fixed length."""
    return attribute(name, string(len(value)), SCALAR, value)


def hard(name: str, address: int) -> bytes:
    """A link to an object."""
    return message(LINK, bytes((1, 0, len(name))) + name.encode() + struct.pack("<Q", address))


def linked(name: str, kind: int, value: bytes) -> bytes:
    """A link of another kind: 1 soft, 64 external, more of the user's."""
    return message(LINK, bytes((1, 8, kind, len(name))) + name.encode() + struct.pack("<H", len(value)) + value)


def contiguous(address: int, size: int) -> bytes:
    """A layout message: the bytes in one piece."""
    return message(LAYOUT, b"\3\1" + struct.pack("<QQ", address, size))


def compact(content: bytes) -> bytes:
    """A layout message: the bytes in the message itself."""
    return message(LAYOUT, b"\3\0" + struct.pack("<H", len(content)) + content)


class Maker:
    """An HDF5 file that grows: blocks are put down one behind the other, the root last."""

    def __init__(self, user_block: bytes = b"") -> None:
        self.user_block = user_block
        self.blocks = bytearray(48)

    def put(self, block: bytes) -> int:
        """Put a block down; its address."""
        at = len(self.blocks)
        self.blocks += block
        return at

    def group(self, *messages: bytes) -> int:
        """A group of these links and attributes."""
        return self.put(header(message(LINK_INFO, EMPTY_GROUP), message(GROUP_INFO, b"\0\0"), *messages))

    def data(self, content: bytes, kind: bytes = FLOAT, *dims: int, more: Sequence[bytes] = ()) -> int:
        """A data set whose bytes lie in one piece."""
        at = self.put(content)
        return self.data_set(contiguous(at, len(content)), kind, shape(*dims) if dims else SCALAR, *more)

    def data_set(self, layout: bytes, kind: bytes = FLOAT, space: bytes = SCALAR, *more: bytes) -> int:
        """A data set of any layout."""
        return self.put(header(message(SPACE, space), message(TYPE, kind), layout, *more))

    def local_heap(self, names: bytes) -> int:
        """A local heap of these names."""
        at = self.put(names.ljust(-(-len(names) // 8) * 8, b"\0"))
        size = -(-len(names) // 8) * 8
        return self.put(b"HEAP\0\0\0\0" + struct.pack("<QQQ", size, 1, at))

    def global_heap(self, *items: bytes) -> int:
        """A collection of items, numbered from one."""
        body = b""
        for index, item in enumerate(items, 1):
            padded = item.ljust(-(-len(item) // 8) * 8, b"\0")
            body += struct.pack("<HHIQ", index, 1, 0, len(item)) + padded
        free = max(SMALLEST_HEAP - 16 - len(body), 16)
        body += struct.pack("<HHIQ", 0, 0, 0, free) + bytes(free - 16)
        return self.put(b"GCOL\1\0\0\0" + struct.pack("<Q", 16 + len(body)) + body)

    def done(self, root: int, extension: int | None = None, behind: bytes = b"") -> bytes:
        """The file's bytes."""
        base, end = len(self.user_block), len(self.user_block) + len(self.blocks)
        extended = UNDEFINED if extension is None else struct.pack("<Q", extension)
        head = MAGIC + bytes((2, 8, 8, 0)) + struct.pack("<Q", base) + extended + struct.pack("<QQ", end, root)
        self.blocks[:48] = summed(head)
        return self.user_block + bytes(self.blocks) + behind
