"""Media in chunks of a stated length: RIFF (WebP, WAV), Ogg, MP4, fonts, BMP and icons, walked to their end.

What a decoder makes of the samples is not judged; what stands beside them, and behind the end, is looked through.
Sources: RIFF (Microsoft 1991), RFC 3533, ISO 14496-12, the OpenType and WOFF specifications.
"""

from __future__ import annotations

from ..walk import Walk, printable
from .behind import behind, metadata
from .opcodes import Broken

RIFF_FORMS = (b"WEBP", b"WAVE")
SAMPLES = frozenset((b"VP8 ", b"VP8L", b"ALPH", b"ANMF", b"data", b"mdat"))
"""Chunks of pixels and samples; all others are looked through."""
BOXES = frozenset((b"ftyp", b"moov", b"mdat", b"free", b"skip", b"moof", b"mfra", b"uuid", b"wide", b"sidx", b"styp",
                   b"meta", b"pnot", b"udta", b"emsg", b"prft", b"pdin"))  # fmt: skip
FONT_MARKS = (b"\0\1\0\0", b"OTTO", b"true")


def sniff_riff(data: memoryview) -> bool:
    """Whether this is RIFF of a form that is known."""
    return bytes(data[:4]) == b"RIFF" and bytes(data[8:12]) in RIFF_FORMS


def walk_riff(walk: Walk, data: memoryview, path: str) -> None:
    """Walk the chunks. Raises Broken."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise Broken(f"the header says {end} bytes, the file has {len(data)}", 4)
    walk.formats[path] = {b"WEBP": "webp", b"WAVE": "wav"}[bytes(data[8:12])]
    pos = 12
    while pos + 8 <= end:
        kind, size = bytes(data[pos : pos + 4]), int.from_bytes(data[pos + 4 : pos + 8], "little")
        if pos + 8 + size > end:
            raise Broken(f"chunk {kind!r} says {size} bytes, {end - pos - 8} are left", pos)
        if kind not in SAMPLES:
            metadata(walk, data[pos + 8 : pos + 8 + size], path, f"chunk {printable(kind.decode('latin-1'))}")
        pos += 8 + size + size % 2
    behind(walk, data, max(min(pos, end), 12), path, walk.formats[path])


def sniff_ogg(data: memoryview) -> bool:
    """Whether this begins as Ogg."""
    return bytes(data[:5]) == b"OggS\0"


def walk_ogg(walk: Walk, data: memoryview, path: str) -> None:
    """Walk the pages. Raises Broken."""
    pos, pages = 0, 0
    while bytes(data[pos : pos + 5]) == b"OggS\0":
        count = data[pos + 26] if pos + 27 <= len(data) else 256
        end = pos + 27 + count
        if end > len(data):
            raise Broken("a page is cut", pos)
        end += sum(data[pos + 27 : pos + 27 + count])
        if end > len(data):
            raise Broken("a page is cut", pos)
        if pages < 4:
            metadata(walk, data[pos:end], path, f"page {pages}")
        pos, pages = end, pages + 1
    behind(walk, data, pos, path, "sound")


def sniff_mp4(data: memoryview) -> bool:
    """Whether this begins with the box that names an MP4 file's brand."""
    return bytes(data[4:8]) == b"ftyp" and 16 <= int.from_bytes(data[:4], "big") <= 256


def walk_mp4(walk: Walk, data: memoryview, path: str) -> None:
    """Walk the outer boxes. Raises Broken."""
    pos = 0
    while pos + 8 <= len(data) and bytes(data[pos + 4 : pos + 8]) in BOXES:
        kind, size, head = bytes(data[pos + 4 : pos + 8]), int.from_bytes(data[pos : pos + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[pos + 8 : pos + 16], "big"), 16
        size = len(data) - pos if size == 0 else size
        if size < head or pos + size > len(data):
            raise Broken(f"box {kind!r} says {size} bytes, {len(data) - pos} are left", pos)
        if kind not in SAMPLES:
            metadata(walk, data[pos + head : pos + size], path, f"box {kind.decode()}")
        pos += size
    behind(walk, data, pos, path, "film")


def sniff_font(data: memoryview) -> bool:
    """Whether this begins as a font with a table of tables, every one inside the file."""
    if bytes(data[:4]) not in FONT_MARKS or len(data) < 28:
        return False
    count = int.from_bytes(data[4:6], "big")
    return 0 < count <= 64 and len(data) >= 12 + 16 * count and all(b in PRINTED for b in bytes(data[12:16]))


PRINTED = range(0x20, 0x7F)


def walk_font(walk: Walk, data: memoryview, path: str) -> None:
    """Walk the tables: inside the file, not overlapping, with no more than padding between them. Raises Broken."""
    count = int.from_bytes(data[4:6], "big")
    rows = [data[12 + 16 * n : 28 + 16 * n] for n in range(count)]
    spans = sorted(
        (int.from_bytes(row[8:12], "big"), int.from_bytes(row[12:16], "big"), bytes(row[:4])) for row in rows
    )
    at = 12 + 16 * count
    for begin, size, tag in spans:
        if begin + size > len(data):
            raise Broken(f"table {tag!r} ends behind the file", begin)
        if begin > at + 3 and any(data[at:begin]):
            behind(walk, data[:begin], at, path, "font's tables")
        if tag == b"name":
            metadata(walk, data[begin : begin + size], path, "table name")
        at = max(at, begin + size)
    behind(walk, data, at, path, "font")


def sniff_woff(data: memoryview) -> bool:
    """Whether this is a packed font whose length is that of the file."""
    return bytes(data[:4]) in (b"wOFF", b"wOF2") and len(data) >= 44


def walk_woff(walk: Walk, data: memoryview, path: str) -> None:
    """Hold its length against the file. Raises Broken."""
    size = int.from_bytes(data[8:12], "big")
    if size > len(data) or size < 44:
        raise Broken(f"the header says {size} bytes, the file has {len(data)}", 8)
    behind(walk, data, size, path, "font")


def sniff_bmp(data: memoryview) -> bool:
    """Whether this is a bitmap: its mark, a header of a known length, pixels inside the file."""
    return (
        bytes(data[:2]) == b"BM"
        and len(data) > 26
        and int.from_bytes(data[14:18], "little") in (12, 40, 52, 56, 108, 124)
    )


def walk_bmp(walk: Walk, data: memoryview, path: str) -> None:
    """Hold its lengths against the file. Raises Broken."""
    size, pixels = int.from_bytes(data[2:6], "little"), int.from_bytes(data[10:14], "little")
    if size > len(data) or pixels > size or pixels < 26:
        raise Broken(f"the header says {size} bytes, the file has {len(data)}", 2)
    behind(walk, data, size or len(data), path, "picture")


def sniff_icon(data: memoryview) -> bool:
    """Whether this is a table of icons, each inside the file."""
    count = int.from_bytes(data[4:6], "little")
    if bytes(data[:4]) not in (b"\0\0\1\0", b"\0\0\2\0") or not 0 < count <= 64 or len(data) < 6 + 16 * count:
        return False
    first = int.from_bytes(data[18:22], "little")
    return first == 6 + 16 * count


def walk_icon(walk: Walk, data: memoryview, path: str) -> None:
    """Walk each icon: a PNG, or a bitmap without its first header. Raises Broken."""
    end = 6 + 16 * int.from_bytes(data[4:6], "little")
    for n in range(int.from_bytes(data[4:6], "little")):
        row = data[6 + 16 * n : 22 + 16 * n]
        size, begin = int.from_bytes(row[8:12], "little"), int.from_bytes(row[12:16], "little")
        if begin != end or begin + size > len(data) or size < 8:
            raise Broken(f"icon {n} stands at {begin}, the one before ends at {end}", begin)
        if bytes(data[begin : begin + 4]) == b"\x89PNG":
            walk.enter(data[begin : begin + size], f"{path}!icon {n}")
        elif int.from_bytes(data[begin : begin + 4], "little") not in (12, 40, 124):
            raise Broken(f"icon {n} is neither a PNG nor a bitmap", begin)
        end = begin + size
    behind(walk, data, end, path, "icon")
