"""PNG: every chunk with its checksum, the pixels to the end of their stream, and nothing behind.

Source: the W3C's PNG specification, third edition.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from .behind import behind, metadata
from .opcodes import Broken

MAGIC = b"\x89PNG\r\n\x1a\n"
KNOWN = frozenset((
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI",
    b"bKGD", b"hIST", b"pHYs", b"sPLT", b"eXIf", b"tIME", b"tEXt", b"zTXt", b"iTXt", b"acTL", b"fcTL", b"fdAT", b"oFFs",
    b"pCAL", b"sCAL", b"sTER", b"vpAg", b"caNv", b"iDOT", b"orNT", b"caBX",
))  # fmt: skip
"""The registered chunks, and those that ImageMagick, Apple and C2PA write."""
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Adam7: first column and row, and the steps between them."""
MAX_PIXELS = 1 << 30
PIECE = 1 << 20


def sniff(data: memoryview) -> bool:
    """Whether this begins as PNG."""
    return bytes(data[:8]) == MAGIC


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk the chunks to the end. Raises Broken."""
    expected, pixels, end = 0, Pixels(), 8
    for kind, body, after in chunks(data):
        end = after
        if kind == b"IHDR":
            expected = raw_size(body)
        elif kind == b"IDAT":
            pixels.feed(body, expected)
        elif kind == b"IEND":
            break
        else:
            _other(walk, kind, body, path)
    else:
        raise Broken("the picture has no end", len(data))
    if pixels.size != expected or pixels.rest or not pixels.done:
        message = f"its pixels unpack to {pixels.size} bytes, its size asks for {expected}"
        message = "bytes stand behind its packed pixels" if pixels.rest else message
        remedy = "do not pass this file on; save the picture again"
        walk.flaw("artifact.media.pixels", Severity.MEDIUM, Place(path), message, remedy, ("CWE-912",))
    behind(walk, data, end, path, "picture")


def chunks(data: memoryview) -> Iterator[tuple[bytes, memoryview, int]]:
    """(type, content, position behind it) of every chunk. Raises Broken."""
    pos = 8
    while pos < len(data):
        size, kind = int.from_bytes(data[pos : pos + 4], "big"), bytes(data[pos + 4 : pos + 8])
        end = pos + 12 + size
        if end > len(data):
            raise Broken(f"chunk {kind!r} says {size} bytes, {len(data) - pos} are left", pos)
        body = data[pos + 8 : end - 4]
        if zlib.crc32(data[pos + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise Broken(f"chunk {kind!r} does not fit its checksum", pos)
        yield kind, body, end
        pos = end


class Pixels:
    """Unpacks pixels only to count them."""

    def __init__(self) -> None:
        self.size, self.rest, self._stream = 0, False, zlib.decompressobj()

    @property
    def done(self) -> bool:
        """Whether the packed stream ended."""
        return self._stream.eof

    def feed(self, body: memoryview, expected: int) -> None:
        """More packed bytes. Raises Broken for more pixels than expected."""
        if self._stream.eof:
            self.rest = self.rest or len(body) > 0
            return
        piece: bytes | memoryview = body
        while len(piece) and not self._stream.eof:
            try:
                self.size += len(self._stream.decompress(piece, PIECE))
            except zlib.error as error:
                raise Broken(f"its pixels do not unpack: {error}") from error
            if self.size > expected:
                raise Broken(f"its pixels unpack to more than the {expected} bytes of its size")
            piece = self._stream.unconsumed_tail
        self.rest = len(self._stream.unused_data) > 0


def raw_size(header: memoryview) -> int:
    """Bytes of the unpacked rows, each behind its filter. Raises Broken."""
    if len(header) != 13:
        raise Broken("the header is not of 13 bytes", 8)
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    depth, colour, interlaced = header[8], header[9], header[12]
    if colour not in CHANNELS or depth not in (1, 2, 4, 8, 16) or interlaced > 1 or width * height > MAX_PIXELS:
        raise Broken("the header names no picture of a usual kind", 8)
    bits = depth * CHANNELS[colour]
    if not interlaced:
        return height * ((width * bits + 7) // 8 + 1)
    total = 0
    for left, top, step_x, step_y in PASSES:
        columns, rows = -(-(width - left) // step_x), -(-(height - top) // step_y)
        total += rows * ((columns * bits + 7) // 8 + 1) if columns > 0 and rows > 0 else 0
    return total


def _other(walk: Walk, kind: bytes, body: memoryview, path: str) -> None:
    name = printable(kind.decode("latin-1"))
    metadata(walk, body, path, f"chunk {name}")
    if kind in (b"zTXt", b"iTXt", b"iCCP") and (at := bytes(body[:200]).find(b"\x78")) >= 0:
        stream = zlib.decompressobj()
        with suppress(zlib.error):  # no packed text after all
            metadata(walk, memoryview(stream.decompress(body[at:], PIECE)), path, f"chunk {name}")
    if kind not in KNOWN:
        message = f"the chunk {name!r} of {len(body)} bytes is none that PNG knows"
        remedy = "do not pass this file on; save the picture again"
        walk.flaw("artifact.media.chunk", Severity.MEDIUM, Place(path, f"chunk {name}"), message, remedy, ("CWE-912",))
