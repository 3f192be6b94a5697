"""Zip's own records: the end of the archive, its zip64 twin, and the central directory.

Source: PKWARE APPNOTE 6.3.10. Where Python's zipfile, miniz (PyTorch), libzip and Info-ZIP look for the same thing in
different places, each place must give the same answer, or the archive is refused.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ..walk import printable
from . import zip_extra
from .opcodes import Broken

LOCAL, CENTRAL, END, END64, LOCATOR64 = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
ENCRYPTED, DESCRIPTOR, UTF8 = 0x1, 0x8, 0x800
END_SIZE, END64_SIZE, LOCATOR_SIZE = 22, 56, 20
ZIP64_END = END64_SIZE + LOCATOR_SIZE
TAIL = END_SIZE + 0xFFFF
"""The bytes in which a reader looks for the end record: itself, and its longest comment."""
NOTHING = memoryview(b"")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL_LENGTHS = struct.Struct("<HH")


@dataclass(frozen=True, slots=True)
class Member:
    """One member. name: as text; raw: as bytes. offset: of its local header; start, packed: of its bytes.

    size: unpacked. mode: of Unix; attributes: of DOS; needed: the version that a reader should know.
    extra, comment: of the directory. clean: whether zip64's numbers fit the others.
    """

    name: str
    method: int
    flags: int
    crc: int
    packed: int
    size: int
    offset: int
    start: int
    mode: int
    raw: bytes = b""
    attributes: int = 0
    needed: int = 20
    disk: int = 0
    extra: memoryview = NOTHING
    comment: memoryview = NOTHING
    clean: bool = True


@dataclass(frozen=True)
class Directory:
    """Where the central directory is. shift: bytes that stand before the archive and that its offsets do not count.

    end: of the end record. between: bytes that stand between the directory and its end records.
    """

    count: int
    size: int
    begin: int
    end: int
    shift: int
    between: int


def find_end(data: memoryview) -> int | None:
    """Where the end record stands: the last one whose comment reaches the end of the file, else the last one."""
    tail_at = max(0, len(data) - TAIL)
    tail = bytes(data[tail_at:])
    at, last, looked = tail.rfind(END), None, 0
    while at >= 0 and looked < MAX_ENDS:
        if at + END_SIZE <= len(tail):
            last = at if last is None else last
            if at + END_SIZE + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail):
                return tail_at + at
        at, looked = tail.rfind(END, 0, at), looked + 1
    return None if last is None else tail_at + last


def find_ends(data: memoryview, end: int) -> int:
    """How many end records a reader could take besides the one at `end`: any behind it, and those before it whose
    comment reaches the end of the file as well (one of an archive in an archive does not).
    """
    tail_at = max(0, len(data) - TAIL)
    tail = bytes(data[tail_at:])
    at, found, looked = tail.rfind(END), 0, 0
    while at >= 0 and looked < MAX_ENDS:
        size = int.from_bytes(tail[at + 20 : at + 22], "little")
        found += tail_at + at > end or (tail_at + at < end and at + END_SIZE + size == len(tail))
        at, looked = tail.rfind(END, 0, at), looked + 1
    return found


MAX_ENDS = 64
"""End records looked at; more than two are a finding anyway."""


def closes(data: memoryview, end: int) -> bool:
    """Whether the end record at `end` and its comment are the last bytes of the file."""
    return end + END_SIZE + int.from_bytes(data[end + 20 : end + 22], "little") == len(data)


def opens(data: memoryview) -> bool:
    """Whether Python's zipfile would open this: the last end record, and a directory in front of it."""
    tail_at = max(0, len(data) - TAIL)
    at = bytes(data[tail_at:]).rfind(END)
    if at < 0 or tail_at + at + END_SIZE > len(data):
        return False
    end = tail_at + at
    count, size = struct.unpack("<HI", data[end + 10 : end + 16])
    return bool(count) and size <= end and bytes(data[end - size : end - size + 4]) == CENTRAL


def directory(data: memoryview, end: int) -> Directory:
    """Read the end record, and zip64's if there is one. Raises Broken when two readers would find two directories."""
    disk, start_disk, here, count, size, offset = struct.unpack("<HHHHII", data[end + 4 : end + 20])
    wide = end >= ZIP64_END and bytes(data[end - LOCATOR_SIZE : end - LOCATOR_SIZE + 4]) == LOCATOR64
    if wide:
        narrow = (here, count, size, offset)
        here, count, size, offset = _wide(data, end, narrow)
        disk, start_disk = (0 if n == 0xFFFF else n for n in (disk, start_disk))
    if disk or start_disk or here != count:
        raise Broken("the archive is one part of several", end)
    free = end - (ZIP64_END if wide else 0) - offset - size
    if free < 0:
        raise Broken("the central directory does not fit in the file", end)
    if not free:
        return Directory(count, size, offset, end, 0, 0)
    by_offset, by_size = (bytes(data[at : at + 4]) == CENTRAL for at in (offset, offset + free))
    if by_offset and by_size:
        raise Broken("there are two central directories; readers differ in which to take", offset)
    if by_offset:
        return Directory(count, size, offset, end, 0, free)
    return Directory(count, size, offset + free, end, free, 0)


def _wide(data: memoryview, end: int, narrow: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Zip64's numbers. Python looks for the record right before its locator, miniz where the locator says."""
    disk, at, disks = struct.unpack("<IQI", data[end - 16 : end])
    if bytes(data[end - ZIP64_END : end - ZIP64_END + 4]) != END64 or at > end - ZIP64_END:
        raise Broken("the zip64 end record is missing", end - ZIP64_END)
    if bytes(data[at : at + 4]) != END64 or bytes(data[at : at + 56]) != bytes(data[end - 76 : end - 20]):
        raise Broken("the zip64 end record is not where its locator says", at)
    fixed, _, _, this, start, *values = struct.unpack("<QHHIIQQQQ", data[end - 72 : end - 20])
    if fixed != END64_SIZE - 12 or this or start or disk or disks > 1:
        raise Broken("the zip64 end record is of several parts, or longer than known", end - ZIP64_END)
    ones = (0xFFFF, 0xFFFF, zip_extra.ONES, zip_extra.ONES)
    if any(a not in (b, all_ones) for a, b, all_ones in zip(narrow, values, ones, strict=True)):
        raise Broken("the two end records disagree about the directory", end - ZIP64_END)
    here, count, size, offset = values
    return here, count, size, offset


def members(data: memoryview, where: Directory) -> list[Member]:
    """Read the central directory. Raises Broken unless it holds just as many entries as it says."""
    found: list[Member] = []
    at, close = where.begin, where.begin + where.size
    while at < close:
        if at + _CENTRAL.size > close or bytes(data[at : at + 4]) != CENTRAL or len(found) == where.count:
            raise Broken("the central directory is damaged", at)
        member, at = _entry(data, at, where.shift)
        found.append(member)
    if len(found) != where.count or at != close:
        raise Broken(f"the directory says {where.count} members and lists {len(found)}", where.begin)
    return found


def _entry(data: memoryview, at: int, shift: int) -> tuple[Member, int]:
    values = _CENTRAL.unpack(data[at : at + 46])
    _, _, needed, flags, method, _, _, crc, packed, size, n_name, n_extra, n_comment, disk, _, outer, offset = values
    names = at + 46
    raw, extra = bytes(data[names : names + n_name]), data[names + n_name : names + n_name + n_extra]
    after = names + n_name + n_extra + n_comment
    real = zip_extra.wide(extra, size, packed, offset) if n_extra else zip_extra.Sizes(size, packed, offset, True)
    place = real.offset + shift
    start = place + 30 + sum(_LOCAL_LENGTHS.unpack(bytes(data[place + 26 : place + 30]).ljust(4, b"\0")))
    text = decoded(raw, flags)
    if start + real.packed > len(data):
        raise Broken(f"member {printable(text)!r} does not fit in the file", at)
    return Member(
        text, method, flags, crc, real.packed, real.size, place, start, outer >> 16, raw, outer & 0xFFFF, needed, disk,
        extra, data[after - n_comment : after], real.clean,
    ), after  # fmt: skip


def decoded(raw: bytes, flags: int) -> str:
    """A name as text: UTF-8 where its flag says so, else the code page of the first PCs."""
    return raw.decode("utf-8", "surrogateescape") if flags & UTF8 else raw.decode("cp437")
