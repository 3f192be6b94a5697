"""JPEG: marker after marker to the end of the picture, its comments looked through, and nothing behind.

Source: ITU-T T.81, annex B.
"""

from __future__ import annotations

import re

from ..walk import Walk
from .behind import behind, metadata
from .opcodes import Broken

MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
"""In packed pixels, FF stands before 00 or a restart; anything else is the next marker."""
ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
START, SCAN, END = 0xD8, 0xDA, 0xD9


def sniff(data: memoryview) -> bool:
    """Whether this begins as JPEG."""
    return bytes(data[:3]) == b"\xff\xd8\xff"


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk the markers. Raises Broken. A second picture behind the first, as cameras write it, is walked as well."""
    end = picture(walk, data, 0, path)
    while bytes(data[end : end + 3]) == b"\xff\xd8\xff":
        end = picture(walk, data, end, path)
    behind(walk, data, end, path, "picture")


def picture(walk: Walk, data: memoryview, pos: int, path: str) -> int:
    """The position behind the end of the picture that begins at pos."""
    pos += 2
    while True:
        if pos + 2 > len(data) or data[pos] != 0xFF:
            raise Broken("a marker is missing", pos)
        code = data[pos + 1]
        if code == 0xFF:
            pos += 1
        elif code == END:
            return pos + 2
        elif code in ALONE:
            pos += 2
        else:
            pos = _segment(walk, data, pos, code, path)


def _segment(walk: Walk, data: memoryview, pos: int, code: int, path: str) -> int:
    size = int.from_bytes(data[pos + 2 : pos + 4], "big")
    end = pos + 2 + size
    if size < 2 or end > len(data):
        raise Broken(f"a segment says {size} bytes", pos)
    if code >= 0xE0:
        metadata(walk, data[pos + 4 : end], path, f"segment at byte {pos}")
    if code == SCAN:
        match = MARKER.search(data, end)
        if match is None:
            raise Broken("the picture has no end", len(data))
        return match.end() - 2
    return end
