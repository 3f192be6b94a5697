"""One compressed stream (zlib, gzip, bzip2, xz), as joblib writes: unpacked within limits, then walked."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from ...core.nouns import Place, Severity
from ..walk import FREE_EXPANSION, Walk
from .opcodes import Broken

CHUNK, PIECE = 1 << 20, 1 << 16
KINDS: tuple[tuple[bytes, Callable[[], Any]], ...] = (
    (b"\x1f\x8b\x08", lambda: zlib.decompressobj(31)),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\x00", lambda: lzma.LZMADecompressor(memlimit=1 << 28)),
    (b"\x5d\x00\x00", lambda: lzma.LZMADecompressor(memlimit=1 << 28)),
    (b"\x78\x01", zlib.decompressobj),
    (b"\x78\x5e", zlib.decompressobj),
    (b"\x78\x9c", zlib.decompressobj),
    (b"\x78\xda", zlib.decompressobj),
)


def sniff(data: memoryview) -> bool:
    """Whether this begins as a compressed stream."""
    return bytes(data[:6]).startswith(tuple(magic for magic, _ in KINDS))


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Unpack every stream and walk what comes out. Raises Broken for a damaged one."""
    make = next(make for magic, make in KINDS if bytes(data[:6]).startswith(magic))
    out, used, what = bytearray(), 0, path or "the file"
    while used < len(data) and (not used or sniff(data[used:])):
        count = unpack(walk, make, data[used:], out, what)
        if count is None:
            return
        used += count
    walk.expanded += len(out)
    if used < len(data) and bytes(data[used:]).strip(b"\x00"):
        message = f"{len(data) - used} bytes follow the compressed stream"
        remedy = "compress the model again; nothing belongs behind it"
        walk.flaw("artifact.compressed.trailing", Severity.MEDIUM, Place(path, f"byte {used}"), message, remedy)
        walk.enter(data[used:], f"{path}!byte {used}")
    walk.enter(memoryview(bytes(out)), path)


def unpack(walk: Walk, make: Callable[[], Any], data: memoryview, out: bytearray, what: str) -> int | None:
    """Append one stream to `out`, for readers join the streams that follow one another.

    Returns how much input it took, or None when a limit was hit. Raises Broken.
    """
    state, pos = make(), 0
    try:
        while not state.eof:
            piece = data[pos : pos + PIECE]
            pos += len(piece)
            for content in _contents(state, piece):
                out += content
                if len(out) > FREE_EXPANSION and not _fits(walk, pos, len(out), what):
                    return None
            if not piece and not state.eof:
                raise Broken("the compressed stream is truncated", pos)
    except (zlib.error, OSError, lzma.LZMAError, EOFError) as error:
        raise Broken(f"the compressed stream is damaged: {error}", pos) from error
    return pos - len(state.unused_data)


def _contents(state: Any, piece: memoryview) -> Iterator[bytes]:
    """What a piece expands to, CHUNK bytes at a time: bzip2 makes a gigabyte of 64 KiB."""
    content = state.decompress(piece, CHUNK)
    yield content
    while not state.eof and len(content) == CHUNK:
        content = state.decompress(getattr(state, "unconsumed_tail", b""), CHUNK)
        yield content


def _fits(walk: Walk, packed: int, unpacked: int, what: str) -> bool:
    before = walk.expanded
    fits = walk.fits(what, packed, unpacked)
    walk.expanded = before
    return fits
