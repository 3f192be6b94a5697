"""A compressed stream (zlib, gzip, bzip2, xz, LZMA, Zstandard, LZ4), as joblib and others write: unpacked, then walked.

Streams of one kind that follow one another are joined, as gzip, bz2 and lzma of Python do; what else follows is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from ...core.nouns import Place, Severity
from ..walk import FREE_EXPANSION, Walk, join
from . import lz4, zstd
from . import unpack as streams
from .member_names import escapes
from .opcodes import Broken
from .unpack import pieces

Pieces = Callable[[memoryview], Iterator[tuple[int, bytes]]]
GZIP, BGZF, DICTZIP = b"\x1f\x8b\x08", b"BC", b"RA"
KINDS: tuple[tuple[bytes, Pieces], ...] = (
    (GZIP, partial(pieces, streams.gunzip)),
    (b"BZh", partial(pieces, streams.bunzip)),
    (b"\xfd7zXZ\x00", partial(pieces, streams.unxz)),
    (b"\x5d\x00\x00", partial(pieces, streams.unxz)),
    (b"\x78\x01", partial(pieces, streams.unzlib)),
    (b"\x78\x5e", partial(pieces, streams.unzlib)),
    (b"\x78\x9c", partial(pieces, streams.unzlib)),
    (b"\x78\xda", partial(pieces, streams.unzlib)),
    (zstd.FRAME, partial(pieces, zstd.decoder)),
    (lz4.FRAME, lz4.pieces),
    (lz4.LEGACY, lz4.pieces),
)
"""How each begins, and what unpacks it."""
FRAMES = (zstd.FRAME, lz4.FRAME, lz4.LEGACY)
"""Kinds whose readers pass over frames that say of themselves that they are to be passed over."""
COST = 25
"""What one stream costs, in steps of a program."""
NAME, COMMENT, EXTRA = 0x8, 0x10, 0x4
"""Flags of what a gzip header holds."""
TEXT, MAX_TEXT = re.compile(rb"[\x20-\x7e\x80-\xff]*"), 4096
REMEDY = "compress the model again; nothing belongs behind it"


def sniff(data: memoryview) -> bool:
    """Whether this begins as a compressed stream."""
    return _kind(data) is not None or _passed_over(data) > 0


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Unpack every stream and walk what comes out. Raises Broken for a damaged one."""
    out, used, what, first = bytearray(), 0, path or "the file", _kind(data)
    frames: list[tuple[int, int]] = []
    while used < len(data):
        rest = data[used:]
        kind = _kind(rest)
        if (passed := _passed_over(rest)) and (first is None or first[0] in FRAMES):
            if not (zstd.size_ahead(rest[:passed], len(rest)) or zstd.seek_table(rest[:passed], frames)):
                _tell_passed(walk, path, used, rest[8:passed])
            used += passed
            continue
        if kind is None or (first is not None and kind[1] is not first[1]):
            padding = _padding(rest) if first is not None and first[0] in PADDED else 0
            if padding and _kind(rest[padding:]) == first:
                used += padding
                continue
            break
        walk.spend(COST)
        if not walk.opcodes_left:
            walk.skip(what, "its streams are too many for its size")
            return
        if kind[0] == GZIP:
            _gzip_header(walk, path, used, rest)
        before = len(out)
        first, count = first or kind, unpack(walk, kind[1], rest, out, what)
        if count is None:
            return
        frames.append((count, len(out) - before))
        used += count
    if not walk.fits(what, used, len(out)):
        return
    _trailing(walk, data, used, path)
    if first is not None:
        walk.enter(memoryview(out).toreadonly(), path)


PADDED = (GZIP, b"\xfd7zXZ\x00")
"""Kinds between whose streams zeros may stand."""


def _kind(data: memoryview) -> tuple[bytes, Pieces] | None:
    head = bytes(data[:6])
    return next((kind for kind in KINDS if head.startswith(kind[0])), None)


def _padding(data: memoryview) -> int:
    """How many zeros `data` begins with."""
    for begin in range(0, len(data), streams.PIECE):
        piece = bytes(data[begin : begin + streams.PIECE])
        if left := len(piece.lstrip(b"\0")):
            return begin + len(piece) - left
    return len(data)


def _passed_over(data: memoryview) -> int:
    """Bytes of a skippable frame of Zstandard or LZ4 at the beginning of `data`; 0 when there is none."""
    if len(data) < 8 or bytes(data[:4]) not in zstd.SKIPPABLE:
        return 0
    size = 8 + int.from_bytes(data[4:8], "little")
    return size if size <= len(data) else 0


def _tell_passed(walk: Walk, path: str, at: int, content: memoryview) -> None:
    message = f"a frame of {len(content)} bytes that readers pass over"
    walk.flaw("artifact.compressed.hidden", Severity.MEDIUM, Place(path, f"byte {at}"), message, REMEDY, ("CWE-506",))
    if len(content):
        walk.enter(content, join(path, f"byte {at}"))


def _trailing(walk: Walk, data: memoryview, used: int, path: str) -> None:
    rest = data[used:]
    if _padding(rest) == len(rest):
        return
    message, place = f"{len(rest)} bytes follow the compressed stream", Place(path, f"byte {used}")
    walk.flaw("artifact.compressed.trailing", Severity.MEDIUM, place, message, REMEDY)
    walk.enter(rest, join(path, f"byte {used}"))


def _gzip_header(walk: Walk, path: str, at: int, data: memoryview) -> None:
    """gzip's header may hold anything: an extra field (bgzip's and dictzip's are known), a name, a comment."""
    flags, pos = bytes(data[3:4]).ljust(1)[0], 10
    if flags & EXTRA:
        size = int.from_bytes(data[10:12], "little")
        pos, extra = 12 + size, bytes(data[12 : 12 + size])
        if len(extra) != size or not _known_field(extra):
            _tell_header(walk, path, at, f"an extra field of {size} bytes that is not understood")
    for flag, what in ((NAME, "name"), (COMMENT, "comment")):
        if flags & flag:
            text = bytes(data[pos : pos + MAX_TEXT]).partition(b"\0")[0]
            pos += len(text) + 1
            leaves = flag == NAME and escapes(text.decode("latin-1"))  # `gunzip --name` writes there
            if len(text) == MAX_TEXT or not TEXT.fullmatch(text) or leaves:
                _tell_header(walk, path, at, f"a {what} that is none")


def _known_field(extra: bytes) -> bool:
    """bgzip tells the size of a block, dictzip those of its chunks: a version, a length, a count, and the sizes."""
    kind, size, count = extra[:2], int.from_bytes(extra[2:4], "little"), int.from_bytes(extra[8:10], "little")
    if len(extra) != 4 + size:
        return False
    return (kind == BGZF and size == 2) or (kind == DICTZIP and extra[4:6] == b"\1\0" and size == 6 + 2 * count)


def _tell_header(walk: Walk, path: str, at: int, what: str) -> None:
    message = f"the header of the stream holds {what}"
    walk.flaw("artifact.compressed.hidden", Severity.MEDIUM, Place(path, f"byte {at}"), message, REMEDY, ("CWE-506",))


def unpack(walk: Walk, kind: Pieces, data: memoryview, out: bytearray, what: str) -> int | None:
    """Append one stream to `out`, for readers join the streams that follow one another.

    Returns how much input it took, or None when a limit was hit. Raises Broken, UnsupportedError.
    """
    used = 0
    for used, content in kind(data):
        out += content
        if len(out) > min(FREE_EXPANSION, walk.room) and not _would_fit(walk, used, len(out), what):
            return None
    if not used:
        raise Broken("the compressed stream is empty")
    return used


def _would_fit(walk: Walk, packed: int, unpacked: int, what: str) -> bool:
    before = walk.expanded, walk.room
    fits = walk.fits(what, packed, unpacked)
    walk.expanded, walk.room = before
    return fits
