"""Protocol buffers, written by hand: `field(7, b"…")` is a field of bytes, `field(1, 9)` a number."""

from __future__ import annotations


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while True:
        out.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def field(number: int, content: bytes | str | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    raw = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def fields(*pairs: tuple[int, bytes | str | int]) -> bytes:
    return b"".join(field(number, content) for number, content in pairs)
