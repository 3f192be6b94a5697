"""Zip, read twice: by its central directory and by its local headers. Where the two disagree, so do its readers.

What a reader may see that another does not (names, sizes, flags, bytes between members, a second directory) is a
finding. See zip_records (where things are), zip_check (members), zip_layout (bytes that belong to no member).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...core.errors import InputError, UnsupportedError
from ...core.nouns import Place, Severity
from ..walk import Walk, join, printable
from . import unpack, zip_check, zip_layout
from .complaints import Complaints
from .member_names import escapes
from .opcodes import Broken
from .zip_check import MASKED, STRONG
from .zip_records import ENCRYPTED, END, LOCAL, Member, closes, directory, find_end, members, opens

__all__ = ["Archive", "Member", "enter", "escapes", "open_zip", "read", "sniff"]

CRC_MAX = 64 << 20
"""Stored members above this are tensors; their checksum is left to whoever loads them."""
EMPTY, COST = "empty", 25
"""COST: what one member costs, in steps of a program."""


@dataclass(frozen=True)
class Archive:
    """An open zip: its bytes and its members, in the order of the central directory."""

    data: memoryview
    members: tuple[Member, ...]

    def named(self, name: str) -> Member | None:
        """The member of that exact name; the first of them."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str, Member]:
        return {member.name: member for member in reversed(self.members)}


def sniff(data: memoryview) -> bool:
    """Whether a zip reader would open this: it begins with a member, or ends with a directory.

    A tar's last member may be a zip, which zipfile would open through the tar: that one is read by the tar's walker.
    """
    if bytes(data[:4]) in (LOCAL, END):
        return True
    end = find_end(data)
    if end is None:
        return False
    if closes(data, end):
        return True
    from . import tar

    return opens(data) and not tar.sniff(data)


def enter(walk: Walk, archive: Archive, member: Member, path: str) -> None:
    """Walk one member by its content."""
    content = read(walk, archive, member, path)
    if content is None or (not len(content) and member.name.endswith("/")):
        return
    place = join(path, printable(member.name))
    if len(content):
        walk.enter(content, place)
    else:
        walk.formats[place] = EMPTY


def open_zip(walk: Walk, data: memoryview, path: str, prefix: int = 0) -> Archive | None:
    """Read the directory and hold it against the local headers; findings go to `walk`.

    prefix: bytes before the archive that its offsets count and another reader accounts for.
    None when a limit was hit, or when members share bytes: a finding then says so. Raises Broken when there is no
    directory, or more than one.
    """
    end = find_end(data)
    if end is None:
        raise Broken("the zip has no central directory: it is truncated", len(data))
    where = directory(data, end)
    if where.count > walk.limits.max_members - walk.members:
        walk.skip(path or "the file", f"more than {walk.limits.max_members} members")
        return None
    walk.members += where.count
    walk.spend(COST * where.count)
    if not walk.opcodes_left:
        walk.skip(path or "the file", "its members are too many for its size")
        return None
    found = members(data, where)
    zip_check.check(Complaints(walk, path), data, found)
    if not zip_layout.check(walk, data, where, found, path, prefix):
        walk.skip(path or "the file", "its members overlap, so they were not unpacked")
        return None
    return Archive(data, tuple(found))


def read(walk: Walk, archive: Archive, member: Member, path: str) -> memoryview | None:
    """A member's bytes, or None with a skip or finding written down: one that is damaged does not hide the others."""
    what = join(path, printable(member.name))
    if member.flags & (ENCRYPTED | STRONG | MASKED):
        walk.skip(what, "it is encrypted")
        return None
    if not walk.fits(what, member.packed, member.size):
        return None
    try:
        content = _unpacked(member, archive.data[member.start : member.start + member.packed])
    except Broken as error:
        _tell_broken(walk, what, str(error))
        return None
    except InputError as error:
        walk.skip(what, str(error))
        return None
    if len(content) <= CRC_MAX and zlib.crc32(content) != member.crc:
        _tell_broken(walk, what, "the member does not match its checksum; some readers refuse it, others read on")
    return content


def _tell_broken(walk: Walk, what: str, message: str) -> None:
    remedy = "do not load this file; download it again and compare the digest"
    walk.flaw("artifact.zip.broken", Severity.HIGH, Place(what), f"zip: {message}", remedy, ("CWE-436",))


def _unpacked(member: Member, raw: memoryview) -> memoryview:
    if member.method == 0:
        if member.packed != member.size:
            raise Broken(f"the member is stored in {member.packed} bytes and says {member.size}", member.start)
        return raw
    if member.method == LZMA:
        return memoryview(_lzma(member, raw))
    maker = DECODERS.get(member.method)
    if maker is None:
        method = METHODS.get(member.method, "unknown")
        raise UnsupportedError(f"compression method {member.method} ({method}) is not read")
    return memoryview(unpack.whole(maker, raw, member.size, "the member"))


def _lzma(member: Member, raw: memoryview) -> bytes:
    """Zip's LZMA: a version, a length, then five bytes of properties. Flag bit 1 tells of an end mark."""
    import lzma

    size = int.from_bytes(raw[2:4], "little")
    filters = [(lzma.FILTER_LZMA1, bytes(raw[4 : 4 + size]))]
    unpacked = unpack.whole if member.flags & 0x2 else unpack.unmarked
    return unpacked(lambda: unpack.raw_lzma(filters), raw[4 + size :], member.size, "the member")


def _zstd() -> Any:
    from . import zstd

    return zstd.decoder()


LZMA = 14
DECODERS: dict[int, Callable[[], Any]] = {
    8: unpack.inflate, 12: unpack.bunzip, 20: _zstd, 93: _zstd, 95: unpack.unxz,
}  # fmt: skip
METHODS = {
    1: "shrink", 2: "reduce", 3: "reduce", 4: "reduce", 5: "reduce", 6: "implode", 9: "deflate64", 10: "PKWARE DCL",
    16: "z/OS CMPSC", 18: "IBM TERSE", 19: "LZ77", 94: "MP3", 96: "JPEG", 97: "WavPack", 98: "PPMd", 99: "AES",
}  # fmt: skip
