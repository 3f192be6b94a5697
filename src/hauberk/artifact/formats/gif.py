"""GIF: block after block to the trailer, and nothing behind. Source: CompuServe's GIF89a specification."""

from __future__ import annotations

from ..walk import Walk
from .behind import behind, metadata
from .opcodes import Broken

IMAGE, EXTENSION, TRAILER, COMMENT, APPLICATION = 0x2C, 0x21, 0x3B, 0xFE, 0xFF


def sniff(data: memoryview) -> bool:
    """Whether this begins as GIF."""
    return bytes(data[:6]) in (b"GIF87a", b"GIF89a")


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk the blocks. Raises Broken."""
    pos = 13 + _table(data, 10)
    while True:
        if pos >= len(data):
            raise Broken("the picture has no end", pos)
        kind = data[pos]
        if kind == TRAILER:
            break
        if kind == IMAGE:
            pos = _blocks(data, pos + 10 + _table(data, pos + 9) + 1)
        elif kind == EXTENSION:
            end = _blocks(data, pos + 2)
            if bytes(data[pos + 1 : pos + 2]) in (b"\xfe", b"\xff"):
                metadata(walk, data[pos + 2 : end], path, f"block at byte {pos}")
            pos = end
        else:
            raise Broken(f"{kind:#x} begins no block", pos)
    behind(walk, data, pos + 1, path, "picture")


def _table(data: memoryview, at: int) -> int:
    """Bytes of the colour table that a byte of flags announces."""
    if at >= len(data):
        raise Broken("the picture is cut", at)
    return 3 << ((data[at] & 7) + 1) if data[at] & 0x80 else 0


def _blocks(data: memoryview, pos: int) -> int:
    """The position behind a row of sub-blocks and the empty one that ends it."""
    while pos < len(data):
        size = data[pos]
        pos += 1 + size
        if not size:
            return pos
    raise Broken("the picture is cut", pos)
