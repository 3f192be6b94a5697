"""One compressed stream (zlib, gzip, bzip2, xz), as joblib writes: unpacked within limits, then walked."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

from ...core.nouns import Place, Severity
from ..walk import FREE_EXPANSION, Walk
from .opcodes import Broken

CHUNK = 1 << 20
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
    unpacked, used = unpack(walk, make, data, path or "the file")
    if unpacked is None:
        return
    if used < len(data) and bytes(data[used:]).strip(b"\x00"):
        rest, message = data[used:], f"{len(data) - used} bytes follow the compressed stream"
        if not sniff(rest):
            remedy = "compress the model again; nothing belongs behind it"
            walk.flaw("artifact.compressed.trailing", Severity.MEDIUM, Place(path, f"byte {used}"), message, remedy)
        walk.enter(rest, f"{path}!byte {used}")
    walk.enter(memoryview(unpacked), path)


def unpack(walk: Walk, make: Callable[[], Any], data: memoryview, what: str) -> tuple[bytes | None, int]:
    """(the bytes, or None when a limit was hit; how much input was used). Raises Broken."""
    state, out, pos = make(), bytearray(), 0
    try:
        while pos < len(data) and not state.eof:
            piece = data[pos : pos + 65536]
            pos += len(piece)
            out += _feed(state, piece)
            if len(out) > FREE_EXPANSION and not _fits(walk, pos, len(out), what):
                return None, pos
    except (zlib.error, OSError, lzma.LZMAError, EOFError) as error:
        raise Broken(f"the compressed stream is damaged: {error}", pos) from error
    if not state.eof:
        raise Broken("the compressed stream is truncated", pos)
    walk.expanded += len(out)
    return bytes(out), pos - len(state.unused_data)


def _feed(state: Any, piece: memoryview) -> bytes:
    """64 KiB of input expand to 64 MiB at the very most with zlib, and are cut by the caller's next look."""
    return bytes(state.decompress(piece))


def _fits(walk: Walk, packed: int, unpacked: int, what: str) -> bool:
    before = walk.expanded
    fits = walk.fits(what, packed, unpacked)
    walk.expanded = before
    return fits
