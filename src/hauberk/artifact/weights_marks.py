"""Beginnings of files in the low bits of weights, at every depth and in both orders of bits.

A beginning counts when chance does not make it: at least six bytes of it, or four that decompress or parse from there.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..core.errors import need

DEPTHS = (1, 2, 3, 4, 5, 6, 7, 8)
WIDE = (16, 24)
"""Whole low bytes of a float32, replaced (EvilModel, arXiv:2107.08590)."""
LONG: dict[bytes, str] = {
    b"\x7fELF\x02\x01\x01": "an ELF program", b"\x7fELF\x01\x01\x01": "an ELF program",
    b"This program cannot be run in DOS": "a Windows program", b"\xcf\xfa\xed\xfe\x07\x00\x00\x01": "a macOS program",
    b"\xcf\xfa\xed\xfe\x0c\x00\x00\x01": "a macOS program", b"\x89PNG\r\n\x1a\n": "a PNG picture",
    b"\xfd7zXZ\x00": "an XZ archive", b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive", b"Rar!\x1a\x07": "a RAR archive",
    b"%PDF-1.": "a PDF", b"1AY&SY": "a bzip2 stream", b"GIF89a": "a GIF picture", b"SQLite format 3": "a database",
    b"-----BEGIN ": "a key or certificate",
    b"Salted__": "an OpenSSL cipher text", b"\x00asm\x01\x00\x00\x00": "WebAssembly code",
    b"\x00\x10JFIF\x00": "a JPEG picture", b"age-encryption.org": "an age cipher text",
}  # fmt: skip
SHORT = re.compile(
    rb"PK\x03\x04[\x0a\x14\x2d\x33]\x00[\x00-\x0f][\x00\x08][\x00\x08\x0c\x0e\x5d]\x00"
    rb"|\x80[\x02-\x05]\x95.{4}\x00{4}|\x80[\x02-\x05][c}\]][\x20-\x7e\x94q(]{6}|#![ ]?/(?:usr/)?bin/",
    re.DOTALL,
)
"""A zip member, a framed or plain pickle, a script: the fields behind their marks have few values."""
COMPRESSED = re.compile(rb"\x1f\x8b\x08[\x00-\x1f].{4}[\x00\x02\x04][\x00-\x0d\xff]|\x78[\x01\x5e\x9c\xda]", re.DOTALL)
PROVED = 64
"""Bytes that a compressed stream must give before it counts."""
TEXT_RUN, LETTERS, BELOW = 48, 10, 0.04
"""Characters in a row, of how many kinds, and the least share of them that are spaces, digits or points.

The chance of a run in noise is 0.38 ** 48. Honest weights whose low bits cluster make runs of letters, but few others.
"""
NEAR = 64
"""Bytes from the start in which a compressed stream may begin."""


@dataclass(frozen=True)
class Beginning:
    """What was met, and at what depth."""

    depth: int
    what: str


def beginning(words: Any, mantissa: int, *, texts: bool = True) -> Beginning | None:
    """The first known beginning or text in the low bits. words: (n,) uint32 or uint16. texts: whether text counts."""
    for depth, stream in streams(words, mantissa):
        if what := known(stream, texts=texts):
            return Beginning(depth, what)
    return None


def streams(words: Any, mantissa: int) -> Iterator[tuple[int, bytes]]:
    """(depth, bytes) of every way in which bytes may lie in low bits: high bit first, low bit first, and by bytes."""
    np = need("numpy", extra="audit")
    low = (words & 0xFF).astype(np.uint8)
    for depth in DEPTHS:
        if depth > mantissa:
            break
        bits = np.unpackbits(low[:, None], axis=1)[:, 8 - depth :]
        yield depth, np.packbits(bits.ravel()).tobytes()
        yield depth, np.packbits(bits[:, ::-1].ravel(), bitorder="little").tobytes()
        if depth in (1, 2, 4):
            yield depth, np.packbits(bits.ravel(), bitorder="little").tobytes()
        if depth in (2, 4):
            yield depth, np.packbits(bits[:, ::-1].ravel()).tobytes()
    if words.dtype.itemsize == 4 and mantissa >= 23:
        raw = words.astype("<u4").view(np.uint8).reshape(-1, 4)
        for depth in WIDE:
            yield depth, raw[:, : depth // 8].tobytes()
            yield depth, raw[:, depth // 8 - 1 :: -1].tobytes()


def known(stream: bytes, *, texts: bool = True) -> str:
    """What these bytes begin with or hold that chance does not make; '' for nothing."""
    for mark, what in LONG.items():
        if mark in stream:
            return what
    if SHORT.search(stream):
        return "a zip archive, a pickle or a script"
    if any(_opens(stream, m.start()) for m in COMPRESSED.finditer(stream, 0, NEAR)):
        return "a compressed stream"
    return "text" if texts and _text(stream) else ""


def _opens(stream: bytes, at: int) -> bool:
    """Whether a deflate stream with a header stands there: it gives bytes, with no error on the way."""
    unpacker = zlib.decompressobj(wbits=47)
    try:
        return len(unpacker.decompress(stream[at : at + 4096], 4 * PROVED)) >= PROVED
    except zlib.error:
        return False


_PRINTABLE = re.compile(rb"[\x20-\x7e\t\r\n]{%d,}" % TEXT_RUN)


def _text(stream: bytes) -> bool:
    return any(_written(m.group()) for m in _PRINTABLE.finditer(stream))


def _written(run: bytes) -> bool:
    """Many characters, and no counter: neighbours of a table differ by one and the same step."""
    steps = {(b - a) & 0xFF for a, b in itertools.pairwise(run)}
    below = sum(c < 0x40 for c in run) / len(run)
    return len(set(run)) >= LETTERS and len(steps) >= LETTERS and BELOW <= below <= 1 - BELOW
