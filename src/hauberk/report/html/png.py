"""Pictures as PNG with the standard library alone (W3C PNG, 3rd edition), and what changed between two.

>>> encode(bytes([0, 255]), 2, 1, 1)[:8]
b'\\x89PNG\\r\\n\\x1a\\n'
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib

from ...core.errors import InputError

FACTORS = (100, 64, 50, 40, 32, 25, 20, 16, 12, 10, 8, 6, 5, 4, 3, 2, 1)
PALE, DOWN, UP = (246, 246, 244), (0, 84, 148), (196, 70, 0)
"""Colours of no change, darker and lighter: blue and vermilion, told apart by every kind of colour vision."""


def encode(pixels: bytes, width: int, height: int, channels: int) -> bytes:
    """The PNG of 8-bit pixels, row by row; channels: 1 grey, 3 RGB."""
    row = width * channels
    lines = b"".join(b"\0" + pixels[i : i + row] for i in range(0, row * height, row))
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2}[channels], 0, 0, 0)
    body = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines, 9)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def data_uri(png: bytes) -> str:
    """The picture inside the page."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def pixels_of(encoded: str, size: int) -> bytes:
    """The bytes of an exhibit's picture. Raises InputError when they are not base64 of `size` bytes."""
    try:
        pixels = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"picture is not base64: {error}") from error
    if len(pixels) != size:
        raise InputError(f"picture has {len(pixels)} bytes, expected {size}")
    return pixels


def factor_for(pairs: list[tuple[bytes, bytes]]) -> int:
    """The round factor by which the largest change of these pairs still fits the scale."""
    largest = max((abs(a - b) for one, two in pairs for a, b in zip(one, two, strict=True)), default=0)
    return next(f for f in FACTORS if f * largest <= 127 or f == 1) if largest else 1


def difference(one: bytes, two: bytes, factor: int, channels: int) -> bytes:
    """RGB pixels of (two - one) * factor: grey pictures pale where nothing changed, blue darker, vermilion
    lighter; colour pictures around mid-grey, channel by channel."""
    if channels == 3:
        return bytes(min(255, max(0, 128 + (b - a) * factor)) for a, b in zip(one, two, strict=True))
    table = [_shade((d - 255) * factor / 127) for d in range(511)]
    return b"".join(table[b - a + 255] for a, b in zip(one, two, strict=True))


def _shade(change: float) -> bytes:
    share, end = min(1.0, abs(change)), UP if change > 0 else DOWN
    return bytes(round(p + (e - p) * share) for p, e in zip(PALE, end, strict=True))
