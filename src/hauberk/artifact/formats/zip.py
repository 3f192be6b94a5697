"""Zip, read twice: by its central directory and by its local headers. Where the two disagree, so do its readers.

What a reader may see that another does not (names, sizes, flags, bytes between members) is a finding.
"""

from __future__ import annotations

import bz2
import lzma
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...core.nouns import Place, Severity
from ..walk import Walk, join, printable
from .opcodes import Broken

LOCAL, CENTRAL, END, END64, LOCATOR64 = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
CRC_MAX = 64 << 20
"""Stored members above this are tensors; their checksum is left to whoever loads them."""
ENCRYPTED, DESCRIPTOR = 0x1, 0x8
ZIP64_END = 76
"""Bytes of the zip64 end record and its locator."""
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class Member:
    """One member. name: as text. offset: of its local header; start, packed: of its bytes; size: unpacked."""

    name: str
    method: int
    flags: int
    crc: int
    packed: int
    size: int
    offset: int
    start: int
    mode: int


@dataclass(frozen=True)
class Archive:
    """An open zip: its bytes and its members, in the order of the central directory."""

    data: memoryview
    members: tuple[Member, ...]

    def named(self, name: str) -> Member | None:
        """The member of that exact name."""
        return next((m for m in self.members if m.name == name), None)


def sniff(data: memoryview) -> bool:
    """Whether a zip reader would open this: it begins with a member, or ends with a directory."""
    return bytes(data[:4]) in (LOCAL, END) or _end(data) is not None


def escapes(name: str) -> bool:
    """Whether unpacking a member of this name would leave the folder.

    >>> escapes("../a"), escapes("/a"), escapes("C:a"), escapes("a/b..c")
    (True, True, True, False)
    """
    parts = name.replace("\\", "/").split("/")
    return name[:1] in ("/", "\\") or ".." in parts or bool(_DRIVE.match(name))


def enter(walk: Walk, archive: Archive, member: Member, path: str) -> None:
    """Walk one member by its content."""
    if member.name.endswith("/") and member.size == 0:
        return
    content = read(walk, archive, member, path)
    if content is not None:
        walk.enter(content, join(path, printable(member.name)))


def open_zip(walk: Walk, data: memoryview, path: str) -> Archive | None:
    """Read the directory and hold it against the local headers; findings go to `walk`.

    None when a limit was hit. Raises Broken when there is no directory.
    """
    end = _end(data)
    if end is None:
        raise Broken("the zip has no central directory: it is truncated", len(data))
    count, size, begin = _directory(data, end)
    _after(walk, data, end, begin + size, path)
    if count > walk.limits.max_members - walk.members:
        walk.skip(path or "the file", f"more than {walk.limits.max_members} members")
        return None
    walk.members += count
    members = tuple(_central(data, begin, size, count))
    _disagreements(walk, data, members, path)
    _hidden(walk, data, members, begin, path)
    return Archive(data, members)


def read(walk: Walk, archive: Archive, member: Member, path: str) -> memoryview | None:
    """A member's bytes, or None with a skip or finding written down."""
    what = join(path, printable(member.name))
    if member.flags & ENCRYPTED:
        walk.skip(what, "it is encrypted")
        return None
    if not walk.fits(what, member.packed, member.size):
        return None
    raw = archive.data[member.start : member.start + member.packed]
    if len(raw) != member.packed:
        raise Broken(f"member {printable(member.name)!r} is truncated", member.start)
    content = _unpacked(walk, member, raw, what)
    if content is not None and len(content) <= CRC_MAX and zlib.crc32(content) != member.crc:
        raise Broken(f"member {printable(member.name)!r} does not match its checksum", member.start)
    return content


def _unpacked(walk: Walk, member: Member, raw: memoryview, what: str) -> memoryview | None:
    if member.method == 0:
        return raw
    maker = DECODERS.get(member.method)
    if maker is None:
        walk.skip(what, f"compression method {member.method} is not known")
        return None
    try:
        state, raw = maker(raw)
        content = state.decompress(raw, member.size + 1)
    except (zlib.error, OSError, lzma.LZMAError, ValueError, EOFError) as error:
        raise Broken(f"member {printable(member.name)!r} is damaged: {error}", member.start) from error
    if len(content) != member.size:
        raise Broken(f"member {printable(member.name)!r} does not unpack to its {member.size} bytes", member.start)
    return memoryview(content)


def _lzma(raw: memoryview) -> tuple[Any, memoryview]:
    """Zip's LZMA: a version, a length, then five bytes of properties."""
    size = int.from_bytes(raw[2:4], "little")
    filters = [lzma._decode_filter_properties(lzma.FILTER_LZMA1, bytes(raw[4 : 4 + size]))]  # type: ignore[attr-defined]
    if filters[0]["dict_size"] > 1 << 28:
        raise ValueError("its dictionary is larger than 256 MiB")
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters), raw[4 + size :]


DECODERS: dict[int, Callable[[memoryview], tuple[Any, memoryview]]] = {
    8: lambda raw: (zlib.decompressobj(-15), raw),
    12: lambda raw: (bz2.BZ2Decompressor(), raw),
    14: _lzma,
}


def _end(data: memoryview) -> int | None:
    """Where the end record stands: the last one whose comment reaches the end of the file, else the last one."""
    tail_at = max(0, len(data) - 65557)
    tail = bytes(data[tail_at:])
    at, last = tail.rfind(END), None
    while at >= 0:
        if at + 22 <= len(tail):
            last = at if last is None else last
            if at + 22 + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail):
                return tail_at + at
        at = tail.rfind(END, 0, at)
    return None if last is None else tail_at + last


def _directory(data: memoryview, end: int) -> tuple[int, int, int]:
    """(members, bytes, position) of the central directory. Raises Broken."""
    count, size, offset = struct.unpack("<HII", data[end + 10 : end + 20])
    if end >= 20 and bytes(data[end - 20 : end - 16]) == LOCATOR64:  # every reader obeys it where it stands
        at = int.from_bytes(data[end - 12 : end - 4], "little")
        if bytes(data[at : at + 4]) != END64 or at + 56 > len(data):
            raise Broken("the zip64 end record is missing", at)
        narrow, wide = (count, size, offset), struct.unpack("<QQQ", data[at + 32 : at + 56])
        if any(a not in (b, ones) for a, b, ones in zip(narrow, wide, (0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF), strict=True)):
            raise Broken("the two end records disagree about the directory", at)
        count, size, offset = wide
    if offset + size > end:
        raise Broken("the central directory does not fit in the file", end)
    return count, size, offset


def _central(data: memoryview, begin: int, size: int, count: int) -> list[Member]:
    members, at = [], begin
    while at < begin + size:
        if bytes(data[at : at + 4]) != CENTRAL or at + 46 > len(data):
            raise Broken("the central directory is damaged", at)
        member, at = _entry(data, at)
        members.append(member)
        if len(members) > count:
            break
    if len(members) != count:
        raise Broken(f"the directory says {count} members and lists {len(members)}", begin)
    return members


def _entry(data: memoryview, at: int) -> tuple[Member, int]:
    fields = struct.unpack("<HHHHHHIIIHHHHHII", data[at + 4 : at + 46])
    _, _, flags, method, _, _, crc, packed, size, n_name, n_extra, n_comment, _, _, mode, offset = fields
    name, extra = data[at + 46 : at + 46 + n_name], data[at + 46 + n_name : at + 46 + n_name + n_extra]
    size, packed, offset = _zip64(extra, size, packed, offset)
    start = offset + 30 + sum(struct.unpack("<HH", data[offset + 26 : offset + 30].tobytes().ljust(4, b"\0")))
    text = _name(name, flags)
    if _unicode_path(extra) not in (None, text):
        raise Broken(f"member {printable(text)!r} has a second name, which some readers take", at)
    after = at + 46 + n_name + n_extra + n_comment
    return Member(text, method, flags, crc, packed, size, offset, start, mode >> 16), after


def _name(raw: memoryview, flags: int) -> str:
    return str(raw, "utf-8", "surrogateescape") if flags & 0x800 else str(raw, "cp437")


def _unicode_path(extra: memoryview) -> str | None:
    """The name in Info-ZIP's extra field 0x7075, which stands in for the other; None when there is none."""
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack("<HH", extra[at : at + 4])
        if tag == 0x7075:
            return str(extra[at + 9 : at + 4 + length], "utf-8", "surrogateescape")
        at += 4 + length
    return None


def _zip64(extra: memoryview, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Zip64 values stand in for those that are all ones, in this order."""
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack("<HH", extra[at : at + 4])
        if tag == 1:
            values = [int.from_bytes(extra[i : i + 8], "little") for i in range(at + 4, at + 4 + length - 7, 8)]
            size = values.pop(0) if size == 0xFFFFFFFF and values else size
            packed = values.pop(0) if packed == 0xFFFFFFFF and values else packed
            offset = values.pop(0) if offset == 0xFFFFFFFF and values else offset
        at += 4 + length
    return size, packed, offset


def _disagreements(walk: Walk, data: memoryview, members: tuple[Member, ...], path: str) -> None:
    seen: set[str] = set()
    for member in members:
        place = Place(join(path, printable(member.name)))
        for rule, severity, what, reference in _complaints(data, member, seen):
            remedy = "do not unpack or load this archive; make it again with an ordinary writer"
            walk.flaw(f"artifact.archive.{rule}", severity, place, what, remedy, (reference,))
        seen.add(member.name)


def _complaints(data: memoryview, member: Member, seen: set[str]) -> list[tuple[str, Severity, str, str]]:
    found = []
    if member.name in seen:
        found.append(
            ("duplicate", Severity.HIGH, "two members have this name; readers differ in which to take", "CWE-436")
        )
    if escapes(member.name):
        found.append(("escape", Severity.HIGH, "unpacking writes outside its folder", "CWE-22"))
    if "\0" in member.name:
        found.append(("name", Severity.HIGH, "the name holds a zero byte; readers cut it there", "CWE-436"))
    if member.mode & 0o170000 == 0o120000:
        found.append(("link", Severity.HIGH, "the member is a symbolic link", "CWE-59"))
    if member.flags & ENCRYPTED:
        found.append(("encrypted", Severity.MEDIUM, "the member is encrypted; no scanner can read it", "CWE-506"))
    if differs := _differs(data, member):
        what = f"local header and central directory disagree about the {differs}; readers differ in which to take"
        found.append(("mismatch", Severity.HIGH, what, "CWE-436"))
    return found


def _differs(data: memoryview, member: Member) -> str:
    """What the local header says otherwise, in words; '' when they agree."""
    head = data[member.offset : member.offset + 30]
    if len(head) < 30 or bytes(head[:4]) != LOCAL:
        return "place of the member"
    _, flags, method, _, _, crc, packed, size, n_name, n_extra = struct.unpack("<HHHHHIIIHH", head[4:])
    name_at = member.offset + 30
    size, packed, _ = _zip64(data[name_at + n_name : name_at + n_name + n_extra], size, packed, 0)
    told_later = bool(flags & DESCRIPTOR) and (crc, packed, size) in ((0, 0, 0), (0, 0xFFFFFFFF, 0xFFFFFFFF))
    pairs = {
        "name": (_name(data[name_at : name_at + n_name], flags), member.name),
        "compression": (method, member.method),
        "flags": (flags & 0x9, member.flags & 0x9),
        "checksum": (crc, crc if told_later else member.crc),
        "packed size": (packed, packed if told_later else member.packed),
        "size": (size, size if told_later else member.size),
    }
    return next((what for what, (local, central) in pairs.items() if local != central), "")


def _hidden(walk: Walk, data: memoryview, members: tuple[Member, ...], begin: int, path: str) -> None:
    """Bytes that belong to no member: before the first, between two, or before the directory."""
    at = 0
    for member in sorted(members, key=lambda m: m.offset):
        gap = member.offset - at
        if gap < 0 or gap > 0:
            _tell_gap(walk, path, at, gap)
        at = member.start + member.packed + _descriptor(data, member)
    if begin - at:
        _tell_gap(walk, path, at, begin - at)


def _after(walk: Walk, data: memoryview, end: int, directory_end: int, path: str) -> None:
    """Bytes between the directory and its end record (zip64 puts 76 there), and behind that and its comment."""
    between = end - directory_end
    wide = end >= ZIP64_END and bytes(data[end - 20 : end - 16]) == LOCATOR64
    if between != (ZIP64_END if wide else 0):
        _tell_gap(walk, path, directory_end, between)
    behind = data[end + 22 :]
    left = len(behind) - int.from_bytes(data[end + 20 : end + 22], "little")
    if left or END in bytes(behind[:65536]):
        _tell_gap(walk, path, end + 22, left or len(behind))


def _descriptor(data: memoryview, member: Member) -> int:
    """Bytes of the data descriptor behind a member: 0, 12, 16, 20 or 24."""
    if not member.flags & DESCRIPTOR:
        return 0
    after = data[member.start + member.packed : member.start + member.packed + 24]
    signed = 4 if bytes(after[:4]) == b"PK\x07\x08" else 0
    wide = bytes(after[signed + 4 : signed + 20]) == struct.pack("<QQ", member.packed, member.size)
    return signed + (20 if wide else 12)


def _tell_gap(walk: Walk, path: str, at: int, gap: int) -> None:
    what = "two members overlap" if gap < 0 else f"{gap} bytes belong to no member"
    remedy = "do not load this archive; make it again with an ordinary writer"
    where = Place(path, f"byte {at}")
    severity = Severity.MEDIUM if gap > 0 else Severity.HIGH
    walk.flaw("artifact.archive.hidden", severity, where, what, remedy, ("CWE-436",))
