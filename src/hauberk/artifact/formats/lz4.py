"""LZ4 frames, as joblib writes them, and the older form: unpacked block by block, in plain Python.

Source: the LZ4 project's `lz4_Frame_format.md` and `lz4_Block_format.md` (version 1.6.4). The checksum of a frame's
header is held; those of blocks and content are passed over, for nobody's reading depends on them.
"""

from __future__ import annotations

from collections.abc import Iterator

from .opcodes import Broken

FRAME, LEGACY = b"\x04\x22\x4d\x18", b"\x02\x21\x4c\x18"
WINDOW = 1 << 16
LEGACY_BLOCK = 8 << 20
MINIMUM = 4
_P1, _P2, _P3, _P4, _P5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393
_MASK = 0xFFFFFFFF


def pieces(data: memoryview) -> Iterator[tuple[int, bytes]]:
    """(bytes taken so far, content) for each block of the frame that `data` begins with. Raises Broken."""
    if bytes(data[:4]) == LEGACY:
        yield from _legacy(data)
        return
    flags, largest, pos = _header(data)
    history = bytearray()
    while True:
        size, pos = _u32(data, pos), pos + 4
        if size == 0:
            break
        raw, size = bool(size >> 31), size & 0x7FFFFFFF
        block = data[pos : pos + size]
        if size > largest or len(block) < size:
            raise Broken("a block is cut, or larger than its frame allows", pos)
        pos += size + (4 if flags & 0x10 else 0)
        if flags & 0x20:
            history.clear()
        elif len(history) > 4 * WINDOW:
            del history[:-WINDOW]
        yield pos, _plain(block, history) if raw else unblock(block, largest, history)
    pos += 4 if flags & 0x4 else 0
    if pos > len(data):
        raise Broken("the frame is cut", len(data))
    yield pos, b""


def _header(data: memoryview) -> tuple[int, int, int]:
    """(flags, largest block, place of the first one). Raises Broken."""
    if len(data) < 7:
        raise Broken("the frame is cut", len(data))
    flags, block = data[4], data[5]
    if flags >> 6 != 1 or flags & 0x2 or block & 0x8F or block >> 4 < 4:
        raise Broken("the frame is of another version", 4)
    if flags & 0x1:
        raise Broken("the frame needs a dictionary that is not in it", 4)
    end = 6 + (8 if flags & 0x8 else 0)
    if end >= len(data) or data[end] != xxh32(bytes(data[4:end])) >> 8 & 0xFF:
        raise Broken("the header of the frame does not match its checksum", end)
    return flags, 1 << 8 + 2 * (block >> 4), end + 1


def _legacy(data: memoryview) -> Iterator[tuple[int, bytes]]:
    """Blocks of 8 MiB until the data ends, or another frame begins."""
    pos = 4
    while pos < len(data):
        if bytes(data[pos : pos + 4]) in (LEGACY, FRAME):
            break
        size, pos = _u32(data, pos), pos + 4
        block = data[pos : pos + size]
        if len(block) < size or not size:
            raise Broken("a block is cut", pos)
        pos += size
        yield pos, unblock(block, LEGACY_BLOCK, bytearray())
    yield pos, b""


def _plain(block: memoryview, history: bytearray) -> bytes:
    history += block
    return bytes(block)


def unblock(block: memoryview, largest: int, out: bytearray) -> bytes:
    """One block: runs of literals, each followed by a copy of what was seen. Appended to `out`, which holds the last.

    Raises Broken beyond `largest` bytes.
    """
    data, pos, base = bytes(block), 0, len(out)
    largest += base
    try:
        while pos < len(data):
            token = data[pos]
            count, pos = _length(data, pos + 1, token >> 4)
            if pos + count > len(data) or len(out) + count > largest:
                raise Broken("a block says more than it holds", pos)
            out += data[pos : pos + count]
            pos += count
            if pos == len(data):
                break
            distance = data[pos] | data[pos + 1] << 8
            count, pos = _length(data, pos + 2, token & 0xF)
            _copy(out, distance, count + MINIMUM, largest)
    except IndexError as error:
        raise Broken("a block is cut", pos) from error
    return bytes(out[base:])


def _length(data: bytes, pos: int, count: int) -> tuple[int, int]:
    if count == 15:
        while (more := data[pos]) == 255:
            count, pos = count + 255, pos + 1
        return count + more, pos + 1
    return count, pos


def _copy(out: bytearray, distance: int, count: int, largest: int) -> None:
    if not 0 < distance <= len(out) or len(out) + count > largest:
        raise Broken("a block refers to what is not there")
    start = len(out) - distance
    if distance >= count:
        out += out[start : start + count]
    else:
        run = bytes(out[start:])
        out += (run * (count // distance + 1))[:count]


def _u32(data: memoryview, pos: int) -> int:
    if pos + 4 > len(data):
        raise Broken("the frame is cut", pos)
    return int.from_bytes(data[pos : pos + 4], "little")


def xxh32(data: bytes) -> int:
    """xxHash of 32 bits, seed 0, for less than 16 bytes: all that a frame's header needs.

    >>> hex(xxh32(b"")), hex(xxh32(b"abc"))
    ('0x2cc5d05', '0x32d153ff')
    """
    state = _P5 + len(data)
    words = len(data) // 4
    for at in range(0, words * 4, 4):
        state = state + int.from_bytes(data[at : at + 4], "little") * _P3 & _MASK
        state = (state << 17 | state >> 15) * _P4 & _MASK
    for byte in data[words * 4 :]:
        state = state + byte * _P5 & _MASK
        state = (state << 11 | state >> 21) * _P1 & _MASK
    state = (state ^ state >> 15) * _P2 & _MASK
    state = (state ^ state >> 13) * _P3 & _MASK
    return state ^ state >> 16
