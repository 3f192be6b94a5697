"""tar's own records: a header of 512 bytes, and the pax and GNU records that amend the one that follows.

Source: POSIX.1-2017 (pax, "ustar Interchange Format"), GNU tar's manual ("Basic Tar Format"), CPython's tarfile, whose
leniency (numbers as int() takes them, a signed checksum, a prefix whatever the mark) is what `opens` repeats.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .opcodes import Broken

BLOCK = 512
ZERO = bytes(BLOCK)
POSIX, GNU = b"ustar\x0000", b"ustar  \x00"
_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_PAX = re.compile(rb"([1-9][0-9]{0,8}) ([^=\x00]+)=")
MAX_RECORD = 1 << 20
"""Bytes of a long name or of pax records: paths end at 4 KiB, attributes at 64."""


@dataclass(frozen=True)
class Header:
    """One header. name, link: as bytes. hidden: bytes that stand behind the end of a text, which no reader looks at."""

    name: bytes
    size: int
    kind: bytes
    link: bytes
    prefixed: bool
    hidden: bool


def opens(data: memoryview) -> bool:
    """Whether Python's tarfile takes the first block for a header: its checksum holds, signed or not."""
    head = bytes(data[:BLOCK])
    if len(head) < BLOCK or head == ZERO:
        return False
    stated = _lenient(head[148:156])
    if stated is None:
        return False
    total = sum(head) - sum(head[148:156]) + 8 * 0x20
    high = sum(byte > 127 for byte in head[:148] + head[156:])
    return stated in (total, total - 256 * high)


def _lenient(field: bytes) -> int | None:
    if field[0] in (0o200, 0o377):
        return int.from_bytes(field[1:], "big")
    try:
        return int(field.partition(b"\0")[0].decode("ascii").strip() or "0", 8)
    except ValueError:
        return None


def header(data: memoryview, at: int) -> Header:
    """The header at `at`. Raises Broken for anything that two readers would read differently."""
    block = bytes(data[at : at + BLOCK])
    if len(block) < BLOCK:
        raise Broken("the archive is cut in a header", at)
    if _number(block[148:156], at) != sum(block) - sum(block[148:156]) + 8 * 0x20:
        raise Broken("the checksum of a header is wrong; readers stop here, or skip it", at)
    mark = block[257:265]
    sparse = block[156:157] == b"S"
    pieces = [block[0:100], block[157:257], block[265:297], block[297:329]]
    pieces += [] if sparse else [block[345:500]]
    name, link = _text(block[0:100]), _text(block[157:257])
    prefix = b"" if sparse else _text(block[345:500])
    for begin, end in ((100, 108), (108, 116), (116, 124), (136, 148), (329, 337), (337, 345)):
        _number(block[begin:end], at)
    hidden = any(piece.partition(b"\0")[2].strip(b"\0") for piece in pieces) or (not sparse and any(block[500:]))
    unknown = mark not in (POSIX, GNU) and (any(block[257:329]) or any(block[345:]))
    whole = prefix + b"/" + name if prefix else name
    return Header(
        whole, _number(block[124:136], at), block[156:157], link, bool(prefix) and mark != POSIX, hidden or unknown
    )


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes, at: int) -> int:
    """Octal digits, or a mark and big-endian bytes. Raises Broken for what only some readers take."""
    if field[0] == 0o200:
        return int.from_bytes(field[1:], "big")
    match = _OCTAL.fullmatch(field)
    if match is None:
        raise Broken("a number in a header is none, or negative; readers differ in what they make of it", at)
    return int(match[1] or b"0", 8)


def pax(body: memoryview, at: int) -> dict[str, bytes]:
    """Records of `length key=value\\n`. Raises Broken unless they fill the body, each key once."""
    found: dict[str, bytes] = {}
    data, pos = bytes(body), 0
    while pos < len(data):
        match = _PAX.match(data, pos)
        end = pos + int(match[1]) if match else 0
        if match is None or not match.end() < end <= len(data) or data[end - 1 : end] != b"\n":
            raise Broken("the pax records are damaged; readers differ in what they make of them", at + pos)
        key = match[2].decode("utf-8", "backslashreplace")
        if key in found:
            raise Broken("a pax record says the same thing twice", at + pos)
        found[key] = data[match.end() : end - 1]
        pos = end
    return found


def sparse_blocks(data: memoryview, at: int) -> int:
    """Blocks that continue the map of an old GNU sparse file behind its header at `at`."""
    count, more = 0, data[at + 482]
    while more:
        count += 1
        block = at + BLOCK * count
        if block + BLOCK > len(data):
            raise Broken("the map of a sparse file is cut", block)
        more = data[block + 504]
    return count
